"""Defines a block of rows, which every file format is cut into, and reads the simplest format: JSONL.

It holds at most one row of the longest size that is read. It does not look into a row.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.formats.re2 import compile_linear

# The most bytes that are cut, decoded and checked together; this bounds memory, not rows.
PIECE_BYTES = 256 * 1024
# A longer row is refused unread. Vertex AI's 131,072 tokens an example are about half a megabyte of text, and two
# or three times that in escapes; a hostile row can create objects of thirty times its size.
# Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning
MAX_ROW_BYTES = 2 * 1024 * 1024

# A row that a raw line end cut in two is put together from at most so many lines.
_MOST_LINES_OF_ROW = 200
# As it stands in JSON; the raw byte is no JSON.
NUL = b"\\u0000"
_NUL = compile_linear(rb"\\u0000")
_TWO_ON_A_LINE = compile_linear(rb"\}[ \t\r]*\{")
_decode = msgspec.json.Decoder().decode


class Block:
    """Consecutive rows, numbered from `first`, `count` of them; `raw` is the lines, joined by line ends.

    A `problem` stands for one row that was not read. Where it `may_join`, raw line ends inside of texts may have
    cut rows in two.
    """

    __slots__ = ("_lines", "count", "first", "may_join", "problem", "raw")

    def __init__(
        self,
        first: int,
        raw: bytes,
        lines: list[bytes] | None = None,
        problem: Problem | None = None,
        *,
        may_join: bool = False,
    ) -> None:
        self.first = first
        self.may_join = may_join
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

    def joined(self) -> Iterator[tuple["Block", int]]:
        """Yield the rows, those that were cut in two put together, as blocks with the lines of their only row.

        The number is 1 for a block of rows that are as the file has them.
        """
        if not self.may_join or b"{" not in self.raw or self._each_line_ends():
            yield self, 1
            return
        lines = self.lines
        begin = at = 0
        while at < len(lines):
            size = _lines_of_row(lines, at)
            if size > 1:
                if begin < at:
                    yield Block(self.first + begin, b"\n".join(lines[begin:at]), lines[begin:at]), 1
                row = _joined(lines[at : at + size])
                yield Block(self.first + at, row, [row]), size
                begin = at + size
            at += size
        if begin == 0:
            yield self, 1
        elif begin < len(lines):
            yield Block(self.first + begin, b"\n".join(lines[begin:]), lines[begin:]), 1

    def _each_line_ends(self) -> bool:
        """Return whether each line ends like a row."""
        ends = self.raw.count(b"}\n") + self.raw.endswith(b"}")
        return ends == self.count or self.raw.count(b"}\r\n") + self.raw.endswith(b"}") == self.count

    def one_value_a_line(self) -> bool:
        """Return whether as many JSON values as lines means that each is on a line of its own, without a NUL.

        False may be a text that only looks like two values on a line.
        """
        return _NUL.search(self.raw) is None and _TWO_ON_A_LINE.search(self.raw) is None

    def holds_nul(self) -> bool:
        """Return whether a text may hold an escaped NUL, which no good row has."""
        return _NUL.search(self.raw) is not None


def _count(raw: bytes) -> int:
    # CPython's `replace` finds the line ends with memchr, which takes a third of the time that `count` takes.
    return len(raw) - len(raw.replace(b"\n", b"")) + (not raw.endswith(b"\n")) if raw else 0


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
        cut = _last_row_end(data)
        if cut:
            yield self._block(b"".join((*self._held, memoryview(data)[:cut])))
            self._held, self._held_size = [], 0
        rest = data[cut:]
        if rest:
            self._held.append(rest)
            self._held_size += len(rest)
        if self._held_size > PIECE_BYTES and b"\n" in rest:
            # No row ends in a bracket here: these lines are no JSON, or rows of Windows with spaces behind them.
            held = b"".join(self._held)
            cut = held.rfind(b"\n") + 1
            yield self._block(held[:cut])
            self._held, self._held_size = [held[cut:]], len(held) - cut
        if self._held_size > MAX_ROW_BYTES:
            self._held, self._held_size, self._skipping = [], 0, True

    def finish(self) -> Iterator[Block]:
        if self._skipping:
            yield self._refused()
        elif self._held_size:
            yield self._block(b"".join(self._held))

    def _block(self, raw: bytes) -> Block:
        if not self._windows and b"\r" in raw and b"\r\n" in raw:
            self._windows = True
            self._collector.add(Problem("windows-line-ends"))
        # One byte is found with memchr, which takes a twentieth of the time that three take.
        if b"\r" in raw and b"}\r{" in raw:
            raw = raw.replace(b"}\r{", b"}\n{")  # lines of an old Mac among others
        block = Block(self._line, raw, may_join=True)
        self._line += block.count
        return block

    def _refused(self) -> Block:
        self._skipping = False
        self._line += 1
        return Block(self._line - 1, b"", problem=Problem("line-too-long", limit=MAX_ROW_BYTES))


def _last_row_end(data: bytes) -> int:
    """Return the place after the last line that ends a row: a row that was cut in two stays together."""
    end = len(data)
    for _ in range(_MOST_LINES_OF_ROW):
        end = data.rfind(b"\n", 0, end)
        if end < 0:
            return 0
        if data[max(0, end - 2) : end].rstrip(b"\r").endswith(b"}"):
            return end + 1
    return 0


def _lines_of_row(lines: Sequence[bytes], at: int) -> int:
    """Return how many lines make a row that begins here: more than one where only together they are JSON."""
    if not lines[at].lstrip().startswith(b"{") or lines[at].rstrip().endswith(b"}"):
        return 1
    for end in range(at + 1, min(at + _MOST_LINES_OF_ROW, len(lines))):
        if lines[end].lstrip().startswith(b"{"):
            return 1
        if lines[end].rstrip().endswith(b"}"):
            try:
                _decode(_joined(lines[at : end + 1]))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return 1
            return end - at + 1
    return 1


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"\\n".join(line.removesuffix(b"\r") for line in lines)
