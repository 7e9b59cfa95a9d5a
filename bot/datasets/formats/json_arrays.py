"""Cuts a JSON array into its elements as it streams by, however it is spread over lines.

It looks at brackets, quotes and commas only; the reader of an element finds out whether it is JSON.
"""

import re
from collections.abc import Iterator

from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.formats.json_lines import MAX_ROW_BYTES, Block

_OUTSIDE = re.compile(rb'["{}\[\],]')
_INSIDE = re.compile(rb'["\\]')
_QUOTE, _COMMA, _OPENING = b'"'[0], b","[0], b"[{"


class JsonArray:
    """Reads one row from each element; rows are counted as items, since many arrays are on one line."""

    unit = "item"

    def __init__(self, collector: FindingCollector) -> None:
        self._collector = collector
        self._held = bytearray()
        self._looked_at = 0
        self._depth = 0
        self._in_text = False
        self._refusing = False
        self._closed = False
        self._next = 1
        self._items: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[Block]:
        if self._closed:
            self._after_end(data)
            return
        self._held += data
        yield from self._cut()
        if self._items:
            yield self._block()

    def finish(self) -> Iterator[Block]:
        if not self._closed:
            self._collector.add(Problem("broken-array", detail="it is never closed"))
        yield from ()

    def _cut(self) -> Iterator[Block]:
        held, at, begin = self._held, self._looked_at, 0
        while found := (_INSIDE if self._in_text else _OUTSIDE).search(held, at):
            token, at = held[found.start()], found.end()
            if self._in_text:
                if token == _QUOTE:
                    self._in_text = False
                elif at == len(held):
                    at -= 1  # what is escaped comes with the next piece
                    break
                else:
                    at += 1
            elif token == _QUOTE:
                self._in_text = True
            elif token == _COMMA:
                if self._depth == 1:
                    yield from self._element(held[begin : found.start()])
                    begin = at
            elif token in _OPENING:
                self._depth += 1
                if self._depth == 1:
                    begin = at
            else:
                self._depth -= 1
                if self._depth == 0:
                    yield from self._element(held[begin : found.start()], last=True)
                    self._closed = True
                    self._after_end(bytes(held[at:]))
                    self._held = bytearray()
                    return
        else:
            at = len(held)
        if at - begin > MAX_ROW_BYTES:
            self._refusing = True
        if self._refusing:
            begin = at
        del held[:begin]
        self._looked_at = at - begin

    def _element(self, text: bytearray, *, last: bool = False) -> Iterator[Block]:
        if self._refusing:
            self._refusing = False
            if self._items:
                yield self._block()
            self._next += 1
            yield Block(self._next - 1, b"", problem=Problem("line-too-long", limit=MAX_ROW_BYTES))
            return
        # Raw line ends stand between values only: a JSON text has none inside quotes.
        item = bytes(text.strip().replace(b"\n", b" "))
        if item or not last:
            self._items.append(item)

    def _block(self) -> Block:
        items, self._items = self._items, []
        first, self._next = self._next, self._next + len(items)
        return Block(first, b"\n".join(items), items)

    def _after_end(self, data: bytes) -> None:
        if data.strip() and "broken-array" not in self._collector.rules():
            self._collector.add(Problem("broken-array", detail="text follows its end"))
