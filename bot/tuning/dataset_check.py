"""The dataset desk: reads a training file from wherever it lies and says all that is to be said about it.

A file is read once, as it streams in, and held by nobody. What was found is remembered, so that the same file is
known at once when it is used again.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Final

import msgspec

from bot.datasets import HEAD_BYTES, DatasetReport, check, sample_text, with_counted_tokens
from bot.domain.backend_profile import BackendProfile
from bot.domain.datasets import FieldMapping
from bot.domain.place import Place
from bot.errors import BotError, FileTooLarge
from bot.ports.backends import TuningBackend
from bot.ports.files import FileInfo, FileReader
from bot.ports.registry import file_reader
from bot.ports.stores import ReportCache

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]  # the file, its bytes read so far, its bytes in all

RULES: Final = 1  # raised when the checks change, so that reports of older ones are made anew
COUNT_SECONDS: Final = 5.0


class DatasetCheck:
    """Checks files against what a backend takes."""

    def __init__(self, files: Mapping[str, FileReader], memory: ReportCache) -> None:
        self._files = files
        self._memory = memory

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
        """All that one pass over the file tells this person in this place. Raises FileError.

        `training` is the training file's report where this is its validation file. `whole` asks for what a
        remembered report no longer has: the fingerprints that splits and validation files need.
        """
        profile = backend.profile
        reader = file_reader(self._files, location)
        # Also before a remembered report is shown: the reader says whether this person may see the file here.
        info = await reader.describe(place, user, location)
        _check_size(info, profile)
        key = _key(info, mapping, profile)
        if not whole and training is None and (known := await self._recall(place.team, key)) is not None:
            return known
        head = bytearray()
        async with aclosing(reader.read(place, user, location)) as chunks:
            report = await check(
                _noting(chunks, head),
                info.name,
                profile.limits,
                target=profile.dialect,
                mapping=mapping,
                training=training,
                progress=None if progress is None else lambda done: progress(info.name, done, info.size),
            )
        report = await self._counted(report, bytes(head), backend, base_model)
        if training is None:
            kept = msgspec.json.encode(replace(report, fingerprints=None)).decode()
            await self._memory.remember(place.team, key, kept)
        return report

    async def _recall(self, team: str, key: str) -> DatasetReport | None:
        kept = await self._memory.recall(team, key)
        try:
            return None if kept is None else msgspec.json.decode(kept, type=DatasetReport)
        except msgspec.ValidationError as error:
            logger.info("a remembered report cannot be read any more, checking anew: %s", error)
            return None

    async def _counted(
        self, report: DatasetReport, head: bytes, backend: TuningBackend, base_model: str
    ) -> DatasetReport:
        """The report with Google's count of its first rows, where Google counts and in time; else as it is."""
        sample = await asyncio.to_thread(sample_text, head, report)
        if not sample or base_model not in backend.profile.base_models:
            return report
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                tokens = await backend.count_tokens(base_model, sample)
        except (BotError, TimeoutError) as error:
            logger.info("the tokens of %s stay a guess: %s", report.name, error)
            return report
        return with_counted_tokens(report, sample, tokens) if tokens else report


async def _noting(chunks: AsyncGenerator[bytes, None], head: bytearray) -> AsyncIterator[bytes]:
    """The same chunks; the first bytes are kept aside."""
    async for chunk in chunks:
        if len(head) < HEAD_BYTES:
            head += chunk[: HEAD_BYTES - len(head)]
        yield chunk


def _check_size(info: FileInfo, profile: BackendProfile) -> None:
    limit = profile.limits.file_bytes
    if limit and info.size > limit:
        raise FileTooLarge(
            f"{info.name} has {info.size:,} bytes; {profile.title} takes at most {limit:,}.",
            "Split the file, or leave rows out.",
        )


def _key(info: FileInfo, mapping: FieldMapping | None, profile: BackendProfile) -> str:
    """What a report depends on. `info.version` changes with the content, so an overwritten file is read again."""
    facts = (RULES, info.location, info.version, info.size, mapping, profile.dialect, profile.limits)
    return msgspec.json.encode(facts).decode()
