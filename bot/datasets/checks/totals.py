"""Adds up a file's rows, a block at a time."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.datasets.findings.collector import SHOWN_LINES
from bot.datasets.findings.report import (
    ENGLISH_ERROR,
    OTHER_SCRIPT_ERROR,
    TOKEN_METHOD,
    TOKENS_OF_A_PICTURE,
    TOKENS_PER_1000_BYTES,
    Histogram,
    turns_error,
)
from bot.datasets.rows.columns import Columns

# How a shorter output ends tells nothing. A power of two, as Lengths counts by these.
LONG_OUTPUT = 256
# Characters that seldom end a finished answer.
CUT_END = re.compile(r"[A-Za-z,;:\-–—(]")
# So many characters of the first rows show how many of all are digits.
_SAMPLED = 64 * 1024
# A question and its answer, after a system text.
_SINGLE = 3


@dataclass(slots=True)
class Totals:
    """Numbers over all rows so far; those of texts are over good examples only."""

    rows: int = 0
    examples: int = 0
    text_bytes: int = 0
    texts: int = 0
    files: int = 0
    rows_with_files: int = 0
    sampled: int = 0
    sampled_digits: int = 0
    many_turns: int = 0
    cut_off: int = 0
    cut_off_lines: list[int] = field(default_factory=list)
    cut_off_value: str = ""
    inputs: "Lengths" = field(default_factory=lambda: Lengths())
    outputs: "Lengths" = field(default_factory=lambda: Lengths())

    def add(self, columns: Columns, text_bytes: int) -> None:
        """Count good rows; `text_bytes` is the size of all their texts."""
        self.rows += len(columns)
        self.examples += len(columns)
        if columns.most_texts > _SINGLE:
            self.many_turns += sum(map(_SINGLE.__lt__, columns.counts))
        self.inputs.add(columns.before)
        self.outputs.add(columns.after)
        self.text_bytes += text_bytes
        self.texts += len(columns.texts)
        if self.sampled < _SAMPLED:
            self._sample(columns)

    def add_cut_off(self, line: int, output: str) -> None:
        """Note an output that ends like one that was cut."""
        self.cut_off += 1
        if len(self.cut_off_lines) < SHOWN_LINES:
            self.cut_off_lines.append(line)
            self.cut_off_value = self.cut_off_value or f"“…{output[-20:]}”"

    @property
    def tokens(self) -> int:
        return -(-self.text_bytes * TOKENS_PER_1000_BYTES // 1000) + self.files * TOKENS_OF_A_PICTURE

    @property
    def token_method(self) -> str:
        if not self.files:
            return TOKEN_METHOD
        many = f"each of {self.files:,} pictures or other files" if self.files > 1 else "a picture or another file"
        return f"{TOKEN_METHOD}, and {TOKENS_OF_A_PICTURE:,} for {many}"

    def token_error(self, characters: int) -> int:
        """Return by how many per cent `tokens` may be wrong, as far as one can guess.

        More where a tenth of the bytes is not ASCII, where there are digits, each of which may be a token of its
        own, and where texts are short, because Google adds some tokens to each.
        """
        script = ENGLISH_ERROR if self.text_bytes * 10 <= characters * 11 else OTHER_SCRIPT_ERROR
        most = (1000 - TOKENS_PER_1000_BYTES) * 100
        digits = -(-self.sampled_digits * most // (self.sampled * TOKENS_PER_1000_BYTES)) if self.sampled else 0
        return script + digits + turns_error(self.texts, self.tokens)

    def _sample(self, columns: Columns) -> None:
        # Row by row, so that the result does not depend on how many rows come together.
        for texts in zip(columns.inputs, columns.outputs, strict=True):
            if self.sampled >= _SAMPLED:
                return
            text = "".join(texts)[:_SAMPLED]
            self.sampled += len(text)
            self.sampled_digits += sum(map(text.count, string.digits))


class Lengths:
    """Counts texts by length, see Histogram."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.total = 0
        self.longest = 0

    def add(self, lengths: Sequence[int]) -> None:
        bits = bytes(map(int.bit_length, lengths))
        for size in set(bits):
            self._counts[size] += bits.count(size)
        self.total += sum(lengths)
        self.longest = max(self.longest, max(lengths))

    def at_least(self, length: int) -> int:
        """Return how many texts have at least this length, a power of two."""
        return sum(count for bits, count in self._counts.items() if bits >= length.bit_length())

    def histogram(self) -> Histogram:
        most = max(self._counts, default=-1)
        return Histogram(tuple(self._counts[i] for i in range(most + 1)), self.longest, self.total)
