"""Decides about one row: is it an example that the target takes, and if not, why.

Remembers what the file's dialect is, since all rows must be of one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.datasets.findings.collector import Problem
from bot.datasets.findings.report import BYTES_PER_TOKEN
from bot.datasets.formats.json_lines import NUL, Block
from bot.datasets.rows.column_mapping import as_words, guess_mapping
from bot.datasets.rows.examples import JOINT, Example
from bot.datasets.rows.fast_reader import NOT_QUICK, Columns, Reader, quick_reader
from bot.datasets.rows.slow_reader import Reading, explain
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect, FieldMapping

_UNLIMITED = 1 << 62


@dataclass(frozen=True, slots=True)
class RowResult:
    """What is to be said about a row, or about a run of `blank` lines, which are no rows.

    `example` is None where an error was found.
    """

    example: Example | None
    problems: tuple[Problem, ...] = ()
    blank: int = 0


@dataclass(slots=True)
class Batch:
    """Good rows with the lengths of their texts: `before` the answer, and of the answer; and the most of each."""

    columns: Columns
    before: list[int]
    after: list[int]
    most_before: int
    most_after: int
    most_texts: int


def measure(columns: Columns) -> Batch:
    """Count the characters of columns that hold at least one row."""
    most = max(columns.counts)
    before = list(map(len, columns.inputs))
    if most > 2:  # the separators between texts do not count
        before = [length - count + 2 for length, count in zip(before, columns.counts, strict=True)]
    after = list(map(len, columns.outputs))
    return Batch(columns, before, after, max(before), max(after), most)


class RowChecker:
    """Judges the rows of one file, in their order."""

    def __init__(
        self, limits: DatasetLimits, target: Dialect | None = None, mapping: FieldMapping | None = None
    ) -> None:
        self._dialect: Dialect | None = None
        self.mapping = mapping
        self.guessed_mapping: FieldMapping | None = None
        self.keys: tuple[str, ...] = ()
        self._limits = limits
        self._target = target
        self._quick: Reader | None = None
        self._most_in = limits.input_characters or _UNLIMITED
        self._most_out = limits.output_characters or _UNLIMITED
        # A character is at most four bytes, so at most one estimated token.
        self._most = limits.tokens_per_example or _UNLIMITED

    @property
    def dialect(self) -> Dialect | None:
        """The file's dialect, as far as is known."""
        return self._dialect

    def expect(self, dialect: Dialect) -> None:
        """All rows must be of this dialect."""
        self._dialect = dialect
        # Every row of a file that holds no preferences is an error where these are wanted.
        if self._target is not Dialect.PREFERENCE:
            self._quick = quick_reader(dialect, self.mapping)

    def read(self, block: Block) -> Iterator[tuple[int, Batch | RowResult]]:
        """Take good rows together, halving until those that are not stand alone; each with its first number."""
        if block.problem is not None:
            yield block.first, RowResult(None, (block.problem,))
            return
        batch = self._take_block(block)
        if batch is not None:
            yield block.first, batch
            return
        for first, lines in block.parts():
            yield from self._read(first, lines)

    def _read(self, first: int, lines: Sequence[bytes]) -> Iterator[tuple[int, Batch | RowResult]]:
        batch = self._take(lines)
        if batch is not None:
            yield first, batch
        elif lines and not any(map(bytes.strip, lines)):
            yield first, RowResult(None, (Problem("blank-lines"),), blank=len(lines))
        elif len(lines) > 1:
            half = len(lines) // 2
            yield from self._read(first, lines[:half])
            yield from self._read(first + half, lines[half:])
        elif lines:
            yield first, self.judge(lines[0])

    def _take_block(self, block: Block) -> Batch | None:
        """All rows, decoded in one call, where nothing at all is to be said about any of them."""
        if self._quick is None or not block.one_value_a_line():
            return None
        try:
            rows = self._quick.decode_lines(block.raw)
        except NOT_QUICK:
            return None
        return self._within_limits(self._quick.columns(rows)) if len(rows) == block.count else None

    def _take(self, lines: Sequence[bytes]) -> Batch | None:
        if self._quick is None or not lines or (len(lines) == 1 and NUL in lines[0]):
            return None
        try:
            rows = list(map(self._quick.decode, lines))
        except NOT_QUICK:
            return None
        return self._within_limits(self._quick.columns(rows))

    def _within_limits(self, columns: Columns | None) -> Batch | None:
        if columns is None or not columns.counts:
            return None
        batch = measure(columns)
        most_in, most_out = batch.most_before, batch.most_after
        if most_in > self._most_in or most_out > self._most_out or most_in + most_out > self._most:
            return None
        if batch.most_texts > 2 and not (self._limits.takes_system and self._limits.takes_many_turns):
            return None
        return batch

    def judge(self, raw: bytes) -> RowResult:
        """Everything that is to be said about the row."""
        reading = explain(raw, self.dialect, self.mapping)
        problems = reading.problems
        if reading.row is not None:
            self._meet(reading)
        if reading.example is not None:
            for problem in self._over_limits(reading.example):
                problems.add(problem)
        return RowResult(None if problems.refused else reading.example, tuple(problems))

    def _meet(self, reading: Reading) -> None:
        """Hold the row's dialect against the file's, which is that of the first row that has one."""
        row, dialect = reading.row, reading.dialect
        assert row is not None
        if dialect is None:
            keys = tuple(row)[:20]
            if not self.keys:
                self.keys = keys
                self.guessed_mapping = guess_mapping(row)
            guess = as_words(self.guessed_mapping) if self.guessed_mapping else "input=KEY output=KEY"
            reading.problems.add(Problem("unknown-keys", value=", ".join(keys) or "none", detail=guess))
        elif self.dialect is None:
            self.expect(dialect)
        elif dialect is not self.dialect:
            # Whatever else is wrong with it is said in a file of its own dialect.
            reading.problems.replace(Problem("mixed-dialects", value=dialect.value, detail=self.dialect.value))
            reading.example = None
        if self._target is Dialect.PREFERENCE and dialect not in (None, Dialect.PREFERENCE):
            reading.problems.add(Problem("no-preference"))
        if dialect is Dialect.PREFERENCE and self._target not in (None, Dialect.PREFERENCE):
            reading.problems.add(Problem("preferred-only"))

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
            before += len(JOINT)
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
