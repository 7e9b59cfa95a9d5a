"""Decides whether a row is an example that the target takes, and if not, why.

It stores the file's dialect, because all rows must be of one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Any

import msgspec
from msgspec.structs import replace

from bot.datasets.findings.collector import Problem
from bot.datasets.findings.report import BYTES_PER_TOKEN
from bot.datasets.formats.json_lines import NUL, Block
from bot.datasets.rows.column_mapping import guess_mapping, question_of
from bot.datasets.rows.columns import Columns
from bot.datasets.rows.examples import BLANK_LINE, Example
from bot.datasets.rows.fast_reader import FAST_READER_ERRORS, FastReader, build_fast_reader
from bot.datasets.rows.other_exports import export_of
from bot.datasets.rows.slow_reader import WRAPPER_KEYS, ParsedRow, dialect_of, parse_object, parse_row, unwrap
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping

_UNLIMITED = 1 << 62
_decode = msgspec.json.Decoder().decode
_SHOWN_KEYS = 20
# Lines that are read together once their block holds a row that is not correct.
_RUN = 64
# Rows that are no JSON and are explained one by one. After them, where nearly all rows are so, it is another file,
# and the others are counted only: a reason takes ten times as long as reading the row.
_MOST_EXPLAINED = 5_000
_JUNK_SHARE = 0.9
_NOT_READ = Problem("not-read", limit=_MOST_EXPLAINED)
# Short rows often repeat, such as `{}`: so many results of rows of at most so many bytes are stored.
_MOST_STORED, _LONGEST_STORED = 256, 256
# A row of so many bytes is not nested too deep.
_SHALLOW = 100
# Rows of another dialect that are at least this share of the first rows are no stray rows.
_MIXED_SHARE = 0.2
# See `slow_reader.py` on what an attribute of an enum's class costs.
_PREFERENCE, _PREFERENCES = Dialect.PREFERENCE, (Dialect.PREFERENCE, Dialect.TRL)


class RowResult(msgspec.Struct, frozen=True):
    """The problems of a row, or of `count` lines that follow each other: `blank` ones are no rows.

    `example` is None where an error was found.
    """

    example: Example | None
    problems: tuple[Problem, ...] = ()
    count: int = 1
    blank: bool = False
    parsed: ParsedRow | None = None


class _Kind(Enum):
    CORRECT = auto()
    BLANK = auto()
    OTHER = auto()


_CORRECT, _BLANK, _OTHER = _Kind


def _guess(row: Mapping[str, Any]) -> FieldMapping | None:
    return None if export_of(row) is not None else guess_mapping(row)


def _is_object(line: bytes) -> bool:
    """Return whether a line is a JSON object, without a reason where it is none."""
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(_decode(line), dict)
    except FAST_READER_ERRORS:
        return False


class RowChecker:
    """Checks the rows of one file, in their order."""

    def __init__(
        self,
        limits: DatasetLimits,
        target: Dialect | None = None,
        mapping: FieldMapping | None = None,
        *,
        counts_only: bool = False,
    ) -> None:
        """With `counts_only`, short rows of unknown keys share the result of the first of them."""
        self._counts_only = counts_only and target is not _PREFERENCE
        self._of_unknown_keys: RowResult | None = None
        self._dialect: Dialect | None = None
        self._other_form = False
        self._question = ""
        self._mixed: frozenset[Dialect] = frozenset()
        self.mapping = mapping
        self.guessed_mapping: FieldMapping | None = None
        self.keys: tuple[str, ...] = ()
        self._limits = limits
        self._rows = self._errors = 0
        self.rows_with_files = 0
        self._explained: dict[bytes, RowResult] = {}
        self._target = target
        self._fast: FastReader | None = None
        self._most_in = limits.input_characters or _UNLIMITED
        self._most_out = limits.output_characters or _UNLIMITED
        # A character is at most four bytes, so at most one estimated token.
        self._most = limits.tokens_per_example or _UNLIMITED
        self._limits_characters = min(self._most_in, self._most_out, self._most) < _UNLIMITED

    @property
    def dialect(self) -> Dialect | None:
        """The file's dialect, or None while it is unknown."""
        return self._dialect

    def require(self, dialect: Dialect) -> None:
        """Require this dialect of all rows."""
        self._dialect = dialect
        self._explained.clear()
        # Every row of a file that holds no preferences is an error where these are wanted.
        if self._target is not _PREFERENCE:
            self._fast = build_fast_reader(dialect, self.mapping)

    def read(self, block: Block) -> Iterator[tuple[Block, int, Columns | RowResult]]:
        """Read correct rows together and the others alone.

        Yields each result with its first number and the block that has its lines. Equal short rows may have the
        same result object.
        """
        if block.problem is not None:
            yield block, block.first, RowResult(None, (block.problem,))
            return
        batch = self._read_block(block)
        if batch is not None:
            self._rows += block.count
            yield block, block.first, batch
            return
        for rows, size in block.joined():
            if size > 1:
                result = self._explain(rows.raw)
                yield rows, rows.first, replace(result, problems=(*result.problems, Problem("line-end-in-text")))
                yield rows, rows.first + 1, RowResult(None, count=size - 1, blank=True)
                continue
            lines, may_hold_nul = rows.lines, rows.holds_nul()
            for start in range(0, len(lines), _RUN):
                for number, found in self._read(rows.first + start, lines[start : start + _RUN], may_hold_nul):
                    yield rows, number, found

    def _read(
        self, first: int, lines: Sequence[bytes], may_hold_nul: bool
    ) -> Iterator[tuple[int, Columns | RowResult]]:
        """Read a run of lines together; if that fails, the correct ones together and the others alone."""
        batch = None if may_hold_nul else self._read_together(lines)
        if batch is not None:
            self._rows += len(lines)
            yield first, batch
            return
        if not any(lines):
            yield from self._read_run(first, lines, _BLANK)
            return
        begin = 0
        kinds = [self._kind(line) for line in lines]
        for i in range(1, len(lines) + 1):
            if i < len(lines) and kinds[i] is kinds[begin]:
                continue
            yield from self._read_run(first + begin, lines[begin:i], kinds[begin])
            begin = i

    def _kind(self, line: bytes) -> "_Kind":
        if line in self._explained:
            return _OTHER
        if self._fast is not None and NUL not in line and self._read_together((line,)) is not None:
            return _CORRECT
        if not line or not line.strip():
            return _BLANK
        return _OTHER

    def _read_run(
        self, first: int, lines: Sequence[bytes], kind: "_Kind"
    ) -> Iterator[tuple[int, Columns | RowResult]]:
        if kind is _BLANK:
            yield first, RowResult(None, (Problem("blank-lines"),), count=len(lines), blank=True)
            return
        if kind is _CORRECT:
            self._rows += len(lines)
            batch = self._read_together(lines)
            if batch is not None:
                yield first, batch
                return
            # Each is within the limits, and only their longest texts together are not.
            for number, line in enumerate(lines, first):
                single = self._read_together((line,))
                assert single is not None
                yield number, single
            return
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
                yield number - not_read, RowResult(None, (_NOT_READ,), count=not_read)
                not_read = 0
            yield number, self._explain(line)
        if not_read:
            yield first + len(lines) - not_read, RowResult(None, (_NOT_READ,), count=not_read)

    def _explain(self, line: bytes) -> RowResult:
        result = self._explained.get(line)
        if result is None:
            dialect = self._dialect
            if self._of_unknown_keys is not None and self._has_unknown_keys(line):
                self._rows += 1
                return self._of_unknown_keys
            result = self.check_row(line)
            if self._of_unknown_keys is None and [problem.rule for problem in result.problems] == ["unknown-keys"]:
                self._of_unknown_keys = result
            # The row that decides the file's dialect may be one that the fast reader takes from now on.
            if len(line) <= _LONGEST_STORED and self._dialect is dialect:
                if len(self._explained) >= _MOST_STORED:
                    self._explained.clear()
                self._explained[line] = result
        self._rows += 1
        # A row that can be read but is no example, or is almost JSON, may be one that a repair puts right.
        if result.parsed is not None and result.parsed.row is None and not result.parsed.repairable:
            self._errors += 1
        return result

    def _has_unknown_keys(self, line: bytes) -> bool:
        """Return whether `check_row` would say of a short row that its keys are unknown, and nothing else."""
        if not self._counts_only or self._dialect is not None or len(line) > _SHALLOW:
            return False
        try:
            row = _decode(line)
        except FAST_READER_ERRORS:
            return False
        return (
            type(row) is dict
            and row.keys().isdisjoint(WRAPPER_KEYS)
            and dialect_of(row, None, self.mapping) is None
        )

    def _read_block(self, block: Block) -> Columns | None:
        """Return all rows, decoded in one call, or None where any of them has a problem."""
        if self._fast is None or not block.one_value_a_line():
            return None
        try:
            rows = self._fast.decode_lines(block.raw)
        except FAST_READER_ERRORS:
            return None
        return self._within_limits(self._fast.columns(rows)) if len(rows) == block.count else None

    def _read_together(self, lines: Sequence[bytes]) -> Columns | None:
        if self._fast is None or not lines:
            return None
        try:
            rows = list(map(self._fast.decode, lines))
        except FAST_READER_ERRORS:
            return None
        return self._within_limits(self._fast.columns(rows))

    def _within_limits(self, columns: Columns | None) -> Columns | None:
        if columns is None or not columns.counts:
            return None
        if self._limits_characters:
            most_in, most_out = max(columns.before), max(columns.after)
            if most_in > self._most_in or most_out > self._most_out or most_in + most_out > self._most:
                return None
        if columns.most_texts > 2 and not (self._limits.takes_system and self._limits.takes_many_turns):
            return None
        return columns

    def survey(self, lines: Sequence[bytes]) -> None:
        """Decide the file's dialect by most of its first rows, so that a stray row decides nothing."""
        dialects: Counter[Dialect] = Counter()
        others: Counter[tuple[str, ...]] = Counter()
        first: dict[tuple[str, ...], Mapping[str, Any]] = {}
        for line in lines:
            value = parse_object(line)
            row = unwrap(value, self.mapping)[0] if isinstance(value, dict) else value
            if isinstance(value, list):
                row = parse_row(line).row
            if not isinstance(row, dict):
                continue
            dialect = dialect_of(row, None, self.mapping)
            if dialect is not None:
                dialects[dialect] += 1
            else:
                keys = tuple(row)[:_SHOWN_KEYS]
                others[keys] += 1
                first.setdefault(keys, row)
        if self._dialect is None and dialects and dialects.total() >= others.total():
            common = dialects.most_common(1)[0][0]
            self._mixed = frozenset(d for d, n in dialects.items() if n >= dialects.total() * _MIXED_SHARE)
            self.require(common)
        elif others:
            self._other_form = True
            self.keys = others.most_common(1)[0][0]
            self.guessed_mapping = _guess(first[self.keys])

    def rewrites(self, dialect: Dialect | None) -> bool:
        """Return whether rows of this dialect are so many that they belong to the file, and are no stray rows."""
        return dialect in self._mixed

    def check_row(self, raw: bytes) -> RowResult:
        """Return everything that is wrong with the row."""
        parsed = parse_row(raw, self._dialect, self.mapping, tools=self._limits.takes_tools)
        problems = parsed.problems
        if parsed.row is not None:
            self._compare_dialect(parsed)
        if parsed.example is not None:
            self.rows_with_files += parsed.example.files > 0
            for problem in self._over_limits(parsed.example):
                problems.add(problem)
        return RowResult(None if problems.refused else parsed.example, tuple(problems), parsed=parsed)

    def _compare_dialect(self, parsed: ParsedRow) -> None:
        """Compare the row's dialect with the file's, which is that of most rows."""
        row, dialect = parsed.row, parsed.dialect
        assert row is not None
        if dialect is None and self._dialect is not None:
            keys = ", ".join(tuple(row)[:_SHOWN_KEYS]) or "none"
            parsed.problems.add(Problem("other-keys", value=keys, detail=self._dialect.value))
        elif dialect is None:
            keys_of_row = tuple(row)[:_SHOWN_KEYS]
            if not self.keys and keys_of_row:
                self.keys = keys_of_row
                self.guessed_mapping = _guess(row)
            if (export := export_of(row)) is not None:
                parsed.problems.add(Problem("other-export", value=export.what, detail=export.advice))
            else:
                self._question = self._question or question_of(self.guessed_mapping)
                shown = ", ".join(keys_of_row) or "none"
                parsed.problems.add(Problem("unknown-keys", value=shown, detail=self._question))
        elif self._dialect is None and not self._other_form:
            self.require(dialect)
        elif dialect is not self._dialect:
            # Its other problems matter only in a file of its own dialect.
            most = self._dialect.value if self._dialect else "keys of no known dialect"
            parsed.problems.replace(Problem("mixed-dialects", value=dialect.value, detail=most))
            parsed.example = None
        if self._target is _PREFERENCE and dialect not in (None, *_PREFERENCES):
            parsed.problems.add(Problem("no-preference"))
        if dialect in _PREFERENCES and self._target not in (None, *_PREFERENCES):
            parsed.problems.add(Problem("preferred-only", "rejected"))

    def _over_limits(self, example: Example) -> list[Problem]:
        limits, found = self._limits, []
        questions = len(example.texts) // 2
        if questions > 1 and not limits.takes_many_turns:
            found.append(Problem("many-turns", value=str(questions)))
        elif example.system and not limits.takes_system:
            found.append(Problem("system-in-input"))
        output = max(len(example.texts[-1]), len(example.rejected))
        before = len(example.system) + sum(map(len, example.texts[:-1]))
        if example.system and not limits.takes_system:
            before += len(BLANK_LINE)
        if before > self._most_in:
            found.append(Problem("input-too-long", "input", f"{before:,}", limits.input_characters))
        if output > self._most_out:
            found.append(Problem("output-too-long", "output", f"{output:,}", limits.output_characters))
        if before + output > self._most:
            size = sum(len(t.encode()) for t in (example.system, *example.texts, example.rejected))
            tokens = -(-size // BYTES_PER_TOKEN)
            if tokens > self._most:
                found.append(Problem("too-many-tokens", value=f"{tokens:,}", limit=limits.tokens_per_example))
        return found
