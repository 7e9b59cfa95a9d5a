"""The files of `tests/data/datasets`: four of the common kinds, and one for each form that the README names."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bot.datasets import ConvertTask
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping
from tests.support.data_files import DATA, data_file
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
# The form as the README's table names it, its files in `tests/data/datasets/forms`, what its rows are read as, and
# how many there are.
FORMS = [
    ("Gemini API", "gemini_api", Dialect.GEMINI, 3),
    ("PaLM on Vertex AI", "palm", Dialect.PALM, 2),
    ("Gemini on Vertex AI", "vertex", Dialect.VERTEX, 4),
    ("messages", "messages", Dialect.MESSAGES, 3),
    ("OpenAI chat", "openai_chat", Dialect.OPENAI, 2),
    ("prompt and completion", "prompt_completion", Dialect.PROMPT, 4),
    ("ShareGPT", "sharegpt", Dialect.SHAREGPT, 4),
    ("Alpaca", "alpaca", Dialect.ALPACA, 4),
    ("Claude and Bedrock", "claude", Dialect.OPENAI, 2),
    ("OpenAI Responses", "openai_responses", Dialect.OPENAI, 2),
    ("preference pairs", "preference_pairs", Dialect.TRL, 5),
    ("tools and pictures", "tools_and_pictures", Dialect.VERTEX, 2),
    ("tools and pictures", "openai_tools", Dialect.OPENAI, 2),
    ("any other keys", "other_keys", Dialect.MAPPED, 3),
]


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


@pytest.mark.parametrize(("form", "file", "dialect", "rows"), FORMS, ids=[file for _, file, _, _ in FORMS])
def test_each_form_of_the_readme_is_recognized_by_its_rows(
    form: str, file: str, dialect: Dialect, rows: int
) -> None:
    mapping = QUESTION_ANSWER if dialect is Dialect.MAPPED else None
    report = check_bytes(
        data_file(f"datasets/forms/{file}.jsonl"), replace(VERTEX, takes_tools=True), mapping=mapping
    )
    assert (report.dialect, report.rows, report.examples) == (dialect, rows, rows)
    assert report.ok
    assert report.asks_for_preferred == (form == "preference pairs")
    assert rules(report) == ([("preferred-only", rows, (1, 2, 3, 4, 5))] if form == "preference pairs" else [])


def test_the_readme_names_the_forms_that_have_a_file() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    table = readme.partition("| form | a line |\n|---|---|\n")[2].partition("\n\n")[0]
    named = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    assert named == list(dict.fromkeys(form for form, *_ in FORMS))
    assert {f"{file}.jsonl" for _, file, _, _ in FORMS} == {
        f.name for f in (DATA / "datasets" / "forms").iterdir()
    }
