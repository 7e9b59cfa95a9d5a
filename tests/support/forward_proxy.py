"""A small HTTP proxy on loopback that passes on plain requests and counts where they went."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class ForwardProxy:
    """`targets` counts the connections to each `host:port`."""

    url: str = ""
    targets: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection to the host that its first request names; both directions until one ends."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            first = await reader.readuntil(b"\r\n")
            # A request to a proxy names the whole URL (RFC 9112, section 3.2.2).
            target = urlsplit(first.split(b" ")[1].decode())
            self.targets[target.netloc] += 1
            await pass_on(reader, writer, str(target.hostname), target.port or 80, first)
        writer.close()


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int, first: bytes = b""
) -> None:
    """Connect to the host, send it `first`, and copy both directions until one ends. Raises OSError."""
    up_reader, up_writer = await asyncio.open_connection(host, port)
    up_writer.write(first)
    await asyncio.wait(
        [
            asyncio.create_task(_copy(reader, up_writer)),
            asyncio.create_task(_copy(up_reader, writer)),
        ]
    )


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while content := await reader.read(65_536):
            writer.write(content)
            await writer.drain()
    with suppress(ConnectionError):
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def forward_proxy() -> AsyncIterator[ForwardProxy]:
    """Serve a proxy inside the block."""
    proxy = ForwardProxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    proxy.url = f"http://{host}:{port}"
    async with server:
        yield proxy
