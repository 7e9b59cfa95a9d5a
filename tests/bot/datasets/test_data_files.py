"""The four files of `tests/data/datasets`, checked for both kinds of target and converted."""

import pytest

from bot.datasets import ConvertTask
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping
from tests.support.data_files import data_file
from tests.support.dataset_builders import (
    GEMINI_API,
    VERTEX,
    check_bytes,
    chunks,
    rows_of,
    rules,
)
from tests.support.file_work import FileWork

QUESTION_ANSWER = FieldMapping("question", "answer")


@pytest.mark.parametrize(("limits", "target"), [(GEMINI_API, Dialect.GEMINI), (VERTEX, Dialect.VERTEX)])
async def test_next_number_is_fine_everywhere(file_work: FileWork, limits: DatasetLimits, target: Dialect) -> None:
    data = data_file("datasets/next_number.jsonl")
    report = check_bytes(data, limits, target)
    assert report.ok
    assert (report.rows, report.examples, report.dialect) == (15, 15, Dialect.GEMINI)
    assert rules(report) == []
    assert report.dataset("slack:F1").examples == 15
    written = await file_work.converted(chunks(data), ConvertTask(Dialect.GEMINI, target, sha256=report.sha256))
    assert len(rows_of(written)) == 15


@pytest.mark.parametrize(("limits", "target"), [(GEMINI_API, Dialect.GEMINI), (VERTEX, Dialect.VERTEX)])
def test_messages_capitals_is_told_apart_from_openai(limits: DatasetLimits, target: Dialect) -> None:
    report = check_bytes(data_file("datasets/messages_capitals.jsonl"), limits, target)
    assert report.ok
    assert (report.rows, report.examples, report.dialect) == (9, 9, Dialect.MESSAGES)
    assert rules(report) == []


def test_openai_chat_has_one_bad_row_for_vertex() -> None:
    report = check_bytes(data_file("datasets/openai_chat.jsonl"))
    assert (report.rows, report.examples, report.dialect) == (5, 4, Dialect.OPENAI)
    assert rules(report) == [("no-user-turn", 1, (4,)), ("system-texts-differ", 1, ())]


def test_openai_chat_has_three_bad_rows_for_the_gemini_api() -> None:
    report = check_bytes(data_file("datasets/openai_chat.jsonl"), GEMINI_API, Dialect.GEMINI)
    assert rules(report) == [
        ("many-turns", 1, (2,)),
        ("no-user-turn", 1, (4,)),
        ("output-too-long", 1, (5,)),
        ("system-in-input", 2, (1, 5)),
    ]
    too_long = report.errors[2]
    assert (too_long.value, too_long.limit, too_long.field) == ("9,446", 5_000, "output")


def test_word_problems_names_its_keys_and_offers_a_mapping() -> None:
    report = check_bytes(data_file("datasets/word_problems.jsonl"))
    assert not report.ok
    assert report.keys == ("question", "answer")
    assert report.guessed_mapping == QUESTION_ANSWER
    [finding] = report.findings
    assert (finding.rule, finding.count) == ("unknown-keys", 300)
    assert "question, answer" in finding.message
    assert "Is `question` what people ask, and `answer` what the model should say?" in finding.advice


@pytest.mark.parametrize(("limits", "target"), [(GEMINI_API, Dialect.GEMINI), (VERTEX, Dialect.VERTEX)])
async def test_word_problems_is_fine_once_its_keys_are_mapped(
    file_work: FileWork, limits: DatasetLimits, target: Dialect
) -> None:
    data = data_file("datasets/word_problems.jsonl")
    report = check_bytes(data, limits, target, QUESTION_ANSWER)
    assert report.ok
    assert (report.rows, report.examples, report.dialect) == (300, 300, Dialect.MAPPED)
    assert report.mapping == QUESTION_ANSWER
    assert rules(report) == []
    written = await file_work.converted(
        chunks(data), ConvertTask(Dialect.MAPPED, target, QUESTION_ANSWER, report.sha256)
    )
    after = check_bytes(written, limits, target)
    assert after.fingerprints is not None
    assert report.fingerprints is not None
    assert after.fingerprints.shared_with(report.fingerprints).count == 300
