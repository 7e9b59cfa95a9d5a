"""Detects from a file's first bytes how its rows are written, and cuts the file into rows.

A file that is no training file at all gives one clear finding instead of one for each line.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bot.datasets.checks.file_kinds import other_file
from bot.datasets.checks.table_layout import find_layout
from bot.datasets.checks.wrappers import begins_row, find_wrapper, holds_rows, other_lists
from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.formats.arrow_tables import ARROW_FILES, ArrowTable, can_read_arrow
from bot.datasets.formats.column_tables import ColumnTable
from bot.datasets.formats.csv_tables import CsvTable
from bot.datasets.formats.json_arrays import JsonArray
from bot.datasets.formats.json_lines import Block, Format, JsonLines
from bot.datasets.formats.pictures import PictureFile
from bot.datasets.formats.unpacker import Unpacker
from bot.datasets.rows.almost_json import repair_json
from bot.datasets.rows.column_mapping import guess_mapping
from bot.datasets.rows.json_values import doubled_keys
from bot.datasets.rows.slow_reader import dialect_of, form_of, parse_object
from bot.datasets.rows.turn_names import is_conversation
from bot.domain.datasets import FieldMapping

# Enough to see what a file is, and the rows above a table's column names.
_HEAD = 64 * 1024
# The first rows by which a file's dialect is decided.
_SURVEYED_ROWS = 100
_SURVEYED_BYTES = 1024 * 1024
_SHOWN_KEYS = 5
_BOM = b"\xef\xbb\xbf"
# A line of a chat log: what stands in brackets is followed by text, as in no array.
_CHAT_LOG = re.compile(rb'\[[^\]\[{"\n]{1,40}\][ \t]*+[^\s,\]]')
# The first turn of a bare conversation whose end is not among the first bytes.
_FIRST_TURN = re.compile(rb'\[\s*+\{\s*+"(?:from|role)"\s*+:\s*+"(?:human|user|system|gpt|assistant|model)"')
# The first columns of a file that is written by columns, and one that may be: a row may begin with a list, too.
_COLUMNS = re.compile(
    rb'\{\s*+"(?:(?:columns|index)"\s*+:\s*+\[|data"\s*+:\s*+\[\s*+\[\s*+["\dtfn-]'
    rb'|[^"\\]{1,200}"\s*+:\s*+\{\s*+"0"\s*+:|0"\s*+:\s*+\{)'
)
# The first of several rows under their ids: a name that holds a digit.
_BY_ID = re.compile(rb'\{\s*+"[^"\\0-9]{0,100}[0-9][^"\\]{0,100}"\s*+:\s*+(?=\{)')
_LISTS = re.compile(rb'\{\s*+"[^"\\]{1,200}"\s*+:\s*+\[\s*+"')
# The keys of a message of Slack's: one that a person or an app wrote.
_SLACK_EXPORT = frozenset({"type", "ts"})
_SLACK_AUTHOR = frozenset({"user", "bot_id", "subtype"})


class RowSource:
    """Turns the bytes of a file into blocks of rows.

    `survey` is called once with the first rows, before any of them is yielded.
    """

    def __init__(
        self,
        name: str,
        collector: FindingCollector,
        mapping: FieldMapping | None = None,
        survey: Callable[[Sequence[bytes]], None] | None = None,
    ) -> None:
        self._name = name.lower().removesuffix(".gz")
        self._collector = collector
        self._mapping = mapping
        self._survey = survey
        self._unpacker = Unpacker()
        self._head = b""
        self._format: Format | None = None
        self._first_rows: list[Block] = []
        self._carriage_returns = False
        self._refused = False

    @property
    def refused(self) -> bool:
        """Whether the file as a whole cannot be read."""
        return self._refused or (
            isinstance(self._format, CsvTable | ColumnTable | ArrowTable) and self._format.refused
        )

    @property
    def reads_at_end(self) -> bool:
        """Whether the rows are read only after the file's last byte."""
        return isinstance(self._format, ColumnTable | ArrowTable)

    @property
    def unpacked(self) -> int:
        """The bytes read so far, after unpacking."""
        return self._unpacker.unpacked

    @property
    def data_name(self) -> str:
        """The path of the rows in a zip, once it is known; empty for a file that is no zip."""
        return self._unpacker.name

    @property
    def pictures(self) -> Mapping[str, PictureFile]:
        """The pictures of a zip, by path; all of them once the file was read to its end."""
        return self._unpacker.folder.files

    @property
    def unit(self) -> str:
        """What row numbers count: lines, items or table rows."""
        return self._format.unit if self._format else "line"

    def feed(self, data: bytes) -> Iterator[Block]:
        """Yield the rows that the next bytes complete; nothing once the file is `refused`."""
        if not self.refused:
            yield from self._surveyed(self._read(self._unpacker.feed(data)))

    def finish(self) -> Iterator[Block]:
        """Yield the rows that are left."""
        if self.refused:
            return
        yield from self._surveyed(self._read(self._unpacker.finish()))
        if self._format is None and not self.refused:
            yield from self._surveyed(self._begin())
        if self._format is not None and not self.refused:
            yield from self._surveyed(self._format.finish())
        yield from self._end_survey()

    def _surveyed(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Hold the first rows until they are enough to decide the file's dialect."""
        for block in blocks:
            if self._survey is None:
                yield block
                continue
            self._first_rows.append(block)
            rows = sum(held.count for held in self._first_rows)
            if rows >= _SURVEYED_ROWS or sum(len(held.raw) for held in self._first_rows) >= _SURVEYED_BYTES:
                yield from self._end_survey()

    def _end_survey(self) -> Iterator[Block]:
        if self._survey is None:
            return
        lines: list[bytes] = []
        size = 0
        for block in self._first_rows:
            for line in () if block.problem else block.lines:
                size += len(line)
                if len(lines) < _SURVEYED_ROWS and size < _SURVEYED_BYTES and line.strip():
                    lines.append(line)
        survey, self._survey = self._survey, None
        if lines and _is_slack_message(parse_object(lines[0])):
            self._refuse(Problem("slack-export"))
            self._first_rows = []
            return
        survey(lines)
        if doubled := sorted(set().union(*map(doubled_keys, lines))):
            self._collector.add(Problem("doubled-key", ", ".join(doubled[:_SHOWN_KEYS])))
        yield from self._first_rows
        self._first_rows = []

    def _read(self, pieces: Iterator[bytes]) -> Iterator[Block]:
        for piece in pieces:
            if self._format is not None:
                yield from self._format.feed(self._with_line_ends(piece))
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
        head = data[:_HEAD]
        if head.startswith(tuple(magic for magic, _ in ARROW_FILES)) and can_read_arrow():
            self._format = ArrowTable(self._collector)
            yield from self._format.feed(data)
            return
        if b"\n" not in head and b"\r" in head.rstrip(b"\r"):
            self._carriage_returns = True
            head = self._with_line_ends(head)
        problem = other_file(head)
        if problem is not None:
            self._refuse(problem)
            return
        self._format = self._detect(head)
        yield from self._format.feed(self._with_line_ends(data))

    def _with_line_ends(self, piece: bytes) -> bytes:
        """Write the line ends of old Macs as all others do."""
        return piece.replace(b"\r", b"\n") if self._carriage_returns else piece

    def _detect(self, head: bytes) -> Format:
        start = head.lstrip()
        blanks = len(head) - len(start)
        first_line, line_end, rest = start.partition(b"\n")
        if start.startswith(b"[") and not _CHAT_LOG.match(start):
            # Each line may be the bare list of one conversation's turns.
            row = parse_object(first_line) if line_end else None
            bare = is_conversation(row) if line_end else bool(_FIRST_TURN.match(start))
            # Lists of texts or numbers, one a line, are no rows, but each is counted as one.
            bare = bare or (_holds_values(row) and rest.lstrip().startswith(b"["))
            return JsonLines(self._collector) if bare else JsonArray(self._collector)
        if (_COLUMNS.match(start) or _LISTS.match(start)) and _is_alone(first_line, rest):
            return ColumnTable(self._collector)
        if (first := _BY_ID.match(start)) and _is_alone(first_line, rest) and begins_row(start, first.end()):
            return ColumnTable(self._collector)
        name = (self._unpacker.name or self._name).lower()
        if not start.startswith(b"{") and start:
            # With the blank lines above the names, since a table's rows are counted from its first line on.
            layout = find_layout(head.decode("utf-8", "replace"), self._mapping)
            if name.endswith((".csv", ".tsv")) or (layout.names and self._is_known(layout.names)):
                return CsvTable(self._collector, layout)
            return JsonLines(self._collector)
        row = parse_object(first_line)
        if row is None or not (rest.strip() or (form_of(row, None, self._mapping)[0] and not holds_rows(row))):
            # The first line alone is no row, so the file is no JSONL: one object, or objects one after the other.
            wrapper, depth = find_wrapper(start)
            if wrapper:
                if names := other_lists(start[:wrapper]):
                    self._collector.add(Problem("other-lists", value=names))
                return JsonArray(self._collector, wrapper=blanks + wrapper, depth=depth)
            several = _second_object(first_line) and repair_json(first_line) is None
            if first_line.strip() == b"{" or several:
                return JsonArray(self._collector)
        return JsonLines(self._collector)

    def _is_known(self, names: Sequence[str]) -> bool:
        row = dict.fromkeys(names, "")
        known = dialect_of(row, None, self._mapping) or guess_mapping(row, known_only=True)
        return known is not None

    def _refuse(self, problem: Problem) -> None:
        self._refused = True
        self._collector.add(problem)


def _holds_values(value: Any) -> bool:
    """Return whether a value is a list of nothing but texts, numbers and the like."""
    return isinstance(value, list) and bool(value) and not any(isinstance(item, list | dict) for item in value)


def _is_alone(first_line: bytes, rest: bytes) -> bool:
    """Return whether the file is one value, on one line or over several, so that its first line is no row."""
    return not rest.strip() or parse_object(first_line) is None


def _second_object(line: bytes) -> bool:
    """Return whether a second object follows the first one on a line; brackets in texts of no JSON may look so."""
    depth, at, in_text = 0, 0, False
    for found in re.finditer(rb'\\.|["{}]', line):
        token = found.group()
        if token == b'"':
            in_text = not in_text
        elif in_text or len(token) > 1:
            continue
        elif token == b"{":
            if depth == 0 and at:
                return True
            depth += 1
        else:
            depth -= 1
            at = found.end()
    return False


def _is_slack_message(value: Any) -> bool:
    """Return whether a value is a message of a Slack export, or an answer of Slack's API with messages."""
    if not isinstance(value, dict):
        return False
    messages = value.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[0], dict):
        value = messages[0]
    return value.keys() >= _SLACK_EXPORT and not _SLACK_AUTHOR.isdisjoint(value)
