"""The async face: any chunks, a free event loop, and no difference from the checked bytes gets through."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.datasets import CheckTask, ConvertTask, Split, SplitSide
from bot.domain.datasets import Dialect
from bot.errors import FileUnavailable, Outdated, UserError
from tests.support.dataset_builders import VERTEX, chat, check_bytes, chunks, jsonl, pair, rows_of
from tests.support.file_work import FileWork

ROWS = jsonl(*(pair(f"question {i}", f"answer {i}") for i in range(20_000)))
CHECK = CheckTask("rows.jsonl", VERTEX, Dialect.VERTEX)


async def test_check_gives_the_same_report_as_the_checker_whatever_the_chunks(file_work: FileWork) -> None:
    expected = check_bytes(ROWS)
    for size in (1_000, 300_000, len(ROWS)):
        assert await file_work.checked(chunks(ROWS, size), CHECK) == expected


async def test_check_tells_how_far_it_is(file_work: FileWork) -> None:
    seen: list[int] = []
    await file_work.checked(chunks(ROWS), CHECK, seen.append)
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert seen[-1] == len(ROWS)


async def test_event_loop_runs_other_work_while_a_file_is_checked(file_work: FileWork) -> None:
    """The loop must run between any two pieces."""
    seen: list[int] = []
    turns_of_the_loop: list[int] = []
    done = asyncio.Event()

    async def count_turns() -> None:
        while not done.is_set():
            turns_of_the_loop.append(len(seen))
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    report = await file_work.checked(chunks(ROWS * 10, 1_000_000), CHECK, seen.append)
    done.set()
    await counting
    assert report.rows == 200_000
    assert set(turns_of_the_loop) >= set(range(1, len(seen)))


async def test_broken_download_raises_its_own_error(file_work: FileWork) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield ROWS[:100_000]
        raise FileUnavailable("The file is gone.")

    with pytest.raises(FileUnavailable, match="gone"):
        await file_work.checked(breaking(), CHECK)
    with pytest.raises(FileUnavailable, match="gone"):
        await file_work.converted(breaking(), ConvertTask(Dialect.GEMINI, Dialect.VERTEX))


async def test_changed_file_is_outdated_before_its_last_chunk_is_handed_out(file_work: FileWork) -> None:
    report = check_bytes(ROWS)
    changed = ROWS.replace(b"answer 19999", b"answer 20000")
    written = file_work.conversion(
        chunks(changed), ConvertTask(Dialect.GEMINI, Dialect.VERTEX, sha256=report.sha256)
    )
    out: list[bytes] = []

    async def read() -> None:
        async for part in written:
            out.extend(part.splitlines())

    with pytest.raises(Outdated, match="changed since it was checked"):
        await read()
    assert 0 < len(out) < 20_000


async def test_small_changed_file_hands_out_nothing(file_work: FileWork) -> None:
    data = jsonl(pair("1", "2"))
    with pytest.raises(Outdated):
        await file_work.converted(chunks(data), ConvertTask(Dialect.GEMINI, Dialect.VERTEX, sha256="0" * 64))


async def test_row_that_was_never_checked_is_refused_by_its_number(file_work: FileWork) -> None:
    data = jsonl(pair("1", "2"), pair("3", ""))
    with pytest.raises(UserError, match=r"Line 2: output is empty\."):
        await file_work.converted(chunks(data), ConvertTask(Dialect.GEMINI, Dialect.VERTEX))


async def test_compressed_file_is_converted_and_held_against_its_own_hash(file_work: FileWork) -> None:
    packed = gzip.compress(ROWS)
    report = check_bytes(packed)
    assert (report.size, report.examples) == (len(packed), 20_000)
    written = await file_work.converted(
        chunks(packed), ConvertTask(Dialect.GEMINI, Dialect.GEMINI, sha256=report.sha256)
    )
    assert rows_of(written) == rows_of(ROWS)


async def test_split_puts_every_row_on_one_side_and_equal_inputs_together(file_work: FileWork) -> None:
    data = ROWS + jsonl(pair("question 1", "another answer"), pair("question 2", "answer 2"))
    report = check_bytes(data)
    sides = {}
    for side in SplitSide:
        task = ConvertTask(Dialect.GEMINI, Dialect.GEMINI, sha256=report.sha256, split=Split(0.1, side))
        sides[side] = rows_of(await file_work.converted(chunks(data), task))
    training, validation = sides[SplitSide.TRAINING], sides[SplitSide.VALIDATION]
    assert len(training) + len(validation) == 20_002
    assert len(validation) == report.held_out(0.1)
    assert len(validation) == pytest.approx(2_000, rel=0.1)
    assert not {row["text_input"] for row in training} & {row["text_input"] for row in validation}


async def test_split_is_the_same_in_another_dialect_and_order(file_work: FileWork) -> None:
    talks = jsonl(*(chat(f"user: question {i}", f"assistant: answer {i}") for i in reversed(range(20_000))))
    split = Split(0.1, SplitSide.VALIDATION)
    one = await file_work.converted(chunks(ROWS), ConvertTask(Dialect.GEMINI, Dialect.GEMINI, split=split))
    two = await file_work.converted(chunks(talks), ConvertTask(Dialect.OPENAI, Dialect.GEMINI, split=split))
    assert sorted(one.splitlines()) == sorted(two.splitlines())


def test_split_never_changes_between_releases() -> None:
    split = Split(0.5, SplitSide.VALIDATION)
    assert [i for i in range(16) if split.has(f"question {i}")] == [4, 6, 7, 8, 10, 14, 15]


async def test_repair_writes_both_files(file_work: FileWork, tmp_path: Path) -> None:
    data = jsonl(pair("1", "2"), pair("3", ""), pair("1", "2"), pair(4, 5))
    counts, kept, rejected = await file_work.repaired(chunks(data, 10), VERTEX, tmp_path)
    assert (counts.kept, counts.repaired, counts.rejected, counts.duplicates) == (2, 1, 2, 1)
    assert rows_of(kept) == [pair("1", "2"), pair("4", "5")]
    assert [row["line"] for row in rows_of(rejected)] == [2, 3]
