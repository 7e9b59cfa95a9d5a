"""Presses a button through the real use cases, a real database file and a real backend, in a process that kills
itself at a chosen step of the work.

    python -m tests.faults.kill_points DIRECTORY BACKEND BUTTON FIRST EVERY LAST < addresses.json

A step is one change between the coroutine of that work and the event loop: each `await` that waits has two, one
when it begins to wait and one when it has its answer and nothing has read it yet. The process forks
once for each step FIRST, FIRST + EVERY, ... and ends after LAST, or with the first fork that runs through. Nothing
in the product knows of this. BUTTON is `start`, `move`, `approve`, `cancel` or `delete`; addresses.json: the
arguments of `options`.
"""

import asyncio
import faulthandler
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec

from bot.app import open_workers
from bot.backends import PROFILES, BackendOptions, open_google
from bot.domain.approval import ApprovalRules
from bot.domain.datasets import Dataset
from bot.domain.jobs import Hyperparameters, TuningJob, TuningSpec
from bot.domain.operations import TunedModel
from bot.domain.place import Place, Requester
from bot.domain.requests import Proposal
from bot.domain.roles import Role, RoleGrant
from bot.ports.backends import TuningBackend
from bot.ports.clock import Clock
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.metrics import Metrics
from bot.sandbox.google import GoogleStandIn
from bot.tuning.approvals import Approvals
from bot.tuning.job_service import JobService
from bot.tuning.poller import Poller
from storage import open_stores
from storage.database import Database
from storage.jobs import SqliteJobStore
from tests.faults.load_run import ROOT
from tests.support.backend_harness import BASES, BUCKET, RETRY_POLICY, rows
from tests.support.clock import NOON, FixedClock
from tests.support.workspace_people import EVERYONE_TUNES, build_open_use_cases

T = TypeVar("T")
TEAM, ADA, BOB = "T1", "U1", "U2BOB"
# A process that neither dies nor ends by then shows where it waits, and fails.
CHILD_SECONDS: Final = 90
NO_LAST_STEP: Final = 1_000_000
FILE: Final = f"gs://{BUCKET}/numbers.jsonl"
# Far more than a job of these tests takes, with a request to Google in each.
_ROUNDS: Final = 10_000


class KilledAtStep:
    """Awaits a coroutine and ends the process at its step number `last`; `steps` counts them."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], last: int) -> None:
        self._coroutine = coroutine
        self._last = last
        self.steps = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._crossings(self._coroutine)

    def in_all_tasks(self) -> "KilledAtStep":
        """Count the steps of the tasks that are created from now on, too."""

        async def counted(coroutine: Coroutine[Any, Any, T]) -> T:
            return cast(T, await _Counted(self._crossings(coroutine)))

        def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
            return asyncio.Task(counted(coroutine), loop=loop, **options)

        asyncio.get_running_loop().set_task_factory(make)
        return self

    def _crossings(self, coroutine: Coroutine[Any, Any, T]) -> Generator[Any, Any, Any]:
        inner = coroutine.__await__()
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


@dataclass(frozen=True, slots=True)
class _Counted:
    crossings: Generator[Any, Any, Any]

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.crossings


@dataclass(frozen=True, slots=True)
class BotParts:
    """The parts of one process of the bot that a button reaches."""

    database: Database
    backend: TuningBackend
    jobs: SqliteJobStore
    tuning: JobService
    approvals: Approvals
    poller: Poller
    starts: BackgroundTasks

    async def start(self, key: str) -> None:
        """Do what a submitted report does: the row, the acknowledgement, the start."""
        job = await self.tuning.accept(TEAM, key, ADA)
        await asyncio.sleep(0)  # Slack receives its acknowledgement here.
        if job is not None:
            await self.tuning.starts.submit(job)

    async def approve(self, key: str) -> None:
        """Do what the button of an approver does."""
        await self.approvals.approve(Requester(BOB, Place(TEAM, "C2")), key)
        for job in await self.tuning.starts.begin_turns():
            await self.tuning.starts.submit(job)

    async def cancel(self, key: str) -> None:
        await self.tuning.cancel(TEAM, key, ADA)

    async def delete(self, key: str) -> None:
        await self.tuning.delete(TEAM, key, ADA)

    async def bring_to(self, button: str, key: str) -> None:
        """Bring the job to the state in which this button is shown."""
        if button not in ("start", "move"):
            await self.start(key)
        if button == "delete":
            for _ in range(_ROUNDS):
                if (await self.tuning.get(TEAM, key)).state.ended:
                    return
                await self.poller.round()
            # The clock here stands still, so a start that Google did not hear would be tried again never.
            raise AssertionError(f"{key} did not end in {_ROUNDS} rounds")

    async def job(self, key: str) -> TuningJob | None:
        """Return the row, also once it is deleted."""
        return await self.jobs.job(key)

    async def models(self) -> Sequence[TunedModel]:
        """Return the tuned models that Google lists."""
        return await self.backend.models()

    async def audited(self, action: str, user: str = ADA) -> int:
        """Return how often the audit log says that this person did this."""
        query = "SELECT COUNT(*) AS lines FROM audit WHERE action = ? AND user = ?"
        return await self.database.run(lambda db: next(iter(db.query(query, [action, user])))["lines"])


@asynccontextmanager
async def open_parts(
    file: Path, backend: str, reach: BackendOptions, clock: Clock, *, approvals: bool = False
) -> AsyncIterator[BotParts]:
    """Open the database and the backend; with `approvals`, each start needs one, and Bob is an approver."""
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(file, clock))
        opened = await stack.enter_async_context(open_google([backend], reach))
        workers = await stack.enter_async_context(open_workers())
        use_cases = build_open_use_cases(
            *(stores, opened.backends, {"gs": opened.files}, clock, lambda: None, workers),
            named_roles=(*EVERYONE_TUNES, RoleGrant(Role.APPROVER, BOB)),
            approval_rules=ApprovalRules(Decimal(0) if approvals else None),
        )
        starts = BackgroundTasks()
        poller = Poller(
            use_cases.jobs.starts, use_cases.refresher, stores.jobs, clock, Metrics(), 5.0, starts=starts
        )
        yield BotParts(
            stores.database,
            opened.backends[backend],
            stores.jobs,
            use_cases.jobs,
            use_cases.approvals,
            poller,
            starts,
        )


def options(project: str, token: str, url: str) -> BackendOptions:
    """Return the options of a bot that calls the stand-in."""
    return BackendOptions(
        project=project,
        bucket=BUCKET,
        access_token=token,
        vertex_url=url,
        genai_url=url,
        storage_url=url,
        gs_prefixes=(f"gs://{BUCKET}",),
        retry_policy=RETRY_POLICY,
    )


def content(backend: str) -> bytes:
    """Return the training file."""
    return rows(PROFILES[backend].dialect) * 2


def proposal(key: str, backend: str, moved_from: str = "") -> Proposal:
    """Return a checked start of that file; with `moved_from` it moves this model to another base model."""
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
        base_model=PROFILES[backend].base_models[1] if moved_from else BASES[backend],
        name=key,
        hyperparameters=Hyperparameters(epochs=3),
        training=training,
        moved_from=moved_from,
    )
    return Proposal(key, Place(TEAM, "C1"), ADA, spec, NOON)


def key_of(backend: str, step: int) -> str:
    """Return the key of the job in the run that ends at this step."""
    return f"tb-{backend}-{step:05d}"


def addresses(google: GoogleStandIn) -> dict[str, str]:
    """Return the arguments of `options`, for a process of its own."""
    return {"project": google.project, "token": google.issue_token(), "url": google.url}


def put_file(google: GoogleStandIn, backend: str) -> None:
    """Put the training file where the starts read it."""
    google.create_bucket(BUCKET)
    google.buckets.put(BUCKET, FILE.rpartition("/")[2], content(backend))


async def die_at_every_step(
    google: GoogleStandIn,
    directory: Path,
    backend: str,
    button: str,
    every: int,
    first: int = 1,
    last: int = NO_LAST_STEP,
) -> list[str]:
    """Kill the process at each step; return the keys of the jobs. Without `last`, the last one ran through."""
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "tests.faults.kill_points",
            str(directory),
            backend,
            button,
            *map(str, (first, every, last)),
        ),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
    )
    await process.communicate(msgspec.json.encode(addresses(google)))
    if process.returncode != 0:
        raise AssertionError(f"the processes ended with {process.returncode}")
    keys = sorted(path.stem for path in directory.glob("tb-*.db"))  # noqa: ASYNC240
    if keys != [key_of(backend, first + every * number) for number in range(len(keys))]:
        raise AssertionError(f"a step is missing: {keys}")
    return keys


async def run(directory: Path, backend: str, button: str, reach: BackendOptions, step: int) -> None:
    """Press the button, and end the process at this step, if the work has so many."""
    key = key_of(backend, step)
    approving = button == "approve"
    async with open_parts(directory / f"{key}.db", backend, reach, FixedClock(), approvals=approving) as parts:
        moved_from = (await parts.models())[-1].resource if button == "move" else ""
        await parts.jobs.add_proposal(proposal(key, backend, moved_from))
        await parts.bring_to(button, key)
        actions = {
            "start": parts.start, "move": parts.start, "approve": parts.approve, "cancel": parts.cancel,
            "delete": parts.delete,
        }  # fmt: skip
        await KilledAtStep(actions[button](key), step)


def main() -> None:
    """Fork one process for each step, one after the other."""
    directory, backend, button, first, every, last = sys.argv[1:]
    reach = options(**msgspec.json.decode(sys.stdin.buffer.read(), type=dict[str, str]))
    step = int(first)
    while step <= int(last):
        child = os.fork()
        if not child:
            faulthandler.dump_traceback_later(CHILD_SECONDS, exit=True)
            asyncio.run(run(Path(directory), backend, button, reach, step))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(os.waitstatus_to_exitcode(status))
        step += int(every)


if __name__ == "__main__":
    main()
