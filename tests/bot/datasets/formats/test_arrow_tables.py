"""Parquet and Arrow files are read as rows, whatever they hold."""

import io
import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bot.datasets.checks import row_source
from tests.support.dataset_builders import VERTEX, check_bytes, rules

pyarrow = pytest.importorskip("pyarrow")

ROWS = [{"prompt": f"question {i}?", "completion": f"answer {i}"} for i in range(600)]


def written(form: str, rows: Any) -> bytes:
    """Write rows, or a table, in a form."""
    from pyarrow import feather, ipc, parquet

    table = pyarrow.Table.from_pylist(rows) if isinstance(rows, list) else rows
    sink = io.BytesIO()
    match form:
        case "parquet":
            parquet.write_table(table, sink)
        case "feather":
            feather.write_feather(table, sink)
        case "arrow":
            with ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
        case _:
            with ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize("form", ["parquet", "feather", "arrow", "stream"])
def test_each_form_is_read_as_rows(form: str) -> None:
    report = check_bytes(written(form, ROWS), VERTEX, name=f"rows.{form}")
    assert report.ok
    assert (report.rows, report.examples, report.unit) == (600, 600, "row")
    assert report.previews[0].question == "question 0?"


def test_bytes_that_look_like_old_line_ends_stay_as_they_are() -> None:
    rows = [{"prompt": f"question {i} " * 20, "completion": "\r" * 40 + f"answer {i}"} for i in range(20_000)]
    report = check_bytes(written("parquet", rows), VERTEX, chunk=1_000_000)
    assert (report.examples, report.errors) == (20_000, ())


def test_conversations_and_values_that_json_does_not_have_are_read() -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    rows = [{"messages": messages, "at": datetime.now(UTC), "price": Decimal("1.5"), "raw": b"\xff"}] * 2
    report = check_bytes(written("parquet", rows), VERTEX)
    assert (report.examples, report.previews[0].answer) == (2, "hello")


@pytest.mark.parametrize("form", ["parquet", "arrow", "stream"])
def test_two_columns_of_one_name_are_refused_with_their_name(form: str) -> None:
    texts = pyarrow.array(["a", "b"])
    table = pyarrow.table([texts, texts, texts], names=["prompt", "completion", "completion"])
    report = check_bytes(written(form, table), VERTEX)
    assert [(finding.rule, finding.field) for finding in report.findings][:1] == [("doubled-column", "completion")]
    assert report.rows == 0


def test_bytes_that_are_no_text_are_neither_garbled_nor_learned() -> None:
    beside = check_bytes(written("parquet", [{**row, "raw": b"\x89PNG\xff"} for row in ROWS]), VERTEX)
    assert [rule for rule, _, _ in rules(beside)] == ["keys-left-out"]
    asked = check_bytes(written("parquet", [{"prompt": b"x\xff", "completion": b"words"}] * 2), VERTEX)
    assert [rule for rule, _, _ in rules(asked)] == ["wrong-type"]


@pytest.mark.parametrize("form", ["parquet", "arrow", "stream"])
def test_a_damaged_table_is_one_finding(form: str) -> None:
    whole, chance = written(form, ROWS[:50]), random.Random(3)
    damaged = [whole[: len(whole) // 2], whole[:12]]
    for _ in range(30):
        broken = bytearray(whole)
        for _ in range(8):
            broken[chance.randrange(8, len(broken))] = chance.randrange(256)
        damaged.append(bytes(broken))
    for data in damaged:
        report = check_bytes(data, VERTEX)
        assert report.ok or report.errors


def test_without_pyarrow_the_report_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_source, "can_read_arrow", lambda: False)
    report = check_bytes(written("parquet", ROWS[:2]), VERTEX)
    assert rules(report) == [("needs-pyarrow", 1, ())]
    assert "tunebot[tables]" in report.errors[0].advice
