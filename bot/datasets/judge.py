"""Decides about one row: is it an example that the target takes, and if not, why.

Remembers what the file's dialect is, since all rows must be of one.
"""

from dataclasses import dataclass

from bot.datasets.examples import Example
from bot.datasets.explain import Reading, explain
from bot.datasets.mapping import as_words, guess_mapping
from bot.datasets.quick import Reader, quick_reader
from bot.datasets.report import BYTES_PER_TOKEN
from bot.datasets.tally import Problem, refuses
from bot.domain import Dialect, FieldMapping
from bot.profile import DatasetLimits

_UNLIMITED = 1 << 62
# A system text, alternating texts, and how long are all that comes before the last text, and the last text.
Measured = tuple[str, list[str], int, int]
_NUL = b"\\u0000"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`example` is None where an error was found; `blank` lines are no rows at all."""

    example: Example | None
    problems: tuple[Problem, ...] = ()
    blank: bool = False


class Judge:
    """Judges the rows of one file, in their order."""

    def __init__(
        self, limits: DatasetLimits, target: Dialect | None = None, mapping: FieldMapping | None = None
    ) -> None:
        self.dialect: Dialect | None = None
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

    def quick(self, raw: bytes) -> Measured | None:
        """The row where nothing at all is to be said about it; None: `judge` it."""
        if self._quick is None or (_NUL in raw):
            return None
        read = self._quick(raw)
        if read is None:
            return None
        system, texts = read
        output = len(texts[-1])
        total = len(system) + sum(map(len, texts))
        if output > self._most_out or total - output > self._most_in or total > self._most:
            return None
        if (system and not self._limits.takes_system) or (len(texts) > 2 and not self._limits.takes_many_turns):
            return None
        return system, texts, total - output, output

    def judge(self, raw: bytes) -> Verdict:
        """Everything that is to be said about the row."""
        if not raw.strip():
            return Verdict(None, (Problem("blank-lines"),), blank=True)
        reading = explain(raw, self.dialect, self.mapping)
        problems = reading.problems
        if reading.row is not None:
            self._meet(reading)
        if reading.example is not None:
            problems.extend(self._over_limits(reading.example))
        return Verdict(None if refuses(problems) else reading.example, tuple(problems))

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
            reading.problems.append(Problem("unknown-keys", value=", ".join(keys) or "none", detail=guess))
        elif self.dialect is None:
            self.dialect = dialect
            self._quick = None if self._target is Dialect.PREFERENCE else quick_reader(dialect, self.mapping)
        elif dialect is not self.dialect:
            # Whatever else is wrong with it is said in a file of its own dialect.
            reading.problems[:] = [Problem("mixed-dialects", value=dialect.value, detail=self.dialect.value)]
            reading.example = None
        if self._target is Dialect.PREFERENCE and dialect not in (None, Dialect.PREFERENCE):
            reading.problems.append(Problem("no-preference"))
        if dialect is Dialect.PREFERENCE and self._target not in (None, Dialect.PREFERENCE):
            reading.problems.append(Problem("preferred-only"))

    def _over_limits(self, example: Example) -> list[Problem]:
        limits, found = self._limits, []
        questions = len(example.texts) // 2
        if questions > 1 and not limits.takes_many_turns:
            found.append(Problem("many-turns", value=str(questions)))
        elif example.system and not limits.takes_system:
            found.append(Problem("system-in-input"))
        output = max(len(example.texts[-1]), len(example.rejected))
        before = len(example.system) + sum(map(len, example.texts[:-1]))
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
