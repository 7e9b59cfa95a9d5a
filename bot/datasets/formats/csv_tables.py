"""Reads CSV and TSV as rows whose keys are the names in the table's first row.

Rows are numbered as a spreadsheet shows them: the names are row 1.
"""

import csv
import io
from collections.abc import Iterator

import msgspec

from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.formats.json_lines import MAX_ROW_BYTES, Block

_encode = msgspec.json.Encoder().encode


class CsvTable:
    """Reads one row from each record; a quoted field may span lines."""

    unit = "row"

    def __init__(self, collector: FindingCollector, delimiter: str) -> None:
        self._collector = collector
        self._delimiter = delimiter
        self._held = b""
        self._names: list[str] = []
        self._next = 1
        self._broken = False

    def feed(self, data: bytes) -> Iterator[Block]:
        if self._broken:
            return
        data = self._held + data
        cut = _last_record_end(data)
        self._held = data[cut:]
        if cut:
            yield from self._records(data[:cut])
        if len(self._held) > MAX_ROW_BYTES:
            self._broken, self._held = True, b""
            self._collector.add(Problem("no-closing-quote"), lines=(self._next,))

    def finish(self) -> Iterator[Block]:
        if self._held.count(b'"') % 2:
            self._collector.add(Problem("no-closing-quote"), lines=(self._next,))
        elif self._held:
            yield from self._records(self._held)

    def _records(self, data: bytes) -> Iterator[Block]:
        # The csv module allows 128 KB a field by default; our limit is that of a row.
        csv.field_size_limit(max(csv.field_size_limit(), 2 * MAX_ROW_BYTES))
        text = data.decode("utf-8", "surrogateescape")
        lines: list[bytes] = []
        first = self._next
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter):
            number, self._next = self._next, self._next + 1
            if not self._names:
                self._names = [name.strip() for name in record]
                first = self._next
                continue
            problem = None
            line = b""
            if record and len(record) != len(self._names):
                problem = Problem("wrong-columns", value=str(len(record)), limit=len(self._names))
            elif record:
                try:
                    line = _encode(dict(zip(self._names, record, strict=True)))
                except UnicodeEncodeError:
                    problem = Problem("not-utf8")
            if problem is None:
                lines.append(line)
                continue
            if lines:
                yield Block(first, b"\n".join(lines), lines)
            yield Block(number, b"", problem=problem)
            lines, first = [], self._next
        if lines:
            yield Block(first, b"\n".join(lines), lines)


def _last_record_end(data: bytes) -> int:
    """Return the place after the last line end that is in no quoted field.

    Quotes inside a field are doubled, so an odd number of quotes before a place means that a field is open there.
    """
    cut = data.rfind(b"\n") + 1
    if not cut or data.count(b'"', 0, cut) % 2 == 0:
        return cut
    end, open_quote, at = 0, False, 0
    while at < cut:
        line_end = data.index(b"\n", at) + 1
        open_quote ^= bool(data.count(b'"', at, line_end) % 2)
        if not open_quote:
            end = line_end
        at = line_end
    return end
