"""What every way of writing rows into a file comes out as, and the simplest way: JSONL.

No more is ever held than one row of the longest size that is read. Nothing here looks into a row.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from bot.datasets.tally import Problem, Tally

# The most bytes that are cut, decoded and judged at one go; bounds memory, not rows.
PIECE = 256 * 1024
# A row that needs more is refused unread: Vertex AI's 131,072 tokens are about half a megabyte of text.
LONGEST_LINE = 4 * 1024 * 1024

# As it stands in JSON; the raw byte is no JSON.
NUL = b"\\u0000"


class Block(NamedTuple):
    """Consecutive rows; `raw` is the lines joined by line ends. A `problem` stands for one row not read."""

    first: int
    lines: list[bytes]
    raw: bytes
    problem: Problem | None = None

    def parts(self) -> Iterator[tuple[int, Sequence[bytes]]]:
        """Numbered runs of lines; a line with an escaped NUL, which no good row has, is a run of its own."""
        if NUL not in self.raw:
            yield self.first, self.lines
            return
        for number, line in enumerate(self.lines, self.first):
            yield number, (line,)


class Format(Protocol):
    """One way to write rows into a file."""

    @property
    def unit(self) -> str: ...

    def feed(self, data: bytes) -> Iterator[Block]: ...

    def finish(self) -> Iterator[Block]: ...


class JsonLines:
    """A row a line."""

    unit = "line"

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
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
        if self._held_size > LONGEST_LINE:
            self._held, self._held_size, self._skipping = [], 0, True

    def _block(self, raw: bytes) -> Block:
        if not self._windows and b"\r" in raw:
            self._windows = True
            self._tally.add(Problem("windows-line-ends"))
        lines = raw.split(b"\n")
        if not lines[-1]:
            lines.pop()
        first, self._line = self._line, self._line + len(lines)
        return Block(first, lines, raw)

    def _refused(self) -> Block:
        self._skipping = False
        self._line += 1
        return Block(self._line - 1, [], b"", Problem("line-too-long", limit=LONGEST_LINE))
