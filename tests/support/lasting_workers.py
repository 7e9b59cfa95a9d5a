"""Lends the processes that read files, and keeps them from one test to the next.

A process takes longer to start than most tests take that need it. The bot's own pool belongs to one event loop,
and each test has its own; these processes are reached over sockets, which any loop can use. The pool itself is
tested in `tests/bot/runtime/test_worker_pool.py` and by every scenario.
"""

import asyncio
import atexit
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bot.datasets import WORKER_MODULE
from bot.errors import TooMuchWork
from bot.ports.workers import WorkKind

_LENGTH_BYTES: Final = 4


class LastingWorker:
    """One process, see Worker in `bot/ports/workers.py`."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", WORKER_MODULE],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                env=environment,
            )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    async def send(self, *parts: bytes) -> None:
        content = b"".join(parts)
        message = len(content).to_bytes(_LENGTH_BYTES, "big") + content
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, message)
        except ConnectionError as error:
            raise _ended() from error

    async def receive(self) -> bytes:
        return await self._read(int.from_bytes(await self._read(_LENGTH_BYTES), "big"))

    def end(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        self._socket.close()

    async def _read(self, length: int) -> bytes:
        read = bytearray()
        while len(read) < length:
            piece = await asyncio.get_running_loop().sock_recv(self._socket, length - len(read))
            if not piece:
                raise _ended()
            read += piece
        return bytes(read)


class LastingWorkers:
    """Lends them, see Workers in `bot/ports/workers.py`. There are as many as were needed at once."""

    def __init__(self) -> None:
        self._idle: list[LastingWorker] = []

    @asynccontextmanager
    async def worker(self, kind: WorkKind, person: str) -> AsyncIterator[LastingWorker]:
        """Lend a process for the block; one that ends with an error ends its process, as in the bot."""
        worker = self._take()
        try:
            yield worker
        except BaseException:
            worker.end()
            raise
        self._idle.append(worker)

    def end(self) -> None:
        """End every process that is not lent."""
        while self._idle:
            self._idle.pop().end()

    def _take(self) -> LastingWorker:
        while self._idle:
            worker = self._idle.pop()
            if not worker.ended:
                return worker
            worker.end()
        return LastingWorker()


def _ended() -> TooMuchWork:
    return TooMuchWork("The process that read this file ended before it was done.")


LASTING_WORKERS: Final = LastingWorkers()
atexit.register(LASTING_WORKERS.end)
