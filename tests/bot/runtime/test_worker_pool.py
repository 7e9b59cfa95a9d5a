"""Files are read in processes of their own: bounded, fair, reused, ended at once, and no danger to the bot."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.datasets import WORKER_MODULE, CheckTask
from bot.domain.backend_profile import DatasetLimits
from bot.errors import FileUnavailable, TooMuchWork
from bot.ports.workers import WorkKind
from bot.runtime.fair_queue import FairQueue
from bot.runtime.worker_pool import WorkerPool, work_queues
from tests.support.dataset_builders import chunks
from tests.support.file_work import FileWork
from tests.support.waiting import wait_until

ROWS = b'{"text_input": "1", "output": "2"}\n'
CHECK = CheckTask("rows.jsonl", DatasetLimits())


class HeldFile:
    """A file whose second row comes when the test says so."""

    def __init__(self) -> None:
        self.read = asyncio.Event()
        self.go_on = asyncio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        yield ROWS * 10_000
        self.read.set()
        await self.go_on.wait()
        yield ROWS


def alive(process_id: int) -> bool:
    return Path(f"/proc/{process_id}").exists()


def ended_first(process_id: int) -> bool:
    """Whether the kernel ends this process before others where memory runs out."""
    return Path(f"/proc/{process_id}/oom_score_adj").read_text().strip() == "1000"


def environment(process_id: int) -> dict[str, str]:
    lines = Path(f"/proc/{process_id}/environ").read_text().split("\0")
    return dict(line.split("=", 1) for line in lines if line)


@pytest.fixture
async def work() -> AsyncIterator[FileWork]:
    pool = WorkerPool(WORKER_MODULE, {kind: FairQueue(1, 1, 1) for kind in WorkKind})
    yield FileWork(pool)
    await pool.close()


async def test_a_process_is_used_again_for_the_next_file(work: FileWork) -> None:
    assert (await work.checked(chunks(ROWS), CHECK)).rows == 1
    first = work.pool.process_ids
    assert (await work.checked(chunks(ROWS * 2), CHECK)).rows == 2
    assert work.pool.process_ids == first
    assert len(first) == 1


async def test_a_process_without_work_ends_after_a_while() -> None:
    pool = WorkerPool(WORKER_MODULE, work_queues(), idle_seconds=0.01)
    await FileWork(pool).checked(chunks(ROWS), CHECK)
    await wait_until(lambda: not pool.process_ids)
    assert (await FileWork(pool).checked(chunks(ROWS), CHECK)).rows == 1
    await pool.close()


async def test_one_kind_of_work_is_bounded_and_delays_no_other(work: FileWork) -> None:
    held = HeldFile()
    first = asyncio.create_task(work.checked(held.chunks(), CHECK))
    await held.read.wait()
    second = asyncio.create_task(work.checked(chunks(ROWS), CHECK))
    await wait_until(lambda: work.pool.waiting(WorkKind.CHECK))
    async with work.pool.worker(WorkKind.SMALL_CHECK, "b"), work.pool.worker(WorkKind.CONVERSION, "b"):
        assert not second.done()
    held.go_on.set()
    assert (await first).rows == 10_001
    assert (await second).rows == 1


async def test_one_file_too_many_is_refused_with_a_hint(work: FileWork) -> None:
    held = HeldFile()
    first = asyncio.create_task(work.checked(held.chunks(), CHECK))
    await held.read.wait()
    second = asyncio.create_task(work.checked(chunks(ROWS), CHECK))
    await wait_until(lambda: work.pool.waiting(WorkKind.CHECK))
    with pytest.raises(TooMuchWork, match="1 files wait to be read already"):
        await work.checked(chunks(ROWS), CHECK)
    held.go_on.set()
    assert [(await each).rows for each in (first, second)] == [10_001, 1]


@pytest.mark.parametrize("kind", WorkKind)
async def test_one_person_never_holds_all_places_of_a_kind(kind: WorkKind) -> None:
    queue = work_queues(processors=2)[kind]
    async with AsyncExitStack() as taken:
        while not queue.must_wait("ada"):
            await taken.enter_async_context(queue.turn("ada"))
        assert not queue.must_wait("bo")


async def test_a_check_that_is_cancelled_ends_its_process(work: FileWork) -> None:
    held = HeldFile()
    checking = asyncio.create_task(work.checked(held.chunks(), CHECK))
    await held.read.wait()
    [process] = work.pool.process_ids
    checking.cancel()
    await asyncio.gather(checking, return_exceptions=True)
    await wait_until(lambda: not alive(process))
    assert (await work.checked(chunks(ROWS), CHECK)).rows == 1


async def test_a_download_that_breaks_leaves_no_half_read_file_behind(work: FileWork) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield ROWS * 10_000
        raise FileUnavailable("The file is gone.")

    with pytest.raises(FileUnavailable):
        await work.checked(breaking(), CHECK)
    assert (await work.checked(chunks(ROWS), CHECK)).rows == 1


@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGKILL, "perhaps for lack of memory"), (signal.SIGXCPU, "takes too long")]
)
async def test_a_process_that_is_ended_from_outside_is_an_error_with_a_hint(
    work: FileWork, number: signal.Signals, words: str
) -> None:
    held = HeldFile()
    checking = asyncio.create_task(work.checked(held.chunks(), CHECK))
    await held.read.wait()
    os.kill(work.pool.process_ids[0], number)
    held.go_on.set()
    with pytest.raises(TooMuchWork, match=words) as raised:
        await checking
    assert "Nothing was started" in raised.value.message
    assert raised.value.hint
    assert (await work.checked(chunks(ROWS), CHECK)).rows == 1


async def test_a_process_that_does_not_start_is_an_error_with_a_hint() -> None:
    pool = WorkerPool("bot.datasets.no_such_module", work_queues())
    with pytest.raises(TooMuchWork, match="ended before it was done"):
        await FileWork(pool).checked(chunks(ROWS), CHECK)
    await pool.close()


async def test_closing_the_pool_ends_every_process(work: FileWork) -> None:
    held = HeldFile()
    checking = asyncio.create_task(work.checked(held.chunks(), CHECK))
    await held.read.wait()
    processes = work.pool.process_ids
    await work.pool.close()
    assert not any(map(alive, processes))
    held.go_on.set()
    with pytest.raises(TooMuchWork):
        await checking


async def test_a_process_gets_no_secret_and_gives_way_to_the_bot(
    work: FileWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    await work.checked(chunks(ROWS), CHECK)
    [process] = work.pool.process_ids
    assert "SLACK_BOT_TOKEN" not in environment(process)
    assert os.getpriority(os.PRIO_PROCESS, process) > os.getpriority(os.PRIO_PROCESS, 0)
    assert ended_first(process)
