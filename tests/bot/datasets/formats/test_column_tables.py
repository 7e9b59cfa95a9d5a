"""Files that are written by columns are read as rows."""

import json
from typing import Any

import pytest

from bot.datasets.formats.column_tables import MOST_BYTES
from tests.support.dataset_builders import VERTEX, check_bytes, rules

PROMPTS, ANSWERS = ["a?", "b?", "c?"], ["x", "y", "z"]
BY_COLUMNS: dict[str, Any] = {
    "columns of pandas": {
        "prompt": {str(i): text for i, text in enumerate(PROMPTS)},
        "completion": {str(i): text for i, text in enumerate(ANSWERS)},
    },
    "rows by their index": {
        str(i): {"prompt": asked, "completion": answer}
        for i, (asked, answer) in enumerate(zip(PROMPTS, ANSWERS, strict=True))
    },
    "rows by their ids": {
        f"faq-{i}": {"prompt": asked, "completion": answer}
        for i, (asked, answer) in enumerate(zip(PROMPTS, ANSWERS, strict=True), 1)
    },
    "pandas' split": {
        "columns": ["prompt", "completion"],
        "index": [0, 1, 2],
        "data": [list(pair) for pair in zip(PROMPTS, ANSWERS, strict=True)],
    },
    "lists": {"prompt": PROMPTS, "completion": ANSWERS},
}


@pytest.mark.parametrize("form", BY_COLUMNS)
@pytest.mark.parametrize("indent", [None, 2])
def test_each_form_is_read_as_rows(form: str, indent: int | None) -> None:
    report = check_bytes(json.dumps(BY_COLUMNS[form], indent=indent).encode(), VERTEX, name="rows.json", chunk=7)
    assert report.ok
    assert (report.rows, report.examples, report.unit) == (3, 3, "row")
    assert [(each.question, each.answer) for each in report.previews] == [("a?", "x"), ("b?", "y")]


@pytest.mark.parametrize(
    "value",
    [
        {"columns": ["a"], "data": [["1", "2"]]},
        {"prompt": {"0": "a"}, "completion": {"1": "b"}},
        {"prompt": ["a", "b"], "completion": ["c"]},
        {"prompt": {"0": "a"}, "completion": "b"},
        {"1": {"prompt": "a", "completion": "b"}, "other": {"prompt": "c", "completion": "d"}},
        {"1": {"prompt": "a", "completion": "b"}, "2": "none"},
    ],
)
def test_what_is_no_table_is_one_bad_row_and_no_crash(value: object) -> None:
    report = check_bytes(json.dumps(value).encode(), VERTEX, name="rows.json")
    assert not report.ok
    assert report.rows == 1


def test_a_row_or_column_whose_name_stands_twice_is_not_lost_in_silence() -> None:
    row = '{"prompt": "a?", "completion": "b"}'
    by_id = check_bytes(f'{{"q1": {row}, "q2": {row}, "q1": {row}}}'.encode(), VERTEX, name="rows.json")
    column = '"prompt": ["a?", "b?"]'
    by_column = check_bytes(f'{{{column}, "completion": ["c", "d"], {column}}}'.encode(), VERTEX, name="rows.json")
    found = [[f.field for f in report.findings if f.rule == "doubled-key"] for report in (by_id, by_column)]
    assert (by_id.rows, by_column.rows, found) == (2, 2, [["q1"], ["prompt"]])


def test_a_row_that_begins_with_a_list_is_a_row() -> None:
    row = {"tags": ["a", "b"], "prompt": "a?", "completion": "b"}
    one = check_bytes(json.dumps(row).encode(), VERTEX)
    assert (one.rows, one.examples) == (1, 1)
    many = check_bytes((json.dumps(row) + "\n").encode() * 3, VERTEX)
    assert many.rows == 3
    assert many.unit == "line"


def test_a_table_that_is_too_large_or_hostile_is_refused_in_words() -> None:
    large = b'{"prompt": {"0": "' + b"x" * MOST_BYTES + b'"}}'
    assert ("columns", 1, ()) in rules(check_bytes(large, VERTEX))
    deep = b'{"prompt": {"0": ' + b"[" * 5_000
    assert not check_bytes(deep, VERTEX).ok


@pytest.mark.parametrize("beside", [{"data": [["a", 1]]}, {"index": [1]}, {"columns": []}, {"meta": {"0": "web"}}])
def test_rows_that_only_begin_as_a_table_by_columns_are_rows(beside: dict[str, Any]) -> None:
    rows = [beside | {"prompt": asked, "completion": "x"} for asked in PROMPTS]
    report = check_bytes("\n".join(map(json.dumps, rows)).encode())
    assert (report.rows, report.examples) == (3, 3)
