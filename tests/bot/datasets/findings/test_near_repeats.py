"""Rows that are nearly the same are found, and rows that only look so are not."""

import random
from typing import Any

import pytest

from bot.datasets import Finding, report_text
from bot.datasets.findings.fingerprints import Fingerprints
from bot.datasets.findings.near_repeats import MOST_CHARACTERS_OF_ALL, MOST_ROWS, MOST_ROWS_OF_ALL, NearRepeats
from tests.support.dataset_builders import VERTEX, check_bytes, jsonl, pair

CHANCE = random.Random(5)
WORDS = [f"word{i}" for i in range(4_000)]


def text(words: int = 60) -> str:
    return " ".join(CHANCE.choices(WORDS, k=words))


def nearly(original: str) -> str:
    words = original.split()
    words[7] = "changed"
    return " ".join(words)


def rule(rule: str, *rows: Any, **more: Any) -> list[Finding]:
    return [each for each in check_bytes(jsonl(*rows), VERTEX, **more).findings if each.rule == rule]


def test_rows_of_nearly_the_same_words_are_found_with_their_lines() -> None:
    rows = [pair(text(), f"answer {i}") for i in range(30)]
    rows += [pair(nearly(rows[i]["text_input"]), f"answer {i}") for i in (4, 9)]
    [found] = rule("near-duplicate", *rows)
    assert (found.count, found.lines, found.value) == (2, (31, 32), "line 5")


def test_equal_rows_short_rows_and_rows_of_one_template_are_not_nearly_the_same() -> None:
    long = pair(text(), "an answer")
    short = [pair(f"What is the capital of country {i}?", f"city {i}") for i in range(30)]
    template = (
        "Classify the following message of a customer as one of the classes bill order or other and answer briefly"
    )
    filled = [pair(f"{template} with number {i} please", f"class {i}") for i in range(30)]
    assert rule("near-duplicate", long, long, *short) == []
    assert rule("near-duplicate", *filled) == []


def test_validation_rows_that_were_nearly_trained_on_are_found_in_another_process_too() -> None:
    rows = [pair(text(), f"answer {i}") for i in range(30)]
    training = check_bytes(jsonl(*rows), VERTEX)
    assert training.fingerprints is not None
    sent = Fingerprints.unpacked(*training.fingerprints.packed())
    training_elsewhere = check_bytes(jsonl(*rows), VERTEX)
    assert training_elsewhere.fingerprints is not None
    training_elsewhere.fingerprints.near = sent.near
    other = [pair(nearly(rows[3]["text_input"]), "answer 3"), pair(text(), "new")]
    [found] = rule("near-leakage", *other, training=training_elsewhere)
    assert (found.count, found.lines, found.value) == (1, (1,), "line 4")


def long_rows(rows: int, place: int) -> tuple[list[int], list[str], list[str]]:
    """Return short rows, the last one of which is nearly the same as a long one at a place."""
    inputs = ["short"] * rows
    inputs[place] = text()
    inputs[-1] = nearly(inputs[place])
    return [*range(1, rows + 1)], inputs, ["an answer"] * rows


@pytest.mark.parametrize("place", [0, MOST_ROWS - 1, MOST_ROWS, MOST_ROWS_OF_ALL - 2])
@pytest.mark.parametrize("batch", [MOST_ROWS_OF_ALL, 999])
def test_all_rows_of_a_file_that_is_not_long_are_compared(place: int, batch: int) -> None:
    numbers, inputs, outputs = long_rows(MOST_ROWS_OF_ALL, place=place)
    near = NearRepeats()
    for start in range(0, len(numbers), batch):
        part = slice(start, start + batch)
        near.add(numbers[part], inputs[part], outputs[part])
    near.finish()
    assert not near.full
    assert (near.count, near.lines, near.of) == (1, [MOST_ROWS_OF_ALL], place + 1)


def test_of_a_long_file_only_the_first_rows_are_compared() -> None:
    near = NearRepeats()
    near.add(*long_rows(MOST_ROWS_OF_ALL + 1, place=MOST_ROWS))
    near.finish()
    assert near.full
    assert near.count == 0
    assert NearRepeats.unpacked(*near.packed()).full


def test_the_texts_that_wait_for_the_end_of_the_file_are_bounded() -> None:
    near = NearRepeats()
    near.add(
        range(1, MOST_ROWS + 3),
        ["x" * (MOST_CHARACTERS_OF_ALL // MOST_ROWS)] * (MOST_ROWS + 2),
        ["a"] * (MOST_ROWS + 2),
    )
    assert near.full
    near.finish()
    assert near.count == 0


def test_late_rows_of_both_files_are_compared_and_what_was_not_is_said() -> None:
    rows = [pair("short", f"{i}") for i in range(MOST_ROWS + 5)]
    late, early = text(), text()
    trained = [pair(early, "an answer"), *rows, pair(late, "an answer")]
    training = check_bytes(jsonl(*trained), VERTEX)
    validation = [*rows, pair(nearly(late), "an answer")]
    report = check_bytes(jsonl(*validation), VERTEX, training=training)
    [found] = [f for f in report.findings if f.rule == "near-leakage"]
    assert (found.count, f"(line {len(trained)})" in found.message) == (1, True)
    assert "first" not in found.message
    training = check_bytes(jsonl(*trained, *(pair("short", f"{i}") for i in range(MOST_ROWS_OF_ALL))), VERTEX)
    report = check_bytes(jsonl(*validation, pair(nearly(early), "an answer")), VERTEX, training=training)
    [found] = [f for f in report.findings if f.rule == "near-leakage"]
    assert (found.count, report.near_rows) == (1, 0)
    assert f"Of a long file only the first {MOST_ROWS:,} rows are compared so." in found.message


def test_marks_around_words_and_capitals_do_not_make_other_words() -> None:
    long = text()
    marked = " ".join(f"“{word.upper()}”," for word in long.split())
    [found] = rule(
        "near-duplicate",
        pair(long, "an answer"),
        *(pair(text(), f"{i}") for i in range(9)),
        pair(marked, "an answer"),
    )
    assert (found.count, found.value) == (1, "line 1")


def test_texts_without_spaces_between_words_are_compared_too() -> None:
    written = [
        "".join(CHANCE.choices("潮汐港口码头渡船灯塔水深航道风浪云雨晴天早晚时刻表座位票价", k=60))
        for _ in range(9)
    ]
    changed = written[3][:30] + "異" + written[3][31:]
    [found] = rule("near-duplicate", *(pair(each, "好") for each in [*written, changed]))
    assert (found.count, found.lines, found.value) == (1, (10,), "line 4")


def test_what_was_not_compared_is_said_also_where_nothing_was_found() -> None:
    rows = [pair(text(), f"answer {i}") for i in range(MOST_ROWS_OF_ALL + 1)]
    report = check_bytes(jsonl(*rows), VERTEX)
    assert (report.near_rows, report.findings) == (MOST_ROWS, ())
    assert f"the first {MOST_ROWS:,} rows with each other" in report_text(report)
    assert check_bytes(jsonl(*rows[:9]), VERTEX).near_rows == 0
