"""Owns the processes in which files are checked, repaired and converted.

Reading rows holds Python's global lock, so in a thread of the bot it would delay every acknowledgement. A process
can also be ended in the middle of its work, and a file that ends its process does not end the bot. Messages are
four bytes of length and as many bytes; the meaning of a message is not known here.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from bot.errors import TooMuchWork
from bot.ports.workers import WorkKind
from bot.runtime.fair_queue import FairQueue, QueueFull

logger = logging.getLogger(__name__)

IDLE_SECONDS: Final = 60.0  # for the next file; a process starts in about a quarter of a second and holds 30 MB
MOST_IDLE: Final = 2
MOST_WAITING: Final = 10_000
ANSWER_SECONDS: Final = 600.0  # for one piece of a file, also on a busy machine
END_SECONDS: Final = 2.0
_LENGTH_BYTES: Final = 4
# No process gets the bot's environment: it holds the tokens, and the process reads strangers' bytes.
_KEPT_VARIABLES: Final = ("LANG", "LC_ALL", "PATH", "TMPDIR")


def work_queues(processors: int | None = None) -> dict[WorkKind, FairQueue]:
    """Return a queue for each kind of work, which bounds how much of it runs at once on so many processors.

    One person never holds all places of a kind, so that another one's file does not wait for theirs.
    """
    number = max(2, processors or os.cpu_count() or 1)
    return {
        WorkKind.SMALL_CHECK: FairQueue(2, 1, MOST_WAITING),
        WorkKind.CHECK: FairQueue(number, number - 1, MOST_WAITING),
        # A conversion mostly waits for Slack and for Cloud Storage.
        WorkKind.CONVERSION: FairQueue(2 * number, 2 * number - 1, MOST_WAITING),
    }


class WorkerProcess:
    """One process, see Worker in `bot/ports/workers.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._input = process.stdin
        self._output = process.stdout

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def send(self, *parts: bytes) -> None:
        self._input.write(sum(map(len, parts)).to_bytes(_LENGTH_BYTES, "big"))
        self._input.writelines(parts)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._input.drain()
        except (ConnectionError, TimeoutError) as error:
            raise await self._failure() from error

    async def receive(self) -> bytes:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                length = int.from_bytes(await self._output.readexactly(_LENGTH_BYTES), "big")
                return await self._output.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            raise await self._failure() from error

    def kill(self) -> None:
        """End the process at once."""
        if not self.ended:
            self._process.kill()
        self._input.close()

    async def wait(self) -> None:
        """Wait until the process has ended."""
        await self._process.wait()

    async def _failure(self) -> TooMuchWork:
        # First a moment to end by itself: `kill` of a process that has just ended would hide how it ended.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), END_SECONDS)
        self.kill()
        code = await self._process.wait()
        logger.warning("a process that read a file ended with the code %s", code)
        if code == -signal.SIGXCPU:
            return TooMuchWork(
                "Reading this file takes too long, so I stopped. Nothing was started.",
                "Split the file, or write its rows in a simpler form.",
            )
        return TooMuchWork(
            "The process that read this file ended before it was done, perhaps for lack of memory. "
            "Nothing was started.",
            "Try again; if it happens again, split the file or shorten its longest rows.",
        )


class WorkerPool:
    """Starts processes of one module when they are needed, and ends them when they were idle for a minute."""

    def __init__(
        self, module: str, queues: Mapping[WorkKind, FairQueue], idle_seconds: float = IDLE_SECONDS
    ) -> None:
        """`module` is run with `python -m`; it reads messages from its input and writes them to its output."""
        self._module = module
        self._idle_seconds = idle_seconds
        self._queues = queues
        self._idle: dict[WorkerProcess, asyncio.TimerHandle] = {}
        self._all: set[WorkerProcess] = set()
        self._closed = False

    @property
    def process_ids(self) -> Sequence[int]:
        """The ids of the processes that run now."""
        return [process.process_id for process in self._all if not process.ended]

    def waiting(self, kind: WorkKind) -> int:
        """Return how many files wait for a place among work of this kind."""
        return self._queues[kind].waiting

    @asynccontextmanager
    async def worker(self, kind: WorkKind, person: str) -> AsyncIterator[WorkerProcess]:
        """See Workers in `bot/ports/workers.py`."""
        async with self._turn(kind, person):
            process = await self._take()
            try:
                yield process
            except BaseException:
                # Its work may not have ended, and nobody waits for it any more.
                process.kill()
                raise
            self._keep(process)

    @asynccontextmanager
    async def _turn(self, kind: WorkKind, person: str) -> AsyncIterator[None]:
        try:
            async with self._queues[kind].turn(person):
                yield
        except QueueFull as error:
            raise TooMuchWork(
                f"{self.waiting(kind):,} files wait to be read already. Nothing was started.",
                "Try again in some minutes.",
                passing=True,
            ) from error

    async def close(self) -> None:
        """End every process, also in the middle of its work."""
        self._closed = True
        for timer in self._idle.values():
            timer.cancel()
        self._idle.clear()
        ending = list(self._all)
        for process in ending:
            process.kill()
        await asyncio.gather(*(process.wait() for process in ending))
        self._all.clear()

    async def _take(self) -> WorkerProcess:
        self._all = {process for process in self._all if not process.ended}
        while self._idle:
            process, timer = self._idle.popitem()
            timer.cancel()
            if not process.ended:
                return process
        return await self._start()

    def _keep(self, process: WorkerProcess) -> None:
        if self._closed or process.ended or len(self._idle) >= MOST_IDLE:
            process.kill()
            return
        timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._end_idle, process)
        self._idle[process] = timer

    def _end_idle(self, process: WorkerProcess) -> None:
        del self._idle[process]
        process.kill()

    async def _start(self) -> WorkerProcess:
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        # The process finds the same packages as the bot, wherever it was started.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", self._module),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environment,
                # Ctrl-C in a terminal reaches the bot alone, which then ends its processes in order.
                start_new_session=True,
            )
        except OSError as error:
            raise TooMuchWork(
                f"I could not start a process that reads your file: {error.strerror}. Nothing was started.",
                "Try again in a minute; if it happens again, tell the person who runs me.",
                passing=True,
            ) from error
        started = WorkerProcess(process)
        self._all.add(started)
        if self._closed:
            started.kill()
        return started
