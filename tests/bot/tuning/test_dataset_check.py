"""Where a check runs, how far it reads, and which reports are kept."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

import pytest

from bot.datasets import CheckBudget, DatasetReport
from bot.domain.place import Place
from bot.ports.files import FileInfo
from bot.ports.workers import Worker, Workers, WorkKind
from bot.tuning.dataset_check import CHECK_BUDGET, SMALL_FILE_BYTES, DatasetCheck
from tests.support.harness import ADA, PLACE, Harness

ROWS = b"".join(b'{"text_input": "%d", "output": "%d"}\n' % (number, number + 1) for number in range(10_000))
NO_TIME = CheckBudget(cpu_seconds=-1.0)


@dataclass
class OneFile:
    """A FileReader of one file, in pieces of 256 KiB; it counts the pieces that were read."""

    content: bytes
    size: int = 0
    pieces: int = 0

    async def describe(self, place: Place, user: str, location: str) -> FileInfo:
        return FileInfo(location, "rows.jsonl", self.size or len(self.content), "1")

    async def read(self, place: Place, user: str, location: str) -> AsyncGenerator[bytes, None]:
        for start in range(0, len(self.content), 256 * 1024):
            self.pieces += 1
            yield self.content[start : start + 256 * 1024]


@dataclass
class RecordingWorkers:
    """Lends the processes of a pool, and writes down for which kind of work and for whom."""

    workers: Workers
    lent: list[tuple[WorkKind, str]] = field(default_factory=list)

    def worker(self, kind: WorkKind, person: str) -> AbstractAsyncContextManager[Worker]:
        self.lent.append((kind, person))
        return self.workers.worker(kind, person)


@dataclass
class Checks:
    """A check with budgets of the test's choice."""

    harness: Harness
    file: OneFile
    workers: RecordingWorkers
    check: DatasetCheck

    async def report(self) -> DatasetReport:
        backend = self.harness.backends["vertex"]
        return await self.check.report(PLACE, ADA, "gs://b/rows.jsonl", None, backend, "no-model")

    @property
    def kinds(self) -> list[WorkKind]:
        return [kind for kind, _ in self.workers.lent]


def checks(
    harness: Harness, file: OneFile, budget: CheckBudget = CHECK_BUDGET, small: CheckBudget = CHECK_BUDGET
) -> Checks:
    workers = RecordingWorkers(harness.workers)
    check = DatasetCheck({"gs": file}, harness.stores.report_cache, workers, budget, small)
    return Checks(harness, file, workers, check)


async def test_a_small_file_is_checked_beside_the_large_ones(harness: Harness) -> None:
    small = checks(harness, OneFile(ROWS))
    assert (await small.report()).examples == 10_000
    assert small.workers.lent == [(WorkKind.SMALL_CHECK, f"{PLACE.team} {ADA}")]
    large = checks(harness, OneFile(ROWS, SMALL_FILE_BYTES + 1))
    assert (await large.report()).examples == 10_000
    assert large.kinds == [WorkKind.CHECK]


async def test_a_small_file_that_takes_long_is_read_again_among_the_large_ones(harness: Harness) -> None:
    checked = checks(harness, OneFile(ROWS), small=NO_TIME)
    report = await checked.report()
    assert checked.kinds == [WorkKind.SMALL_CHECK, WorkKind.CHECK]
    assert report.read_in_full
    assert report.examples == 10_000


async def test_a_check_out_of_time_downloads_no_more_and_is_done_again_next_time(harness: Harness) -> None:
    checked = checks(harness, OneFile(ROWS * 20, SMALL_FILE_BYTES + 1), budget=NO_TIME)
    assert not (await checked.report()).read_in_full
    assert checked.file.pieces == 1
    assert not (await checked.report()).read_in_full
    assert checked.file.pieces == 2


@pytest.mark.parametrize("budget", [CHECK_BUDGET, CheckBudget(bad_rows=10)])
async def test_every_other_report_is_kept_without_the_rows_that_it_shows(
    harness: Harness, budget: CheckBudget
) -> None:
    checked = checks(harness, OneFile(ROWS + b"1\n" * 1000), small=budget)
    first = await checked.report()
    assert first.previews
    assert await checked.report() == replace(first, previews=())
    assert len(checked.workers.lent) == 1
