"""Adds up a file's rows, a block at a time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.datasets.report import BYTES_PER_TOKEN, Histogram


@dataclass(slots=True)
class Totals:
    """Numbers over all rows so far; those of texts are over good examples only."""

    rows: int = 0
    examples: int = 0
    characters: int = 0
    text_bytes: int = 0
    many_turns: int = 0
    cut_off: int = 0
    cut_off_lines: list[int] = field(default_factory=list)
    cut_off_value: str = ""
    long_outputs: int = 0
    inputs: "Lengths" = field(default_factory=lambda: Lengths())
    outputs: "Lengths" = field(default_factory=lambda: Lengths())

    @property
    def tokens(self) -> int:
        return -(-self.text_bytes // BYTES_PER_TOKEN)


class Lengths:
    """How long texts are, see Histogram."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.total = 0
        self.longest = 0

    def add(self, lengths: Sequence[int]) -> None:
        if lengths:
            self._counts.update(map(int.bit_length, lengths))
            self.total += sum(lengths)
            self.longest = max(self.longest, *lengths)

    def histogram(self) -> Histogram:
        most = max(self._counts, default=-1)
        return Histogram(tuple(self._counts[i] for i in range(most + 1)), self.longest, self.total)
