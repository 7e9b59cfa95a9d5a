"""Checks, converts and repairs async streams of bytes in a thread, so the event loop is never blocked."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable

from bot.datasets.checks.checker import DatasetChecker
from bot.datasets.findings.report import DatasetReport
from bot.datasets.formats.json_lines import PIECE_BYTES
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
    """Check a stream, see DatasetChecker. `progress` is called with the bytes read so far."""
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
    name: str = "",
) -> AsyncIterator[bytes]:
    """Yield JSONL chunks in the target dialect; with a `split`, the rows of its side only.

    With `sha256`, bytes that differ from the checked ones raise Outdated before the last chunk is yielded, so
    an upload of them is never completed. Without, a bad row raises UserError.
    """
    converter = Converter(dialect, target, mapping, sha256, split, name=name)
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
    """Yield the rows of both files with the counts so far; the last item has the counts of the file."""
    repairer = Repairer(name, limits, target, mapping)
    async for piece in _pieces(chunks):
        yield await asyncio.to_thread(repairer.feed, piece)
    yield await asyncio.to_thread(repairer.finish)


async def _pieces(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the same bytes in pieces that are large enough to be worth a thread."""
    held: list[bytes] = []
    size = 0
    async for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
