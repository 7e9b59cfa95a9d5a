"""Decides whether a row is an example that the target takes, and if not, why.

It stores the file's dialect, because all rows must be of one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bot.datasets.findings.collector import Problem
from bot.datasets.findings.report import BYTES_PER_TOKEN, PREFERRED_ONLY
from bot.datasets.rows.calls_in_text import CALL_MARK
from bot.datasets.rows.column_mapping import advice_on_keys, guess_mapping
from bot.datasets.rows.columns import Columns
from bot.datasets.rows.examples import BLANK_LINE, Example
from bot.datasets.rows.fast_reader import FastReader, build_fast_reader
from bot.datasets.rows.json_values import describe
from bot.datasets.rows.loose_reader import LooseReader
from bot.datasets.rows.other_exports import export_of
from bot.datasets.rows.slow_reader import ParsedRow, form_of, parse_object, parse_row, unwrap
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping
from bot.domain.gs_addresses import is_open

_UNLIMITED = 1 << 62
_SHOWN_KEYS = 20
# Rows of another dialect that are at least this share of the first rows are no stray rows.
_MIXED_SHARE = 0.2
# See `slow_reader.py` on what an attribute of an enum's class costs.
_OPENAI, _SHAREGPT = Dialect.OPENAI, Dialect.SHAREGPT
_PREFERENCE, _PREFERENCES = Dialect.PREFERENCE, (Dialect.PREFERENCE, Dialect.TRL)
_PREFERRED_ONLY = Problem(PREFERRED_ONLY, "rejected")


class RowResult(msgspec.Struct, frozen=True):
    """The problems of a row, or of `count` lines that follow each other: `blank` ones are no rows.

    `example` is None where an error was found.
    """

    example: Example | None
    problems: tuple[Problem, ...] = ()
    count: int = 1
    blank: bool = False
    parsed: ParsedRow | None = None


def _guess(row: Mapping[str, Any]) -> FieldMapping | None:
    return None if export_of(row) is not None else guess_mapping(row)


class RowChecker:
    """Checks the rows of one file, in their order."""

    def __init__(
        self,
        limits: DatasetLimits,
        target: Dialect | None = None,
        mapping: FieldMapping | None = None,
    ) -> None:
        self._dialect: Dialect | None = None
        self._other_form = False
        self._question = ""
        self._mixed: frozenset[Dialect] = frozenset()
        self.mapping = mapping
        self.guessed_mapping: FieldMapping | None = None
        self.keys: tuple[str, ...] = ()
        self._limits = limits
        self._target = target
        self.fast: FastReader | None = None
        self.loose: LooseReader | None = None
        self._warnings: tuple[Problem, ...] = ()
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
        self.loose = None
        self._warnings = (_PREFERRED_ONLY,) if self._learns_half(dialect) else ()
        # Every row of a file that holds no preferences is an error where these are wanted.
        if self._target is not _PREFERENCE or dialect in _PREFERENCES:
            self.fast = build_fast_reader(dialect, self.mapping)
        if self.fast is not None and self._limits.takes_tools and dialect in (_OPENAI, _SHAREGPT):
            # A call inside of a text is no plain text where the target takes calls.
            self.fast = self.fast.without(CALL_MARK)
        if self.fast is not None and self.mapping is None:
            self.loose = LooseReader(self.fast, dialect)

    def _learns_half(self, dialect: Dialect | None) -> bool:
        """Return whether only the preferred one of two answers would be learned."""
        return dialect in _PREFERENCES and self._target not in (None, *_PREFERENCES)

    def within_limits(self, columns: Columns | None) -> Columns | None:
        """Return the rows of the fast reader with their warnings.

        None where there are none or one of them may be over a limit.
        """
        if columns is None or not columns.counts:
            return None
        if self._limits_characters:
            most_in = max(columns.before)
            most_out = max(max(columns.after), max(map(len, columns.rejected), default=0))
            if most_in > self._most_in or most_out > self._most_out or most_in + most_out > self._most:
                return None
        if columns.most_texts > 2 and not (self._limits.takes_system and self._limits.takes_many_turns):
            return None
        columns.warnings = self._warnings
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
            dialect, _ = form_of(row, None, self.mapping)
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
                self._question = self._question or advice_on_keys(self.guessed_mapping, keys_of_row)
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
        if self._learns_half(dialect):
            parsed.problems.add(_PREFERRED_ONLY)

    def _over_limits(self, example: Example) -> list[Problem]:
        limits, found = self._limits, []
        if example.stored and limits.gs_folders is not None:
            closed = [each for each in example.stored if not is_open(each, limits.gs_folders)]
            found += [Problem("file-not-open", value=describe(each)) for each in closed[:1]]
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
