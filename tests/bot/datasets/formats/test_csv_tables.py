"""Reads tables whose bytes are no UTF-8."""

import sys

import pytest

from bot.datasets import DatasetChecker
from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.findings.report import DatasetReport
from bot.datasets.formats import csv_tables, encodings
from bot.datasets.formats.csv_tables import CsvTable, Layout
from bot.domain.backend_profile import DatasetLimits


def checked(rows: int) -> DatasetReport:
    lines = (f"Où est la commande {i} ?,Elle arrive à midi, déjà payée".encode("cp1252") for i in range(rows))
    checker = DatasetChecker("rows.csv", DatasetLimits())
    checker.feed(b"prompt,completion,more\n" + b"\n".join(lines))
    return checker.finish()


def test_the_encoding_of_a_long_table_is_guessed_from_its_first_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    guessed: list[bytes] = []

    def guess(raw: bytes) -> Problem:
        guessed.append(raw)
        return encodings.not_utf8(raw)

    monkeypatch.setattr(csv_tables, "not_utf8", guess)
    [few], [many] = (
        [finding for finding in checked(rows).findings if finding.rule == "not-utf8"] for rows in (100, 6_000)
    )
    assert (few.count, many.count) == (100, 6_000)
    assert (few.message, few.field, few.lines) == (many.message, many.field, many.lines)
    assert "Windows-1252" in many.message
    assert len(guessed) < 6_000


LAYOUT = Layout(",", names=("a", "b"))


def calls_for(cell: bytes) -> int:
    """Return how many calls it takes to read a table in which one cell is much longer than what is fed at once."""
    data = b'a,b\n"' + cell + b'",c\nd,e\n'
    table = CsvTable(FindingCollector(), LAYOUT)
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        blocks = [
            block for start in range(0, len(data), 1_000) for block in table.feed(data[start : start + 1_000])
        ]
    finally:
        sys.setprofile(None)
    assert sum(block.count for block in blocks) == 2
    return calls


@pytest.mark.parametrize("piece", [b"\n", b"a\n", b'""\n'])
def test_line_ends_of_a_long_cell_are_looked_at_once(piece: bytes) -> None:
    assert calls_for(piece * 8_000) < 3 * calls_for(piece * 4_000)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11])
def test_rows_are_the_same_in_whatever_pieces_a_table_comes(size: int) -> None:
    data = b'a,b\n"a\n""b""\n","c\n"\n\n"d, \\"e\\"\nf",g\nh,"i\n\n"\n'
    expected = [line for block in CsvTable(FindingCollector(), LAYOUT).feed(data) for line in block.lines]
    table = CsvTable(FindingCollector(), LAYOUT)
    found = [block for start in range(0, len(data), size) for block in table.feed(data[start : start + size])]
    assert [line for block in found for line in block.lines] == expected
    assert len(list(filter(None, expected))) == 3
