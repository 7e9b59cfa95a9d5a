"""Which mapping is guessed from the keys of a row."""

import pytest

from bot.datasets.rows.column_mapping import format_mapping, guess_mapping, question_of
from bot.domain.datasets import FieldMapping
from tests.support.dataset_builders import check_bytes, jsonl


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("question answer", "input=question output=answer"),
        ("Question Answer id", "input=Question output=Answer"),
        ("instruction input output", "input=instruction+input output=output"),
        ("id text summary", "input=text output=summary"),
        ("frage antwort", "input=frage output=antwort"),
    ],
)
def test_mapping_is_guessed_from_the_keys(keys: str, expected: str) -> None:
    guess = guess_mapping(dict.fromkeys(keys.split(), "x"))
    assert guess is not None
    assert format_mapping(guess) == expected


def test_no_mapping_is_guessed_where_the_keys_tell_nothing() -> None:
    assert guess_mapping({"a": "1", "b": "2", "c": "3"}) is None
    assert guess_mapping({"a": 1, "b": "2"}) is None


def test_labels_that_are_numbers_and_names_with_capitals_are_guessed() -> None:
    assert guess_mapping({"id": 7, "Text": "a", "LABEL": 1}) == FieldMapping("Text", "LABEL")


def test_a_guess_is_a_question() -> None:
    asked = question_of(FieldMapping("context+question", "answer"))
    assert asked == "Is `context` with `question` what people ask, and `answer` what the model should say?"


def test_rows_with_an_optional_context_are_read_by_their_guessed_mapping() -> None:
    data = jsonl(
        {"instruction": "Add.", "context": "1 and 2", "response": "3"},
        {"instruction": "Say hi.", "context": "", "response": "hi"},
    )
    guess = check_bytes(data).guessed_mapping
    assert guess == FieldMapping("instruction+context", "response")
    report = check_bytes(data, mapping=guess)
    assert (report.ok, report.examples) == (True, 2)
