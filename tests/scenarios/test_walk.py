"""How many files a newcomer opens to follow `/tune`, the form, the report and the start, up to Google's answer.

The bot runs in this process. A profiler notes each file of ours in which something runs because of the command and
the two submissions, also in the thread of the database. The job card, which the outbox sends later, is a walk of
its own; so is the check of the file and its report, which are `bot/datasets` and `handlers/blocks/datasets`.
"""

import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE
from pathlib import Path
from types import FrameType
from typing import Final

import pytest
import pytest_asyncio

from bot.app import serving
from bot.sandbox.google import GoogleStandIn
from bot.sandbox.sample_dataset import SAMPLE, SAMPLE_NAME
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.stage import BUCKET, Stage
from bot.settings import Settings
from handlers.transport.manifest import manifest
from tests.support.waiting import wait_until

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = tuple(f"{ROOT / name}/" for name in ("bot", "handlers", "storage"))
LEFT_OUT: Final = tuple(f"{ROOT / name}/" for name in ("bot/datasets", "bot/sandbox", "handlers/blocks/datasets"))
# The first function of ours that a payload of Slack's reaches, for a command and for a view.
ACCESS: Final = str(ROOT / "handlers" / "transport" / "access.py")

_walking: ContextVar[bool] = ContextVar("walking", default=False)


@dataclass
class Walk:
    """The files of the walk, by their path in the repository.

    `steps` are those in which an async function runs: where the walk waits for Slack, Google, the database or a
    worker. In all other files of `opened` a function returns a value to its caller.
    """

    opened: set[str] = field(default_factory=set)
    steps: set[str] = field(default_factory=set)

    def note(self, frame: FrameType, event: str, _: object) -> None:
        """Note the file of a call that belongs to the walk; it is a function for `sys.setprofile`."""
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(SOURCES):
            return
        if code.co_filename == ACCESS and code.co_name == "checked":
            _walking.set(True)  # The tasks that the listener starts inherit it.
        if _walking.get() and not code.co_filename.startswith(LEFT_OUT):
            file = str(Path(code.co_filename).relative_to(ROOT))
            self.opened.add(file)
            if code.co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR):
                self.steps.add(file)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note calls of this thread, and of each thread that starts inside the block."""
        before = sys.getprofile()
        threading.setprofile(self.note)
        sys.setprofile(self.note)
        try:
            yield
        finally:
            sys.setprofile(before)
            threading.setprofile(None)


@pytest.fixture
def threads_keep_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what a task sends to a thread belong to the walk of that task."""
    submit: Callable[..., Future[object]] = ThreadPoolExecutor.submit

    def submit_in_context(
        pool: ThreadPoolExecutor, call: Callable[..., object], /, *args: object, **named: object
    ) -> Future[object]:
        return submit(pool, copy_context().run, call, *args, **named)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit_in_context)


@pytest_asyncio.fixture
async def walk(tmp_path: Path, threads_keep_the_context: None) -> AsyncIterator[Walk]:
    """The files of one start on Vertex AI, over Socket Mode."""
    made = Walk()
    async with (
        GoogleStandIn(job_seconds=None) as google,
        SlackStandIn(manifest=manifest()) as slack,
    ):
        google.create_bucket(BUCKET)
        ada = slack.person("ada", "Ada")
        channel = slack.add_channel("tuning", ada)
        settings = Settings.read(Stage(slack, google, tmp_path).environment())
        with made.noting():
            async with serving(settings):
                await ada.slash_command(channel, "/tune")
                await slack.workspace.wait_for_view(ada.id)
                await ada.submit_view(None, {"name": "next number", "file_upload": (SAMPLE_NAME, SAMPLE)})
                report = await slack.workspace.wait_for_view(
                    ada.id, lambda view: view.definition.get("submit") is not None
                )
                await ada.submit_view(report)
                await wait_until(lambda: google.jobs.all, "the job at Google")
    yield made


@pytest.mark.long
async def test_a_newcomer_follows_a_start_through_few_files(walk: Walk) -> None:
    # The walk is really measured: it has its first step, its last one, and the work in the database's thread.
    assert {
        "handlers/listeners/commands.py",
        "handlers/listeners/views.py",
        "bot/tuning/job_service.py",
        "bot/backends/vertex/backend.py",
        "storage/jobs.py",
    } <= walk.steps
    assert "storage/audit_log.py" in walk.opened
    assert "bot/tuning/poller.py" not in walk.opened

    assert len(walk.steps) < 38, sorted(walk.steps)
    # Most of the rest are values, codecs, texts and blocks, whose names say what they return.
    # Roles, approvals, budgets and the queue of starts each open a use case and its store.
    assert len(walk.opened) < 87, sorted(walk.opened)
