"""The numbers of a report."""

import pytest

from bot.datasets import Histogram
from bot.domain.datasets import Dialect
from tests.support.dataset_builders import chat, check_bytes, contents, jsonl, pair


def test_histogram_counts_lengths_by_powers_of_two() -> None:
    report = check_bytes(jsonl(pair("a", "bb"), pair("a" * 9, "bbb"), pair("a" * 12, "b" * 8)))
    assert report.inputs == Histogram((0, 1, 0, 0, 2), 12, 22)
    assert report.outputs.buckets() == [(2, 3, 2), (4, 7, 0), (8, 15, 1)]
    assert (report.characters, report.tokens) == (35, 9)


def test_lengths_do_not_depend_on_the_dialect() -> None:
    plain = check_bytes(jsonl(contents("user: ab", "model: c", "user: d", "model: efg", system="xyz")))
    other = check_bytes(
        jsonl(chat("system: xyz", "user: ab", "assistant: c", "user: d", "assistant: efg")), target=Dialect.VERTEX
    )
    assert (plain.inputs.total, plain.outputs.total) == (7, 3)
    assert (plain.inputs, plain.outputs, plain.tokens) == (other.inputs, other.outputs, other.tokens)


def test_report_of_no_known_dialect_is_no_dataset() -> None:
    with pytest.raises(ValueError, match="no known dialect"):
        check_bytes(jsonl({"a": 1})).dataset("slack:F1")
