"""Reads a JSON file that is written by columns, as pandas and Hugging Face's datasets do, as rows.

Such a file can only be read as a whole, so it is held in memory up to a bound. What turns out to be one plain row
is passed on as that row.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.formats.json_lines import PIECE_BYTES, Block

# Hostile JSON takes thirty times its size once it is read.
MOST_BYTES = 16 * 1024 * 1024
_SHOWN_NAMES = 20
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class ColumnTable:
    """Reads `{"a": {"0": ...}}`, `{"a": [...]}`, rows by their ids, and pandas' `split`."""

    unit = "row"

    def __init__(self, collector: FindingCollector) -> None:
        self._collector = collector
        self._held = bytearray()
        self.refused = False

    def feed(self, data: bytes) -> Iterator[Block]:
        if len(self._held) + len(data) > MOST_BYTES:
            self._refuse()
        if not self.refused:
            self._held += data
        yield from ()

    def finish(self) -> Iterator[Block]:
        if self.refused:
            return
        raw = bytes(self._held)
        self._held.clear()
        try:
            rows = rows_of_columns(_decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            rows = None
        if rows is None:
            line = raw.strip().replace(b"\n", b" ")
            yield Block(1, line, [line])
            return
        if doubled := _doubled_names(raw):
            self._collector.add(Problem("doubled-key", ", ".join(doubled[:_SHOWN_NAMES])))
        yield from blocks_of(rows, 1)

    def _refuse(self) -> None:
        if not self.refused:
            self.refused = True
            self._held.clear()
            self._collector.add(Problem("columns"))


def blocks_of(rows: Iterator[dict[str, Any]], first: int) -> Iterator[Block]:
    """Yield rows as blocks of JSON lines."""
    lines: list[bytes] = []
    size = 0
    for row in rows:
        lines.append(_encode(row))
        size += len(lines[-1])
        if size > PIECE_BYTES:
            yield Block(first, b"\n".join(lines), lines)
            first, lines, size = first + len(lines), [], 0
    if lines:
        yield Block(first, b"\n".join(lines), lines)


def rows_of_columns(value: Any) -> Iterator[dict[str, Any]] | None:
    """Return the rows of a value that is written by columns, or None where it is not."""
    if not isinstance(value, dict) or not value:
        return None
    if (split := _split(value.get("columns"), value.get("data"))) is not None:
        names, data = split
        return (dict(zip(names, record, strict=True)) for record in data)
    columns = list(value.values())
    if all(isinstance(column, list) for column in columns):
        length = len(columns[0])
        if len(columns) < 2 or length < 2 or any(len(column) != length for column in columns):
            return None
        return (dict(zip(value, record, strict=True)) for record in zip(*columns, strict=True))
    if not all(isinstance(column, dict) and column for column in columns):
        return None
    if "0" in value:
        return iter(columns)
    if "0" not in columns[0] and all(any(map(str.isdigit, name)) for name in value):
        return iter(columns)  # rows by their ids
    if "0" not in columns[0] or any(column.keys() != columns[0].keys() for column in columns):
        return None
    return ({name: column[index] for name, column in value.items()} for index in columns[0])


def _doubled_names(raw: bytes) -> list[str]:
    """Return the names that stand twice in one object: of such columns or rows only the last one is left."""
    doubled: set[str] = set()

    def look(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) < len(pairs):
            doubled.update(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)

    with suppress(ValueError, RecursionError):
        json.loads(raw, object_pairs_hook=look)
    return sorted(doubled)


def _split(names: Any, data: Any) -> tuple[list[str], list[list[Any]]] | None:
    if not isinstance(names, list) or not isinstance(data, list) or not all(isinstance(n, str) for n in names):
        return None
    whole = all(isinstance(record, list) and len(record) == len(names) for record in data)
    return (names, data) if whole else None
