"""Defines a block of rows, which every file format is cut into, and reads the simplest format: JSONL.

It holds at most one row of the longest size that is read. It does not look into a row.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.formats.re2 import compile_linear

# The most bytes that are cut, decoded and checked together; this bounds memory, not rows.
PIECE_BYTES = 256 * 1024
# A longer row is refused unread. Vertex AI's 131,072 tokens an example are about half a megabyte of text, and two
# or three times that in escapes; a hostile row can create objects of thirty times its size.
# Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning
MAX_ROW_BYTES = 2 * 1024 * 1024

# As it stands in JSON; the raw byte is no JSON.
NUL = b"\\u0000"
_NUL = compile_linear(rb"\\u0000")
_TWO_ON_A_LINE = compile_linear(rb"\}[ \t\r]*\{")


class Block:
    """Consecutive rows, numbered from `first`, `count` of them; `raw` is the lines, joined by line ends.

    A `problem` stands for one row that was not read.
    """

    __slots__ = ("_lines", "count", "first", "problem", "raw")

    def __init__(
        self, first: int, raw: bytes, lines: list[bytes] | None = None, problem: Problem | None = None
    ) -> None:
        self.first = first
        self.raw = raw
        self.problem = problem
        self.count = len(lines) if lines is not None else _count(raw)
        self._lines = lines

    @property
    def lines(self) -> list[bytes]:
        if self._lines is None:
            self._lines = self.raw.split(b"\n")
            if not self._lines[-1]:
                self._lines.pop()
        return self._lines

    def one_value_a_line(self) -> bool:
        """Whether as many JSON values as lines means that each stands on its own; so it does without a NUL, too.

        False may be a text that only looks like two values on a line.
        """
        return _NUL.search(self.raw) is None and _TWO_ON_A_LINE.search(self.raw) is None

    def parts(self) -> Iterator[tuple[int, Sequence[bytes]]]:
        """Numbered runs of lines; a line with an escaped NUL, which no good row has, is a run of its own."""
        if _NUL.search(self.raw) is None:
            yield self.first, self.lines
            return
        for number, line in enumerate(self.lines, self.first):
            yield number, (line,)


def _count(raw: bytes) -> int:
    return raw.count(b"\n") + (not raw.endswith(b"\n")) if raw else 0


class Format(Protocol):
    """Cuts one file format into rows."""

    @property
    def unit(self) -> str: ...

    def feed(self, data: bytes) -> Iterator[Block]: ...

    def finish(self) -> Iterator[Block]: ...


class JsonLines:
    """Reads one row from each line."""

    unit = "line"

    def __init__(self, collector: FindingCollector) -> None:
        self._collector = collector
        self._held: list[bytes] = []
        self._held_size = 0
        self._skipping = False
        self._line = 1
        self._windows = False

    def feed(self, data: bytes) -> Iterator[Block]:
        if self._skipping:
            end = data.find(b"\n")
            if end < 0:
                return
            yield self._refused()
            data = data[end + 1 :]
        cut = data.rfind(b"\n") + 1
        if cut:
            yield self._block(b"".join((*self._held, data[:cut])))
            self._held, self._held_size = [], 0
        self._hold(data[cut:])

    def finish(self) -> Iterator[Block]:
        if self._skipping:
            yield self._refused()
        elif self._held:
            yield self._block(b"".join(self._held))

    def _hold(self, rest: bytes) -> None:
        if not rest:
            return
        self._held.append(rest)
        self._held_size += len(rest)
        if self._held_size > MAX_ROW_BYTES:
            self._held, self._held_size, self._skipping = [], 0, True

    def _block(self, raw: bytes) -> Block:
        if not self._windows and b"\r" in raw:
            self._windows = True
            self._collector.add(Problem("windows-line-ends"))
        block = Block(self._line, raw)
        self._line += block.count
        return block

    def _refused(self) -> Block:
        self._skipping = False
        self._line += 1
        return Block(self._line - 1, b"", problem=Problem("line-too-long", limit=MAX_ROW_BYTES))
