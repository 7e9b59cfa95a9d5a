"""Checks a training file, from Slack or from Cloud Storage, against what a backend accepts.

A file is read once, in chunks, and never held in memory. Its report is stored, so that the next check of the same
file needs no read.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Final

import msgspec

from bot.datasets import (
    OUT_OF_TIME,
    CheckBudget,
    CheckResult,
    CheckTask,
    DatasetReport,
    check,
    with_counted_tokens,
)
from bot.domain.backend_profile import BackendProfile
from bot.domain.datasets import FieldMapping
from bot.domain.place import Place
from bot.errors import BotError, FileTooLarge, Outdated
from bot.ports.backends import TuningBackend
from bot.ports.files import FileInfo, FileReader, file_reader
from bot.ports.stores import ReportCache
from bot.ports.workers import Workers, WorkKind

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]  # the file's name, the bytes read so far, the bytes in total

RULES: Final = 5  # raised when the checks change, so that older reports are not used
COUNT_SECONDS: Final = 5.0
# Checks of small files have places of their own, so that they never wait for large ones. A small file that takes
# too long for them is read again among the large ones.
SMALL_FILE_BYTES: Final = 4 * 1024 * 1024
SMALL_CHECK_BUDGET: Final = CheckBudget(cpu_seconds=5.0)
CHECK_BUDGET: Final = CheckBudget()


class DatasetCheck:
    """Checks files against the limits and the dialect of a backend."""

    def __init__(
        self,
        files: Mapping[str, FileReader],
        report_cache: ReportCache,
        workers: Workers,
        budget: CheckBudget = CHECK_BUDGET,
        small_budget: CheckBudget = SMALL_CHECK_BUDGET,
    ) -> None:
        """`small_budget` is that of a small file's first check; a file over it is checked again with `budget`."""
        self._budget = budget
        self._small_budget = small_budget
        self._files = files
        self._workers = workers
        self._report_cache = report_cache

    async def report(
        self,
        place: Place,
        user: str,
        location: str,
        mapping: FieldMapping | None,
        backend: TuningBackend,
        base_model: str,
        *,
        training: DatasetReport | None = None,
        whole: bool = False,
        progress: Progress | None = None,
    ) -> DatasetReport:
        """Return the report on the file for this person in this place.

        `training` is the training file's report if this is its validation file. `whole` reads the file also if its
        report is stored, for the fingerprints that splits and validation files need: they are not stored.
        A report that is not `read_in_full` says where the check stopped.

        Raises FileError, GoogleError, StorageError.
        """
        profile = backend.profile
        reader = file_reader(self._files, location)
        begun = await self.begun()
        # Also before a stored report is returned: the reader decides whether this person may see the file here.
        info = await reader.describe(place, user, location)
        _check_size(info, profile)
        key = _key(info, mapping, profile)
        if not whole and training is None and (known := await self._recall(place.team, key)) is not None:
            return known
        task = CheckTask(
            info.name,
            profile.limits,
            profile.dialect,
            mapping,
            training,
            fingerprints=whole,
            budget=self._budget,
        )
        result = await self._check(place, user, info, task, progress)
        report = await self._counted(result, backend, base_model)
        # How far a check comes in its time depends on the machine, so the next one may come further.
        if training is None and not _out_of_time(report):
            text = msgspec.json.encode(replace(report.without_fingerprints(), previews=())).decode()
            await self._report_cache.remember(place.team, key, text, user, begun)
        return report

    async def begun(self) -> int:
        """Return the mark of now, for `check_not_forgotten`. Raises StorageError."""
        return await self._report_cache.newest_act()

    async def check_not_forgotten(self, team: str, user: str, begun: int) -> None:
        """Raises Outdated if the user's words were erased since that mark, StorageError."""
        if await self._report_cache.was_forgotten(team, user, begun):
            raise Outdated(
                "What I kept of your words was erased while I read this file, so I keep nothing of it either.",
                "Check the file again with /tune.",
            )

    async def _check(
        self, place: Place, user: str, info: FileInfo, task: CheckTask, progress: Progress | None
    ) -> CheckResult:
        if info.size <= SMALL_FILE_BYTES:
            small = msgspec.structs.replace(task, budget=self._small_budget)
            result = await self._check_in(WorkKind.SMALL_CHECK, place, user, info, small, progress)
            if not _out_of_time(result.report):
                return result
        return await self._check_in(WorkKind.CHECK, place, user, info, task, progress)

    async def _check_in(
        self, kind: WorkKind, place: Place, user: str, info: FileInfo, task: CheckTask, progress: Progress | None
    ) -> CheckResult:
        reader = file_reader(self._files, info.location)
        async with (
            self._workers.worker(kind, f"{place.team} {user}") as worker,
            aclosing(reader.read(place, user, info.location)) as chunks,
        ):
            on_read = None if progress is None else lambda done: progress(info.name, done, info.size)
            return await check(worker, chunks, task, on_read)

    async def _recall(self, team: str, key: str) -> DatasetReport | None:
        text = await self._report_cache.recall(team, key)
        try:
            return None if text is None else msgspec.json.decode(text, type=DatasetReport)
        except msgspec.ValidationError as error:
            logger.info("a stored report cannot be decoded, checking the file again: %s", error)
            return None

    async def _counted(self, result: CheckResult, backend: TuningBackend, base_model: str) -> DatasetReport:
        """Return the report with Google's token count of its first rows, unchanged if none comes in time."""
        report, sample = result.report, result.sample
        if not sample.texts or base_model not in backend.profile.base_models:
            return report
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                counts = await asyncio.gather(*(backend.count_tokens(base_model, text) for text in sample.texts))
        except (BotError, TimeoutError) as error:
            logger.info("the token count of a file stays an estimate: %s", error)
            return report
        return with_counted_tokens(report, sample, counts) if all(counts) else report


def _out_of_time(report: DatasetReport) -> bool:
    return any(finding.rule == OUT_OF_TIME for finding in report.findings)


def _check_size(info: FileInfo, profile: BackendProfile) -> None:
    limit = profile.limits.file_bytes
    if limit and info.size > limit:
        raise FileTooLarge(
            f"{info.name} has {info.size:,} bytes; {profile.title} takes at most {limit:,}.",
            "Split the file, or leave rows out.",
        )


def _key(info: FileInfo, mapping: FieldMapping | None, profile: BackendProfile) -> str:
    """Return what a report depends on. `info.version` changes with the content of a file."""
    facts = (RULES, info.location, info.version, info.size, mapping, profile.dialect, profile.limits)
    return msgspec.json.encode(facts).decode()
