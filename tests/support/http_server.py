"""A tiny HTTP server with one answer, for what the stand-in of Google never does, and ports for other servers."""

import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

# Below the ports that the kernel gives to sockets that ask for any (ip(7), ip_local_port_range): nothing takes a
# free port in the seconds in which the program starts that is to listen there.
PORTS: Final = range(20_000, 32_000)


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """Serve this answer to everything on a loopback port; yields its URL."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/"
    finally:
        await runner.cleanup()


def free_port() -> int:
    """Return a port on which nothing listens, for a program that starts later. Raises OSError if there is none."""
    chance = random.SystemRandom()
    for _ in range(100):
        port = chance.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
