"""Reads blocks of rows: correct ones together, the others one by one.

A block is first tried as a whole, then in runs of lines, and only the lines that are left are explained.
"""

from collections.abc import Iterator, Sequence
from enum import Enum, auto
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from bot.datasets.findings.collector import Problem
from bot.datasets.formats.json_lines import NUL, Block
from bot.datasets.rows.almost_json import holds_odd_spaces, with_plain_spaces
from bot.datasets.rows.columns import Columns
from bot.datasets.rows.fast_reader import FAST_READER_ERRORS
from bot.datasets.rows.loose_reader import LooseRow
from bot.datasets.rows.row_checker import RowChecker, RowResult
from bot.datasets.rows.row_shapes import Shape, shape_of, stands_for_others
from bot.datasets.rows.slow_reader import BOM, LOG_KEYS, ODD_SPACES, WRAPPER_KEYS, form_of
from bot.domain.datasets import Dialect

_decode = msgspec.json.Decoder().decode
# Lines that are read together once their block holds a row that is not correct.
_RUN = 64
# Rows that are no JSON and are explained one by one. After them, where nearly all rows are so, it is another file,
# and the others are counted only: a reason takes ten times as long as reading the row.
_MOST_EXPLAINED = 5_000
_JUNK_SHARE = 0.9
_NOT_READ = Problem("not-read", limit=_MOST_EXPLAINED)
_LINE_END = Problem("line-end-in-text")
# Short rows often repeat, such as `{}`: so many results of rows of at most so many bytes are stored.
_MOST_STORED, _LONGEST_STORED = 256, 256
# After so many rows in a sequence that the fast reader did not take, it is given none until one row is good again.
_MOST_MISSES = 100
# A row of so many bytes is not nested too deep.
_SHALLOW = 100

# What is found, its first number, and the block that has its lines.
Found: TypeAlias = tuple[Block, int, Columns | RowResult]


class _Kind(Enum):
    CORRECT = auto()
    LOOSE = auto()  # correct but for what is around its texts
    SPACED = auto()  # correct but for odd spaces between values
    BLANK = auto()
    OTHER = auto()


_CORRECT, _LOOSE, _SPACED, _BLANK, _OTHER = _Kind


class BlockReader:
    """Reads the blocks of one file, in their order."""

    def __init__(self, checker: RowChecker, *, counts_only: bool = False) -> None:
        """With `counts_only`, short bad rows that are alike share the result of the first of them."""
        self._checker = checker
        self._counts_only = counts_only
        self._of_unknown_keys: RowResult | None = None
        self._rows = self._errors = 0
        self._explained: dict[bytes, RowResult] = {}
        self._explained_as: Dialect | None = None
        self._shapes: dict[Shape, RowResult] = {}
        self._misses = self._loose_misses = 0

    def read(self, block: Block) -> Iterator[Found]:
        """Read a block; equal short rows may have the same result object."""
        if block.problem is not None:
            yield block, block.first, RowResult(None, (block.problem,))
            return
        columns = self._read_whole(block)
        if columns is not None:
            self._rows += block.count
            yield block, block.first, columns
            return
        for rows, size in block.joined():
            if size > 1:
                yield rows, rows.first, self._read_cut_row(rows.raw)
                yield rows, rows.first + 1, RowResult(None, count=size - 1, blank=True)
                continue
            may_hold_nul, may_be_spaced = rows.holds_nul(), holds_odd_spaces(rows.raw)
            for start in range(0, len(rows.lines), _RUN):
                yield from self._read_lines(rows, start, may_hold_nul, may_be_spaced)

    def _read_whole(self, block: Block) -> Columns | None:
        """Return all rows, decoded in one call, or None where any of them has a problem."""
        fast = self._checker.fast
        if fast is None or not block.one_value_a_line():
            return None
        try:
            rows = fast.decode_lines(block.raw)
        except FAST_READER_ERRORS:
            return None
        return self._checker.within_limits(fast.columns(rows)) if len(rows) == block.count else None

    def _read_together(self, lines: Sequence[bytes]) -> Columns | None:
        fast = self._checker.fast
        if fast is None or not lines:
            return None
        try:
            rows = list(map(fast.decode, lines))
        except FAST_READER_ERRORS:
            return None
        return self._checker.within_limits(fast.columns(rows))

    def _read_cut_row(self, line: bytes) -> Columns | RowResult:
        """Read a row that was put together from lines."""
        columns = None if NUL in line else self._read_together((line,)) or self._read_loose_row(line)
        if columns is not None:
            self._rows += 1
            columns.warnings = (*columns.warnings, _LINE_END)
            return columns
        result = self._explain(line)
        return replace(result, problems=(*result.problems, _LINE_END))

    def _read_loose_row(self, line: bytes) -> Columns | None:
        row = self._read_loosely(line)
        return self._columns_of((row,)) if row is not None else None

    def _read_loosely(self, line: bytes) -> LooseRow | None:
        """Return a row that is correct but for what is around its texts."""
        # After many other rows that follow each other, only a few of the next ones are tried.
        resting = self._loose_misses >= _MOST_MISSES and self._loose_misses % _RUN
        if self._checker.loose is None or resting or (row := self._checker.loose.read(line)) is None:
            self._loose_misses += 1
            return None
        return row

    def _columns_of(self, rows: Sequence[LooseRow]) -> Columns | None:
        """Return rows with the same warnings, or None where one of them is not correct."""
        fast = self._checker.fast
        assert fast is not None
        columns = self._checker.within_limits(fast.columns([row for row, _ in rows]))
        if columns is not None:
            self._misses = self._loose_misses = 0
            columns.warnings = (*rows[0].warnings, *columns.warnings)
        return columns

    def _read_lines(self, rows: Block, start: int, may_hold_nul: bool, may_be_spaced: bool) -> Iterator[Found]:
        """Read a run of lines together; if that fails, the correct ones together and the others alone."""
        lines, number = rows.lines[start : start + _RUN], rows.first + start
        columns = None if may_hold_nul else self._read_together(lines)
        if columns is not None:
            self._rows += len(lines)
            yield rows, number, columns
            return
        # All kinds are decided before the first row is explained: that may decide the dialect.
        for kind, run in groupby([self._kind(line, may_be_spaced) for line in lines], itemgetter(0)):
            taken = list(run)
            if kind is _LOOSE:
                yield from self._read_loose_run(rows, number, [row for _, _, row in taken if row is not None])
            else:
                yield from self._read_run(rows, number, [line for _, line, _ in taken], kind)
            number += len(taken)

    def _kind(self, line: bytes, may_be_spaced: bool) -> tuple[_Kind, bytes, LooseRow | None]:
        """Return the kind of a line, the line as JSON, and what it holds where it is a loose one."""
        if line in self._explained:
            return _OTHER, line, None
        if self._checker.fast is not None and self._misses < _MOST_MISSES and NUL not in line:
            if self._read_together((line,)) is not None:
                self._misses = 0
                return _CORRECT, line, None
            if line.startswith(b"{") and (row := self._read_loosely(line)) is not None:
                return _LOOSE, line, row
            spaced = with_plain_spaces(line) if may_be_spaced and not line.startswith(BOM) else None
            if spaced and self._read_together((spaced,)) is not None:
                self._misses = 0
                return _SPACED, spaced, None
        self._misses += 1
        return _BLANK if not line or not line.strip() else _OTHER, line, None

    def _read_loose_run(self, rows: Block, number: int, run: Sequence[LooseRow]) -> Iterator[Found]:
        for _, alike in groupby(run, itemgetter(1)):
            read = list(alike)
            columns = self._columns_of(read)
            if columns is not None:
                self._rows += len(read)
                yield rows, number, columns
                number += len(read)
                continue
            for row in read:
                columns = self._columns_of((row,))
                if columns is not None:
                    self._rows += 1
                    yield rows, number, columns
                else:
                    self._misses += 1
                    self._loose_misses += 1
                    yield rows, number, self._explain(rows.lines[number - rows.first])
                number += 1

    def _read_run(self, rows: Block, first: int, lines: Sequence[bytes], kind: _Kind) -> Iterator[Found]:
        if kind is _BLANK:
            yield rows, first, RowResult(None, (Problem("blank-lines"),), count=len(lines), blank=True)
        elif kind is _OTHER:
            yield from self._explain_run(rows, first, lines)
        else:
            self._rows += len(lines)
            if kind is _SPACED:
                rows = Block(first, b"\n".join(lines), list(lines))
            warnings = (ODD_SPACES,) if kind is _SPACED else ()
            columns = self._read_together(lines)
            # Each is within the limits; their longest texts together may not be.
            for number, run in [(first, lines)] if columns else enumerate(zip(lines, strict=True), first):
                read = columns or self._read_together(run)
                assert read is not None
                read.warnings = (*warnings, *read.warnings)
                yield rows, number, read

    def _explain_run(self, rows: Block, first: int, lines: Sequence[bytes]) -> Iterator[Found]:
        not_read = 0
        for number, line in enumerate(lines, first):
            if (
                self._errors >= _MOST_EXPLAINED
                and self._errors >= self._rows * _JUNK_SHARE
                and not (b"{" in line and _is_object(line))
            ):
                not_read += 1
                self._rows += 1
                self._errors += 1
                continue
            if not_read:
                yield rows, number - not_read, RowResult(None, (_NOT_READ,), count=not_read)
                not_read = 0
            yield rows, number, self._explain(line)
        if not_read:
            yield rows, first + len(lines) - not_read, RowResult(None, (_NOT_READ,), count=not_read)

    def _explain(self, line: bytes) -> RowResult:
        checker = self._checker
        dialect = checker.dialect
        if dialect is not self._explained_as:
            self._explained.clear()
            self._shapes.clear()
            self._explained_as = dialect
        self._rows += 1
        result = self._explained.get(line)
        shape = None
        if result is None and self._counts_only:
            shape = shape_of(line)
            result = self._shapes.get(shape) if shape is not None else None
        if result is None:
            if self._of_unknown_keys is not None and self._has_unknown_keys(line):
                return self._of_unknown_keys
            result = checker.check_row(line)
            if result.example is not None:
                self._misses = 0
            if dialect is None and self._of_unknown_keys is None:
                self._share_unknown_keys(result)
            # The row that decides the file's dialect may be one that the fast reader takes from now on.
            if len(line) <= _LONGEST_STORED and checker.dialect is dialect:
                if len(self._explained) >= _MOST_STORED:
                    self._explained.clear()
                    self._shapes.clear()
                self._explained[line] = result
                if shape is not None and stands_for_others(result):
                    self._shapes[shape] = result
        # A row that can be read but is no example, or is almost JSON, may be one that a repair puts right.
        if result.parsed is not None and result.parsed.row is None and not result.parsed.repairable:
            self._errors += 1
        return result

    def _share_unknown_keys(self, result: RowResult) -> None:
        if self._counts_only and [problem.rule for problem in result.problems] == ["unknown-keys"]:
            self._of_unknown_keys = result

    def _has_unknown_keys(self, line: bytes) -> bool:
        """Return whether `check_row` would say of a short row that its keys are unknown, and nothing else."""
        if self._checker.dialect is not None or len(line) > _SHALLOW:
            return False
        try:
            row = _decode(line)
        except FAST_READER_ERRORS:
            return False
        return (
            type(row) is dict
            and len(row) > 1
            and row.keys().isdisjoint((*WRAPPER_KEYS, *LOG_KEYS))
            and form_of(row, None, self._checker.mapping)[0] is None
        )


def _is_object(line: bytes) -> bool:
    """Return whether a line is a JSON object, without a reason where it is none."""
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(_decode(line), dict)
    except FAST_READER_ERRORS:
        return False
