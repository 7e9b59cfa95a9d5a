"""Reads rows that are correct but for what is around their texts: keys that are left out, and wrappers.

What is around the texts is found by the functions of `slow_reader.py`, so both readers say the same of it. The
texts themselves are read as `fast_reader.py` reads them, which saves most of the time.
"""

from typing import Any, NamedTuple

import msgspec

from bot.datasets.findings.collector import Problem
from bot.datasets.rows.fast_reader import FAST_READER_ERRORS, FastReader
from bot.datasets.rows.side_keys import read_side_keys
from bot.datasets.rows.slow_reader import ParsedRow, find_row, is_too_deep
from bot.domain.datasets import Dialect

_decode = msgspec.json.Decoder().decode


class LooseRow(NamedTuple):
    """A row of a fast reader's type, and the warnings of what is around its texts."""

    row: Any
    warnings: tuple[Problem, ...]


class LooseReader:
    """Reads rows of one dialect whose texts this fast reader can read."""

    def __init__(self, fast: FastReader, dialect: Dialect) -> None:
        self._dialect = dialect
        self._mark = fast.mark
        self._keys = frozenset(fast.row.__struct_encode_fields__)
        # `read` reports the keys beside those of the dialect before it converts a row.
        self._row = msgspec.defstruct(
            "_LooseRow", [], bases=(fast.row,), forbid_unknown_fields=False, gc=False, kw_only=True
        )

    def read(self, line: bytes) -> LooseRow | None:
        """Return the row of a line without a NUL, or None where `slow_reader` must read it."""
        if self._mark and self._mark in line:
            return None
        try:
            value = _decode(line)
        except FAST_READER_ERRORS:
            return None
        if type(value) is not dict or is_too_deep(line, value):
            return None
        parsed = ParsedRow()
        row, known = find_row(value, parsed, self._dialect, None)
        if parsed.dialect is not self._dialect or known is not None:
            return None
        problems = parsed.problems
        # A system text or a history beside the texts belongs to the example.
        if read_side_keys(row, self._keys, problems) or problems.refused:
            return None
        try:
            return LooseRow(msgspec.convert(row, self._row), tuple(problems))
        except msgspec.ValidationError:
            return None
