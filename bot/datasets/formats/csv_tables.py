"""Reads CSV and TSV as rows whose keys are the names in the table's first row.

Rows are numbered as a spreadsheet shows them: where the names are row 1, the first example is row 2.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.formats.encodings import not_utf8
from bot.datasets.formats.json_lines import MAX_ROW_BYTES, PIECE_BYTES, Block

_encode = msgspec.json.Encoder().encode
# Rows that are not UTF-8 and are looked at one by one; what is said of these is said of the others in turn.
_MOST_GUESSED = 5_000
# Excel cuts what is longer. Source: "Excel specifications and limits", total number of characters in a cell.
_EXCEL_CELL = 32_767
# A quoted field with `\\"` inside of it, and text after that.
_BACKSLASH_QUOTE = re.compile(rb'(?:\A|[,;\t|\n])"(?:[^"\\]++|\\[^"]|"")*+\\"(?![,;\t|"\r\n])')
_ESCAPE, _DOUBLED = re.compile(rb'\\[\\"]'), {b'\\"': b'""'}
# What a column without a name is called, before its number.
UNNAMED = "column"
# The characters to which bytes that are not UTF-8 are decoded.
_NOT_UTF8 = re.compile("[\ufffd\udc80-\udcff]")
# A cell of the line under the names of a Markdown table.
_RULE = re.compile(r":?-{3,}:?")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is written: what separates fields, how many lines stand above the names, and the names.

    `names` are empty where no row holds any; `titles` counts the records above the names. `quotes` says whether
    quotes enclose fields, or are characters like others; `markdown` that a line of dashes is under the names;
    `guessed` that the names are of no known form, so that they could be an example.
    """

    delimiter: str
    skipped_lines: int = 0
    titles: int = 0
    names: tuple[str, ...] = ()
    quotes: bool = True
    markdown: bool = False
    guessed: bool = False


def trimmed(record: Sequence[str]) -> list[str]:
    """Return the cells without spaces around them and without empty cells at the end."""
    cells = [cell.strip() for cell in record]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def is_markdown_line(record: Sequence[str]) -> bool:
    """Return whether a record is the line under the names of a Markdown table."""
    cells = list(filter(None, map(str.strip, record)))
    return len(cells) > 1 and all(map(_RULE.fullmatch, cells))


def read_records(text: str, delimiter: str, *, quotes: bool) -> Iterator[list[str]]:
    """Yield the records of a table's text; `quotes` as in Layout."""
    # The csv module allows 128 KB a field by default; our limit is that of a row.
    csv.field_size_limit(max(csv.field_size_limit(), 2 * MAX_ROW_BYTES))
    source = io.StringIO(text, newline="")
    if not quotes:
        return csv.reader(source, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(source, delimiter=delimiter)


class CsvTable:
    """Reads one row from each record; a quoted field may span lines."""

    unit = "row"

    def __init__(self, collector: FindingCollector, layout: Layout) -> None:
        self._collector = collector
        self._delimiter = layout.delimiter
        self._quotes = layout.quotes
        self._markdown = layout.markdown
        self._held = b""
        # The bytes held back whose quotes are counted, and whether a field is open after them.
        self._counted, self._open = 0, False
        self._backslashes = False
        self._skipped_lines = layout.skipped_lines
        self._titles = layout.titles
        self._names: list[str] = []
        self._wanted = list(layout.names)
        self._guessed = layout.guessed
        self._first_names: frozenset[str] = frozenset()
        self._next = 1
        self.refused = False
        self._not_utf8 = 0
        self._guesses: list[Problem] = []

    def feed(self, data: bytes) -> Iterator[Block]:
        data = self._with_doubled_quotes(self._held + data)
        cut = self._last_record_end(data) if self._quotes else data.rfind(b"\n") + 1
        self._held = data[cut:]
        if cut:
            yield from self._records(data[:cut])
        if len(self._held) > MAX_ROW_BYTES:
            yield from self._open_quote(self._held)
            self._held, self._counted, self._open = b"", 0, False

    def _last_record_end(self, data: bytes) -> int:
        """Return the place after the last line end that is in no quoted field.

        Quotes inside a field are doubled, so an odd number of quotes before a place means that a field is open
        there. What was held back is not counted again.
        """
        cut, at, is_open = data.rfind(b"\n") + 1, self._counted, self._open
        if (data.count(b'"', at, cut) % 2 == 1) is is_open:
            self._counted, self._open = 0, False
            return cut
        end = 0
        while at < cut:
            line_end = data.index(b"\n", at) + 1
            is_open ^= bool(data.count(b'"', at, line_end) % 2)
            if not is_open:
                end = line_end
            at = line_end
        self._counted, self._open = cut - end, is_open
        return end

    def finish(self) -> Iterator[Block]:
        if self._quotes and self._held.count(b'"') % 2:
            yield from self._open_quote(self._held)
        elif self._held:
            yield from self._records(self._held)

    def _with_doubled_quotes(self, data: bytes) -> bytes:
        """Return the bytes with quotes that are written as in JSON (`\\"`) as tables write them (`""`).

        A table that doubles its quotes has no text after `\\"`, so that one such place shows which kind it is.
        """
        if not self._quotes or b'\\"' not in data:
            return data
        if not self._backslashes and _BACKSLASH_QUOTE.search(data):
            self._backslashes = True
            self._counted, self._open = 0, False  # the quotes held back are others now
            self._collector.add(Problem("backslash-quotes"))
        # Two backslashes are one that is no mark, so that the quote after them ends its field.
        return (
            _ESCAPE.sub(lambda found: _DOUBLED.get(found.group(), found.group()), data)
            if self._backslashes
            else data
        )

    def _read(self, text: str) -> Iterator[list[str]]:
        return read_records(text, self._delimiter, quotes=self._quotes)

    def _open_quote(self, data: bytes) -> Iterator[Block]:
        """Read the lines after a quote that is never closed one by one, so that only the broken ones are lost."""
        closed: list[bytes] = []
        size = 0
        for line in io.BytesIO(data):
            if line.count(b'"') % 2 and self._is_open(line):
                yield from self._records(b"".join(closed))
                closed, size = [], 0
                number, self._next = self._next, self._next + 1
                text = line.strip()[:MAX_ROW_BYTES]
                yield Block(number, text, [text], Problem("no-closing-quote"))
            else:
                closed.append(line)
                size += len(line)
            if size > PIECE_BYTES:
                yield from self._records(b"".join(closed))
                closed, size = [], 0
        yield from self._records(b"".join(closed))

    def _is_open(self, line: bytes) -> bool:
        """Return whether a quoted field of the line is not closed; a quote in a plain field is a character."""
        *_, last = list(self._read(line.decode("utf-8", "surrogateescape")))[-1:] or [[""]]
        return (bool(last) and last[-1].endswith(("\n", "\r"))) or not line.endswith((b"\n", b"\r"))

    def _records(self, data: bytes) -> Iterator[Block]:
        text = data.decode("utf-8", "surrogateescape")
        if self._skipped_lines:
            self._skipped_lines = 0
            self._next += 1
            text = text.partition("\n")[2]
        lines: list[bytes] = []
        size = 0
        first = self._next
        for record in self._read(text):
            number, self._next = self._next, self._next + 1
            if not self._names:
                first = self._next
                if self._titles:
                    self._titles -= 1
                    if any(map(str.strip, record)):
                        self._collector.add(Problem("title-row", value=" ".join(trimmed(record))), lines=(number,))
                    continue
                if self._name_columns(record, number):
                    continue
                first = number
            if self.refused:
                continue
            if record and record[0] in self._first_names and self._holds_names(record):
                self._collector.add(Problem("names-again", value=", ".join(self._names)), lines=(number,))
                if lines:
                    yield Block(first, b"\n".join(lines), lines)
                lines, first, size = [], self._next, 0
                continue
            line, problem = self._row(record, number)
            if problem is None:
                lines.append(line)
                size += len(line)
                if size > PIECE_BYTES:
                    # Short rows are many times longer as JSON, and one block is read at once.
                    yield Block(first, b"\n".join(lines), lines)
                    lines, first, size = [], self._next, 0
                continue
            if lines:
                yield Block(first, b"\n".join(lines), lines)
            shown = self._delimiter.join(record).encode("utf-8", "surrogateescape").replace(b"\n", b" ")
            yield Block(number, shown, [shown], problem)
            lines, first, size = [], self._next, 0
        if lines:
            yield Block(first, b"\n".join(lines), lines)

    def _name_columns(self, record: list[str], number: int) -> bool:
        """Set the names of the columns; return whether the record holds them and is no row."""
        if not self._wanted:
            self._names = [f"{UNNAMED}{i}" for i in range(1, len(record) + 1)]
            shown = ", ".join(trimmed(record))
            # Rows of another encoding have an error of their own, and nobody could read the names.
            if not _NOT_UTF8.search(shown):
                found = Problem("no-column-names", value=shown, detail=", ".join(self._names[:4]))
                self._collector.add(found, lines=(number,))
            return False
        self._names = [name.strip() for name in self._wanted]
        counts = Counter(name.lower() for name in self._names)
        # Names match in any letter case, so `Completion` beside `completion` is doubled, too.
        doubled = [name for name in dict.fromkeys(self._names) if name and counts[name.lower()] > 1]
        if doubled:
            self.refused = True
            self._collector.add(Problem("doubled-column", ", ".join(doubled)))
        while self._names and not self._names[-1]:
            self._names.pop()
        self._names = [name or f"{UNNAMED}{i}" for i, name in enumerate(self._names, 1)]
        # Where tables were put together, a byte order mark stands before the names, which makes quotes characters.
        name = next(iter(record), "")
        self._first_names = frozenset((name, f"\ufeff{name}", f'\ufeff"{name}"'))
        if self._guessed and not any(map(_NOT_UTF8.search, self._names)):
            self._collector.add(Problem("names-guessed", value=", ".join(self._names)), lines=(number,))
        return True

    def _holds_names(self, record: list[str]) -> bool:
        first, *others = trimmed(record) or [""]
        return [first.lstrip("\ufeff").strip('" '), *others] == self._names

    def _row(self, record: list[str], number: int) -> tuple[bytes, Problem | None]:
        """Return a record as a JSON object; empty where all its cells are."""
        names = self._names
        if self._markdown:
            # Spaces beside a bar only align the columns.
            record = [] if is_markdown_line(record) else [cell.strip() for cell in record]
        if not any(map(str.strip, record)):
            return b"", None
        extra = record[len(names) :]
        if len(record) < len(names) or any(map(str.strip, extra)):
            return b"", Problem("wrong-columns", value=str(len(record)), limit=len(names))
        for cell in record:
            if len(cell) == _EXCEL_CELL:
                self._collector.add(Problem("cell-limit", limit=_EXCEL_CELL), lines=(number,))
        try:
            return _encode(dict(zip(names, record, strict=False))), None
        except UnicodeEncodeError:
            # A table has one encoding. Guessing it takes ten times as long as reading the row.
            guesses, self._not_utf8 = self._guesses, self._not_utf8 + 1
            if len(guesses) < _MOST_GUESSED:
                guesses.append(not_utf8(self._delimiter.join(record).encode("utf-8", "surrogateescape")))
            return b"", guesses[(self._not_utf8 - 1) % _MOST_GUESSED]
