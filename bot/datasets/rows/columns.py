"""Holds the texts of correct rows by column, so that work on them runs over many rows in C."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, chain, compress, repeat

from bot.datasets.findings.collector import Problem
from bot.datasets.rows.examples import Example

# Stands between the texts of an input when they are hashed; no text that is passed on holds it.
SEPARATOR = "\0"
_PAIR, _SINGLE = 2, 3


@dataclass
class Columns:
    """The texts of correct rows, one row after the other. What is derived from them is computed once, if wanted.

    `counts` says how many texts a row has, the answer included. An even count is turns alone; an odd one means
    that the first text is a system text. `rejected` are the answers to prefer less; empty where no row has one.
    `warnings` are of all rows.
    """

    texts: list[str]
    counts: list[int]
    rejected: list[str] = field(default_factory=list)
    warnings: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        """Rows."""
        return len(self.counts)

    @cached_property
    def most_texts(self) -> int:
        return max(self.counts)

    @cached_property
    def inputs(self) -> list[str]:
        """All texts of each row before its answer, joined by SEPARATOR."""
        if self.most_texts == _PAIR:
            return self.texts[::2]
        texts, join = self.texts, SEPARATOR.join
        return [
            texts[end - 2]
            if n == _PAIR
            else f"{texts[end - 3]}{SEPARATOR}{texts[end - 2]}"
            if n == _SINGLE
            else join(texts[end - n : end - 1])
            for end, n in zip(self._ends, self.counts, strict=True)
        ]

    @cached_property
    def outputs(self) -> list[str]:
        if self.most_texts == _PAIR:
            return self.texts[1::2]
        texts = self.texts
        return [texts[end - 1] for end in self._ends]

    @cached_property
    def before(self) -> list[int]:
        """The characters of each row before its answer."""
        lengths = map(len, self.inputs)
        if self.most_texts == _PAIR:
            return list(lengths)
        # The separators between texts do not count.
        return [length - n + _PAIR for length, n in zip(lengths, self.counts, strict=True)]

    @cached_property
    def after(self) -> list[int]:
        """The characters of each answer."""
        return list(map(len, self.outputs))

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(self.counts))

    def systems(self) -> list[str]:
        """Return the system texts of the rows that have one."""
        if self.most_texts == _PAIR:
            return []
        texts = self.texts
        return [texts[end - n] for end, n in zip(self._ends, self.counts, strict=True) if n & 1]

    def compared_outputs(self) -> list[str]:
        """Return what makes two rows of one input the same: the answer, and the one to prefer less."""
        if not self.rejected:
            return self.outputs
        return [f"{output}{SEPARATOR}{other}" for output, other in zip(self.outputs, self.rejected, strict=True)]

    def examples(self) -> Iterable[Example]:
        texts, rejected = self.texts, self.rejected or repeat("", len(self))
        for end, n, other in zip(self._ends, self.counts, rejected, strict=True):
            system = texts[end - n] if n & 1 else ""
            yield Example(system, tuple(texts[end - n + (n & 1) : end]), other)

    def where(self, taken: Sequence[bool]) -> "Columns":
        """Return the rows that are `taken`."""
        of_texts = chain.from_iterable(map(repeat, taken, self.counts))
        return Columns(
            list(compress(self.texts, of_texts)),
            list(compress(self.counts, taken)),
            list(compress(self.rejected, taken)),
        )


def columns_of(example: Example) -> Columns:
    """Return one example as columns."""
    texts = [example.system, *example.texts] if example.system else [*example.texts]
    return Columns(texts, [len(texts)], [example.rejected] if example.rejected else [])


def joined(parts: Sequence[Columns]) -> Columns:
    """Return the rows of several columns as one, without their warnings."""
    if len(parts) == 1:
        return parts[0]
    rejected = any(part.rejected for part in parts)
    return Columns(
        [text for part in parts for text in part.texts],
        [count for part in parts for count in part.counts],
        [text for part in parts for text in part.rejected or [""] * len(part)] if rejected else [],
    )
