"""Which mapping is guessed from the keys of a row."""

import pytest

from bot.datasets.rows.column_mapping import format_mapping, guess_mapping, question_of, value_at
from bot.domain.datasets import FieldMapping
from tests.support.dataset_builders import check_bytes, jsonl


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("question answer", "input=question output=answer"),
        ("Question Answer id", "input=Question output=Answer"),
        ("instruction input output", "input=instruction+input output=output"),
        ("id text summary", "input=text output=summary"),
        ("instruction question answer", "input=instruction+question output=answer"),
        ("frage antwort", "input=frage output=antwort"),
        # Columns without names have these.
        ("column1 column2", "input=column1 output=column2"),
    ],
)
def test_mapping_is_guessed_from_the_keys(keys: str, expected: str) -> None:
    guess = guess_mapping(dict.fromkeys(keys.split(), "x"))
    assert guess is not None
    assert format_mapping(guess) == expected


def test_no_mapping_is_guessed_where_the_keys_tell_nothing() -> None:
    assert guess_mapping({"a": "1", "b": "2", "c": "3"}) is None
    assert guess_mapping({"a": 1, "b": "2"}) is None


@pytest.mark.parametrize(
    ("row", "mapping"),
    [
        ({"output": "a", "vars": {"question": "q"}}, FieldMapping("vars.question", "output")),
        ({"context": "c", "question": "q", "answers": {"text": ["a"]}}, None),
        ({"id": "1", "custom_id": "2", "response": {}}, None),
        ({"messageTreeId": "1", "treeState": "ready"}, None),
        ({"output": "a", "answer": "b"}, None),
        ({"inputs": {"text": "q"}, "outputs": {"text": "a"}}, FieldMapping("inputs.text", "outputs.text")),
        ({"a.b": "q", "c": "a"}, FieldMapping("a.b", "c")),
    ],
)
def test_what_is_never_asked_or_never_answered_is_not_guessed_so(
    row: dict[str, object], mapping: FieldMapping | None
) -> None:
    assert guess_mapping(row) == mapping


def test_only_for_rows_of_several_keys_the_advice_asks_which_key_is_which() -> None:
    [finding] = check_bytes(jsonl({"What is low?": "The tide."}, {"What is high?": "The moon."})).errors
    assert finding.advice == (
        "Write two keys in each row: one for what people ask, and one for what the model should say."
    )
    [finding] = check_bytes(jsonl({"a": "1", "b": "2", "c": "3"})).errors
    assert finding.advice == (
        "Which key holds what people ask, and which what the model should say? Name the keys of both."
    )


@pytest.mark.parametrize(
    ("row", "path", "value"),
    [
        ({"a": {"b": "c"}}, "a.b", "c"),
        ({"a.b": "d", "a": {"b": "c"}}, "a.b", "d"),
        ({"a": {"b.c": "d"}}, "a.b.c", "d"),
        ({"a": "b"}, "a.b", None),
        ({}, "a", None),
    ],
)
def test_a_path_names_a_key_inside_of_objects_where_no_key_has_its_name(
    row: dict[str, object], path: str, value: object
) -> None:
    assert value_at(row, path) == value


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


def test_the_keys_of_a_row_with_more_than_a_thousand_are_not_guessed() -> None:
    pair = {"question": "seven", "answer": "eight"}
    assert guess_mapping(pair | {f"k{number}": 1 for number in range(998)}) == FieldMapping("question", "answer")
    assert guess_mapping(pair | {f"k{number}": 1 for number in range(999)}) is None
    assert guess_mapping(pair | {"more": {f"k{number}": 1 for number in range(998)}}) is None
