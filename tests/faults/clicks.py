"""A click on “Start tuning” through the real use cases, a real database file and a real backend, in a process
that kills itself at a chosen step of it.

    python -m tests.faults.clicks DIRECTORY BACKEND FIRST EVERY < told.json

A step is one crossing of the border between the click's coroutine and the event loop: each `await` that waits has
two, one when it begins to wait and one when it has its answer and nobody has looked at it yet. The process forks
once for each step FIRST, FIRST + EVERY, ... and ends with the first fork that runs through. Nothing in the product
knows of this. `told.json` holds the arguments of `options`.
"""

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from bot.backends import PROFILES, BackendOptions, build_backends, build_gcs_files
from bot.domain import Dataset, Hyperparameters, Place, Proposal, TuningSpec
from bot.metrics import Metrics
from bot.poller import Poller
from bot.ports import Clock
from bot.tuning import Tuning
from storage.audit import SqliteJournal
from storage.conversations import SqliteChatStore
from storage.database import Database
from storage.jobs import SqliteJobStore
from tests.bot.backends.worlds import BASES, BUCKET, PATIENCE, rows

T = TypeVar("T")
TEAM, ADA = "T1", "U1"
FILE: Final = f"gs://{BUCKET}/numbers.jsonl"
NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Mortal:
    """Awaits a coroutine and ends the process at its step number `last`; `steps` counts them."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], last: int) -> None:
        self._coroutine = coroutine
        self._last = last
        self.steps = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._coroutine.__await__()
        thrown: BaseException | None = None
        while True:
            try:
                future = inner.send(None) if thrown is None else inner.throw(thrown)
            except StopIteration as done:
                return done.value
            self._step()
            try:
                yield future
            except BaseException as error:  # noqa: BLE001 - handed on as the event loop handed it in
                thrown = error
            else:
                thrown = None
            self._step()

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class OwnClock:
    """Stands until it is set forward."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time


@dataclass(frozen=True, slots=True)
class Room:
    """What a process of the bot has of all this."""

    database: Database
    jobs: SqliteJobStore
    tuning: Tuning
    poller: Poller

    async def click(self, key: str) -> None:
        """What a submitted report does: the row, the acknowledgement, the start."""
        job = await self.tuning.accept(TEAM, key, ADA)
        await asyncio.sleep(0)  # Slack is answered here
        if job is not None:
            await self.tuning.submit(job)


@asynccontextmanager
async def room(file: Path, backend: str, told: BackendOptions, clock: Clock) -> AsyncIterator[Room]:
    """Open the database and the backend."""
    async with AsyncExitStack() as stack:
        database = Database(file)
        await database.open()
        stack.push_async_callback(database.close)
        backends = build_backends([backend], told)
        stack.push_async_callback(backends[backend].close)
        files = build_gcs_files(told)
        stack.push_async_callback(files.close)
        jobs = SqliteJobStore(database)
        chats, journal = SqliteChatStore(database, clock), SqliteJournal(database, clock)
        tuning = Tuning(backends, jobs, chats, journal, {"gs": files}, clock, lambda: None)
        yield Room(database, jobs, tuning, Poller(tuning, jobs, clock, Metrics(), 5.0))


def options(project: str, token: str, url: str) -> BackendOptions:
    """What the settings would say to reach the stand-in."""
    return BackendOptions(
        project=project,
        bucket=BUCKET,
        access_token=token,
        vertex_url=url,
        genai_url=url,
        storage_url=url,
        patience=PATIENCE,
    )


def content(backend: str) -> bytes:
    """The training file."""
    return rows(PROFILES[backend].dialect) * 2


def proposal(key: str, backend: str) -> Proposal:
    """A checked start of that file."""
    data = content(backend)
    training = Dataset(
        location=FILE,
        name="numbers.jsonl",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        examples=data.count(b"\n"),
        dialect=PROFILES[backend].dialect,
    )
    spec = TuningSpec(
        backend=backend,
        base_model=BASES[backend],
        name=key,
        hyperparameters=Hyperparameters(epochs=3),
        training=training,
    )
    return Proposal(key, Place(TEAM, "C1"), ADA, spec, NOW)


def key_of(backend: str, step: int) -> str:
    """The job's key in the run that ends at this step."""
    return f"tb-{backend}-{step:05d}"


async def run(directory: Path, backend: str, told: BackendOptions, step: int) -> None:
    """Click, and die at the step if the click has so many."""
    key = key_of(backend, step)
    async with room(directory / f"{key}.db", backend, told, OwnClock()) as here:
        await here.jobs.add_proposal(proposal(key, backend))
        await Mortal(here.click(key), step)


def main() -> None:
    """One fork after the other."""
    directory, backend, first, every = sys.argv[1:]
    told = options(**msgspec.json.decode(sys.stdin.buffer.read(), type=dict[str, str]))
    step = int(first)
    while True:
        child = os.fork()
        if not child:
            asyncio.run(run(Path(directory), backend, told, step))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(os.waitstatus_to_exitcode(status))
        step += int(every)


if __name__ == "__main__":
    main()
