"""A small CONNECT proxy on loopback, and TLS in front of servers that speak plain HTTP.

The proxy passes on bytes that it cannot read, to hosts that only it can find (RFC 9110, section 9.3.6), as the
proxy of a company does for Slack and Google.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.forward_proxy import pass_on


@dataclass
class ConnectProxy:
    """`ports` maps the host names that it finds to local ports; `targets` counts the tunnels to each host."""

    ports: dict[str, int]
    url: str = ""
    targets: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Open one tunnel, or refuse what is no CONNECT to a known host."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, *_ = head.split(" ")
            host = target.rpartition(":")[0]
            if method != "CONNECT" or host not in self.ports:
                self.refused.append(f"{method} {target}")
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
            else:
                self.targets[host] += 1
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await pass_on(reader, writer, "127.0.0.1", self.ports[host])
        writer.close()


@asynccontextmanager
async def connect_proxy(ports: dict[str, int]) -> AsyncIterator[ConnectProxy]:
    """Serve a proxy inside the block."""
    proxy = ConnectProxy(ports)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    proxy.url = f"http://{host}:{port}"
    async with server:
        yield proxy


@asynccontextmanager
async def tls_in_front(url: str, certificate: Path) -> AsyncIterator[int]:
    """Serve TLS in front of a plain server inside the block; yields the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    behind = urlsplit(url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await pass_on(reader, writer, str(behind.hostname), behind.port or 80)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def write_certificate(path: Path, hosts: Sequence[str]) -> Path:
    """Write a certificate for these hosts that signs itself, with its key, as one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tunebot test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
