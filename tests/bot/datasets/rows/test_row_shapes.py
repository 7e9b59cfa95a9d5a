"""Rows that are alike share one explanation, and the report is the same as if each had been read."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from bot.datasets import DatasetChecker
from bot.datasets.findings.report import DatasetReport
from bot.datasets.rows import block_reader
from bot.datasets.rows.row_checker import RowChecker, RowResult
from bot.datasets.rows.row_shapes import shape_of
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect

ROWS: tuple[dict[str, Any], ...] = (
    {"text_input": "q%", "output": "a%"},
    {"prompt": "q%", "chosen": "a%", "rejected": "a%"},
    {"chosen": [{"role": "user", "content": "%"}], "rejected": [{"role": "user", "content": "%"}]},
    {"messages": [{"role": "user", "content": "q%"}, {"role": "assistant", "content": "a", "weight": "%"}]},
    {"contents": [{"role": "user", "parts": [{"text": "q%"}]}, {"role": "model", "parts": [{"text": "a%"}]}]},
    {"contents": [], "completions": [{"score": "%", "completion": {}}, {"score": "%", "completion": {}}]},
    {"conversations": [{"from": "human", "value": "q%"}, {"from": "gpt", "value": "a%"}]},
    {"instruction": "%", "input": "", "output": "%"},
    {"row": {"prompt": "%", "completion": "%"}, "row_idx": "%"},
    {"question": "%", "answer": "%"},
)
VALUES = (
    *("%", "-%", "%.5e%", "1e3%", "NaN", "null", "[%]", "x%"),
    *('"t%"', '""', '{"k%":%}', '"\\ud83d%"', '"{\\"a\\":%}"'),
)
NUMBERS = ("0", "1", "5", "10", "10", "11", "25", "01", "1999", "999999999999999", "99999999999999999999")


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container of a value, with the key or index of something in it."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def templates() -> Iterator[str]:
    """Rows with a wrong value at each place; % stands for a number."""
    for row in ROWS:
        yield json.dumps(row).replace('"%"', "%")
        for container, key in list(places(row)):
            kept, container[key] = container[key], "@"
            for value in VALUES:
                yield json.dumps(row).replace('"@"', value).replace('"%"', "%")
            container[key] = kept
            if isinstance(container, dict):
                del container[key]
                yield json.dumps(row)[:-1] + ', "n%": %}'
                container[key] = kept


def checked(data: bytes) -> DatasetReport:
    checker = DatasetChecker("rows.jsonl", DatasetLimits(), Dialect.VERTEX)
    checker.feed(data)
    return checker.finish()


def test_the_report_is_the_same_as_if_each_row_was_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    shared = 0
    for template in templates():
        rows = []
        for _ in range(20):
            first, *rest = template.split("%")
            rows.append(first + "".join(chance.choice(NUMBERS) + piece for piece in rest))
        data = "\n".join(rows).encode()
        found = checked(data)
        with monkeypatch.context() as patched:
            patched.setattr(block_reader, "shape_of", lambda line: None)
            explained = checked(data)
        assert found.findings == explained.findings, template
        assert (found.rows, found.examples, found.tokens) == (explained.rows, explained.examples, explained.tokens)
        shared += found.examples == 0
    assert shared > 100


def test_rows_of_one_shape_are_explained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    check_row = RowChecker.check_row

    def counted(self: RowChecker, raw: bytes) -> RowResult:
        read.append(raw)
        return check_row(self, raw)

    monkeypatch.setattr(RowChecker, "check_row", counted)
    report = checked(b"".join(b'{"messages":[{"role":"user","content":%d}]}\n' % i for i in range(100, 1100)))
    assert report.rows == 1_000
    assert [(finding.rule, finding.count) for finding in report.findings if finding.field] == [
        ("wrong-type", 1_000)
    ]
    # The first row of the file says its dialect, and rows that were read before that share nothing.
    assert len(read) <= 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"weight": 0}', b'{"weight": 1}'),
        (b'{"weight": 0}', b'{"weight": 10}'),
        (b'{"a": 10, "b": 10}', b'{"a": 10, "b": 11}'),
        (b'{"a": 10}', b'{"a": 010}'),
        (b'{"a": 1e10}', b'{"a": 1e999}'),
        (b'{"a": 123456789012345}', b'{"a": 123456789012345678901}'),
        (b'{"a": "\\ud800 10"}', b'{"a": "\\uc000 10"}'),
        (b'{"a": "%s"}' % (b"10 " * 200), b'{"a": "%s"}' % (b"11 " * 200)),
    ],
)
def test_rows_that_may_mean_different_things_are_of_no_common_shape(one: bytes, other: bytes) -> None:
    shape = shape_of(one)
    assert shape is None or shape != shape_of(other)


def test_rows_that_differ_in_numbers_alone_are_of_one_shape() -> None:
    assert shape_of(b'{"a": 10, "b": 10, "c": 5}') == shape_of(b'{"a": 777, "b": 777, "c": 5}') is not None
