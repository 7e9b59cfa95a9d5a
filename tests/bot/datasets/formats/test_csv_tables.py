"""Reads tables whose bytes are no UTF-8."""

import pytest

from bot.datasets import DatasetChecker
from bot.datasets.findings.collector import Problem
from bot.datasets.findings.report import DatasetReport
from bot.datasets.formats import csv_tables, encodings
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
