"""The async face of checking and converting: chunks from anywhere, work in a thread, the event loop free."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable

from bot.datasets.checks.checker import DatasetChecker
from bot.datasets.findings.report import DatasetReport
from bot.datasets.formats.json_lines import PIECE
from bot.datasets.rewrite.converter import Converter
from bot.datasets.rewrite.file_repair import Repaired, Repairer
from bot.datasets.rewrite.validation_split import Split
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping


async def check(
    chunks: AsyncIterable[bytes],
    name: str,
    limits: DatasetLimits,
    target: Dialect | None = None,
    mapping: FieldMapping | None = None,
    *,
    training: DatasetReport | None = None,
    progress: Callable[[int], None] | None = None,
) -> DatasetReport:
    """Check a stream; see DatasetChecker. `progress` is told how many bytes were read so far."""
    checker = DatasetChecker(name, limits, target, mapping, training)
    read = 0
    async for piece in _pieces(chunks):
        await asyncio.to_thread(checker.feed, piece)
        read += len(piece)
        if progress is not None:
            progress(read)
    return await asyncio.to_thread(checker.finish)


async def convert(
    chunks: AsyncIterable[bytes],
    *,
    dialect: Dialect,
    target: Dialect,
    mapping: FieldMapping | None = None,
    sha256: str = "",
    split: Split | None = None,
) -> AsyncIterator[bytes]:
    """JSONL chunks in the target dialect; with a `split`, the rows of its side only.

    With `sha256`, bytes that differ from the checked ones raise Outdated before the last chunk is handed out, so
    that an upload which ends with it never becomes whole. Without, a bad row raises UserError.
    """
    converter = Converter(dialect, target, mapping, sha256, split)
    last = b""
    async for piece in _pieces(chunks):
        written = await asyncio.to_thread(converter.feed, piece)
        if written:
            if last:
                yield last
            last = written
    last += await asyncio.to_thread(converter.finish)
    if last:
        yield last


async def repair(
    chunks: AsyncIterable[bytes],
    name: str,
    limits: DatasetLimits,
    target: Dialect | None = None,
    mapping: FieldMapping | None = None,
) -> AsyncIterator[Repaired]:
    """Rows of both files as they come, with the counts so far; the last item's counts are those of the file."""
    repairer = Repairer(name, limits, target, mapping)
    async for piece in _pieces(chunks):
        yield await asyncio.to_thread(repairer.feed, piece)
    yield await asyncio.to_thread(repairer.finish)


async def _pieces(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces that are worth a change of threads."""
    held: list[bytes] = []
    size = 0
    async for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= PIECE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
