"""Detects from a file's first bytes how its rows are written, and cuts the file into rows.

A file that is no training file at all gives one clear finding instead of one for each line.
"""

import csv
import io
from collections.abc import Iterator

from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.formats.csv_tables import CsvTable
from bot.datasets.formats.gzip_unpacker import GzipUnpacker
from bot.datasets.formats.json_arrays import JsonArray
from bot.datasets.formats.json_lines import Block, Format, JsonLines
from bot.datasets.rows.column_mapping import guess_mapping
from bot.datasets.rows.slow_reader import dialect_of
from bot.domain.datasets import FieldMapping

# Enough to see what a file is, and the names in a table's first row.
_HEAD = 4096
_BOM = b"\xef\xbb\xbf"
_OTHER_FILES = (
    (b"PK\x03\x04", "a ZIP archive or an Excel file"),
    (b"%PDF", "a PDF file"),
    (b"PAR1", "a Parquet file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"SQLite format 3", "a SQLite database"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


class RowSource:
    """Turns the bytes of a file into blocks of rows."""

    def __init__(self, name: str, collector: FindingCollector, mapping: FieldMapping | None = None) -> None:
        self._name = name.lower().removesuffix(".gz")
        self._collector = collector
        self._mapping = mapping
        self._unpacker = GzipUnpacker()
        self._head = b""
        self._format: Format | None = None
        self.refused = False

    @property
    def unpacked(self) -> int:
        """The bytes read so far, after unpacking gzip."""
        return self._unpacker.unpacked

    @property
    def unit(self) -> str:
        """What row numbers count: lines, items or table rows."""
        return self._format.unit if self._format else "line"

    def feed(self, data: bytes) -> Iterator[Block]:
        """Yield the rows that the next bytes complete; nothing once the file is `refused`."""
        if not self.refused:
            yield from self._read(self._unpacker.feed(data))

    def finish(self) -> Iterator[Block]:
        if self.refused:
            return
        yield from self._read(self._unpacker.finish())
        if self._format is None and not self.refused:
            yield from self._begin()
        if self._format is not None and not self.refused:
            yield from self._format.finish()

    def _read(self, pieces: Iterator[bytes]) -> Iterator[Block]:
        for piece in pieces:
            if self._format is not None:
                yield from self._format.feed(piece)
                continue
            self._head += piece
            if len(self._head) >= _HEAD:
                yield from self._begin()
            if self.refused:
                return
        if self._unpacker.problem:
            self._refuse(self._unpacker.problem)

    def _begin(self) -> Iterator[Block]:
        data, self._head = self._head, b""
        if data.startswith(_BOM):
            data = data[len(_BOM) :]
            self._collector.add(Problem("byte-order-mark"))
        start = data[:_HEAD].lstrip()
        lowered = start[:64].lower()
        if lowered.startswith((b"<!doctype html", b"<html")):
            self._refuse(Problem("html-page"))
            return
        for magic, what in _OTHER_FILES:
            if data.startswith(magic):
                self._refuse(Problem("not-a-text-file", detail=what))
                return
        if start.partition(b"\n")[0].strip() == b"{":
            self._refuse(Problem("json-over-lines"))
            return
        if start.startswith(b"["):
            self._format = JsonArray(self._collector)
        elif delimiter := self._delimiter(start):
            self._format = CsvTable(self._collector, delimiter)
        else:
            self._format = JsonLines(self._collector)
        yield from self._format.feed(data)

    def _delimiter(self, start: bytes) -> str:
        """Return what separates a table's fields, or an empty text where the file is no table."""
        if start.startswith(b"{") or not start:
            return ""
        names_line = start.partition(b"\n")[0].strip().decode("utf-8", "replace")
        delimiter = max(",;\t", key=names_line.count)
        if self._name.endswith((".csv", ".tsv")):
            return delimiter
        names = next(csv.reader(io.StringIO(names_line, newline=""), delimiter=delimiter), [])
        row = {name.strip(): "" for name in names}
        known = guess_mapping(row, known_only=True) or dialect_of(row, mapping=self._mapping)
        return delimiter if len(row) > 1 and known else ""

    def _refuse(self, problem: Problem) -> None:
        self.refused = True
        self._collector.add(problem)
