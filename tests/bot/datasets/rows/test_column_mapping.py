"""Which mapping is guessed from the keys of a row."""

import pytest

from bot.datasets.rows.column_mapping import format_mapping, guess_mapping
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
def test_mapping_is_guessed_from_the_keys(keys, expected):
    guess = guess_mapping(dict.fromkeys(keys.split(), "x"))
    assert guess is not None
    assert format_mapping(guess) == expected


def test_no_mapping_is_guessed_where_the_keys_tell_nothing():
    assert guess_mapping({"a": "1", "b": "2", "c": "3"}) is None
    assert guess_mapping({"a": 1, "b": "2"}) is None


def test_alpaca_rows_are_read_by_their_guessed_mapping():
    data = jsonl(
        {"instruction": "Add.", "input": "1 and 2", "output": "3"},
        {"instruction": "Say hi.", "input": "", "output": "hi"},
    )
    guess = check_bytes(data).guessed_mapping
    assert guess == FieldMapping("instruction+input", "output")
    report = check_bytes(data, mapping=guess)
    assert (report.ok, report.examples) == (True, 2)
