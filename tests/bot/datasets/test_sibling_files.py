"""Files of the same kinds as those of `test_near_misses.py`, from other programs: nothing lost, nothing false.

Each is checked, converted and repaired; the rows of the file are those that are kept and those that are left out.
"""

from typing import Any

import pytest

from bot.backends.profiles import VERTEX
from bot.datasets import Converter, DatasetReport, Repairer
from bot.domain.datasets import Dialect, FieldMapping
from tests.support.dataset_builders import check_bytes, finding, jsonl, rows_of, rules, zipped

NOTES = ("few-examples", "near-duplicate", "duplicate", "lopsided-outputs")
PLACES = ("tram", "harbour", "library", "lift")


def asked(i: int) -> str:
    return f"Who looks after the {PLACES[i % 4]} on day {i}?"


def said(i: int) -> str:
    return f"On day {i} team {i * 7} does, from {i % 12} o'clock."


def rows(count: int = 6) -> list[dict[str, Any]]:
    return [{"prompt": asked(i), "completion": said(i)} for i in range(count)]


def check(data: bytes, name: str = "rows.jsonl", mapping: FieldMapping | None = None) -> DatasetReport:
    """Return the report on a file whose repair and conversion were compared with it."""
    report = check_bytes(data, VERTEX.limits, mapping=mapping, name=name)
    repairer = Repairer(name, VERTEX.limits, Dialect.VERTEX, mapping)
    parts = [*repairer.feed(data), *repairer.finish()]
    kept = b"".join(part.kept_rows for part in parts)
    assert parts[-1].kept + parts[-1].rejected == report.rows
    assert len(rows_of(kept)) == parts[-1].kept
    if report.ok and report.dialect is not None:
        converter = Converter(report.dialect, Dialect.VERTEX, mapping, report.sha256, name=name)
        assert len(rows_of(converter.feed(data) + converter.finish())) == report.examples
    return report


def found(report: DatasetReport) -> list[str]:
    return [rule for rule, _, _ in rules(report, without=NOTES)]


@pytest.mark.parametrize(
    ("data", "name", "what"),
    [
        (b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook/>', "a.xls", "Excel in XML"),
        (b'<?xml version="1.0"?>\n<rows><row/></rows>', "a.jsonl", "an XML file"),
        (b"\x80\x04\x95\x10\x00\x00\x00}\x94.", "a.pkl", "Python's pickle"),
        (b"Obj\x01\x04\x14avro.codec", "a.avro", "an Avro file"),
        (zipped({"Index/Document.iwa": b"x", "Metadata/p.plist": b"x"}), "a.csv", "Numbers or Pages"),
    ],
)
def test_what_is_no_training_file_is_named(data: bytes, name: str, what: str) -> None:
    report = check(data, name)
    assert found(report) == ["not-a-text-file"]
    assert what in report.findings[0].message


def test_only_an_error_in_xml_is_called_the_error_of_a_server() -> None:
    error = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'
    assert "AccessDenied" in finding(check(error), "error-page").message


def test_the_marks_of_a_json_text_sequence_are_no_part_of_its_rows() -> None:
    report = check(b"".join(b"\x1e" + jsonl(row) for row in rows()))
    assert (report.rows, report.examples, found(report)) == (6, 6, ["odd-spaces"])


def test_a_number_too_large_for_json_spoils_no_row_where_it_is_not_sent() -> None:
    report = check(jsonl(*({**row, "score": 7} for row in rows())).replace(b"7}", b"1e999}"))
    assert (report.examples, found(report)) == (6, ["keys-left-out", "number-left-out"])
