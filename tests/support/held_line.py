"""A relay on loopback that can hold back what one side sends, as a long way over the network does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

_CLOSE_FRAME = 0x88  # RFC 6455, section 5.2: the last fragment, opcode 8


class HeldLine:
    """Passes on connections to a server; `hold` delays what the clients of the present connections send."""

    def __init__(self, url: str) -> None:
        self.url = ""
        self.held_close = asyncio.Event()
        self._server = urlsplit(url)
        self._gates: list[asyncio.Event] = []

    def hold(self) -> None:
        """Pass on nothing more of what clients send on connections that are open now, until `release`."""
        for gate in self._gates:
            gate.clear()

    def release(self) -> None:
        """Pass on what was held back, in order."""
        for gate in self._gates:
            gate.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection until both directions have ended."""
        up_reader, up_writer = await asyncio.open_connection(self._server.hostname, self._server.port)
        gate = asyncio.Event()
        gate.set()
        self._gates.append(gate)
        await asyncio.gather(self._copy(reader, up_writer, gate), self._copy(up_reader, writer, None))

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event | None
    ) -> None:
        with suppress(ConnectionError):
            while content := await reader.read(65_536):
                if gate is not None and not gate.is_set():
                    if content[0] == _CLOSE_FRAME:
                        self.held_close.set()
                    await gate.wait()
                writer.write(content)
                await writer.drain()
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def held_line(url: str) -> AsyncIterator[HeldLine]:
    """Serve a relay to the server of this address inside the block."""
    line = HeldLine(url)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    line.url = f"http://{host}:{port}"
    async with server:
        yield line
        line.release()
