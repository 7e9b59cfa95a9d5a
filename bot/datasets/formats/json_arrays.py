"""Cuts JSON that is not one row a line into its items as it streams by.

It reads an array, an array in a wrapper object (`{"data": [...]}`), and objects that follow each other
without commas. It looks at brackets, quotes and line ends only; the reader of an item finds out whether it is
JSON. Every byte that is no space, bracket or comma between items becomes part of an item, so that no row is lost
without being counted.
"""

import re
from collections.abc import Iterator

from bot.datasets.findings.collector import FindingCollector, Problem
from bot.datasets.formats.json_lines import MAX_ROW_BYTES, Block

_OUTSIDE = re.compile(rb'["{}\[\],\n]')
_INSIDE = re.compile(rb'["\\\n]')
# A line that begins a row; its indent is bounded, so that few bytes must be there to decide.
_NEXT_ROW = re.compile(rb"[ \t\r]{0,63}+\{")
_INDENT = 64
# Empty arrays and objects that follow each other are read at once, ten times as fast as bracket by bracket.
_EMPTY = re.compile(rb"(?:\s*+(?:\[\]|\{\}))++")
_COMMENTS = re.compile(rb"\A(?:(?://|#)[^\n]*+(?:\n|\Z)\s*+|/\*(?:[^*]|\*(?!/))*+\*/\s*+)++")
_BEGINS, _ENDS = (b"{", b"[", b'"'), (b"}", b"]", b'"')
# What some programs end lines with, a no-break space, a byte order mark; and plain spaces between them.
_ODD_SPACES = "\x85\u2028\u2029\xa0\ufeff\x0b\x0c\x1c\x1d\x1e\x1f \t\r\n"
_QUOTE, _COMMA, _LINE_END, _OPEN_LIST, _OPEN_OBJECT = b'",\n[{'
# How a bracket changes the depth.
_STEP = {b"["[0]: 1, b"{"[0]: 1, b"]"[0]: -1, b"}"[0]: -1}


class JsonArray:
    """Reads one row from each item; rows are counted as items, since many items are on one line.

    `wrapper` is the number of bytes before the array that is inside of an object, or of `depth` objects.
    """

    unit = "item"

    def __init__(self, collector: FindingCollector, *, wrapper: int = 0, depth: int = 1) -> None:
        self._collector = collector
        self._held = bytearray()
        self._looked_at = 0
        self._skip = wrapper
        self._in_wrapper = bool(wrapper)
        self._outside = depth
        self._after_wrapper = 0  # open brackets of the wrapper after its array
        self._other_list = 0  # how many of them are open inside of another list of the wrapper
        self._comments = False
        self._other_rows = 0  # objects of the wrapper's lists after its rows
        self._in_array = False
        self._depth = 0
        self._in_text = False
        self._broken_text = False
        self._refusing = False
        self._next = 1
        self._items: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[Block]:
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._held += data[skipped:]
        yield from self._cut()
        yield from self._flush()

    def finish(self) -> Iterator[Block]:
        rest = bytes(self._held).strip()
        if self._refusing or (self._depth == self._in_array and not self._in_text):
            yield from self._element(rest)
        elif rest:
            yield from self._bad(rest, Problem("cut-off-row"))
        yield from self._flush()
        if self._in_array:
            self._collector.add(Problem("broken-array", detail="it is never closed"))
        if self._other_rows:
            shown = f"{self._other_rows:,} object{'s' if self._other_rows > 1 else ''}"
            self._collector.add(Problem("other-lists", value=shown))

    def _cut(self) -> Iterator[Block]:
        held, at, begin = self._held, self._looked_at, 0
        while found := (_INSIDE if self._in_text else _OUTSIDE).search(held, at):
            start, end = found.span()
            token = held[start]
            if self._in_text and token == _LINE_END and self._may_begin_row(held, end):
                at = start
                break
            if self._in_text and token not in (_QUOTE, _LINE_END) and end == len(held):
                at = start  # what is escaped comes with the next piece
                break
            at = end
            if self._in_text:
                if token == _QUOTE:
                    self._in_text = False
                elif token == _LINE_END and _NEXT_ROW.match(held, at) and not self._after_wrapper:
                    # The text is never closed, and the next line begins a row: only this row is lost.
                    yield from self._bad(bytes(held[begin:start]), Problem("cut-off-row"))
                    self._in_text, self._depth, begin = False, int(self._in_array), at
                elif token == _LINE_END:
                    self._broken_text = True
                else:
                    at += 1
            elif token == _QUOTE:
                self._in_text = True
            elif self._after_wrapper:
                self._count_other(token)
                begin = at
            elif token == _COMMA:
                if self._depth == self._in_array:
                    yield from self._element(held[begin:start])
                    begin = at
            elif token == _LINE_END:
                if self._depth == 0:
                    yield from self._element(held[begin:start])
                    begin = at
            elif token in (_OPEN_LIST, _OPEN_OBJECT):
                if self._depth == 0:
                    # What stands between items is no row, but is counted as one.
                    yield from self._element(held[begin:start])
                    self._in_array = token == _OPEN_LIST
                    begin = at if self._in_array else start
                self._depth += 1
            elif self._depth > 0:
                self._depth -= 1
                if self._depth == 0:
                    yield from self._element(held[begin : start if self._in_array else at])
                    begin = at
                    if self._in_array and self._in_wrapper:
                        self._after_wrapper = self._outside
                    self._in_array = self._in_wrapper = False
                    if not self._after_wrapper and (empty := _EMPTY.match(held, at)):
                        self._items += [b"{}"] * held.count(b"{}", at, empty.end())
                        at = begin = empty.end()
        else:
            at = len(held)
        if at - begin > MAX_ROW_BYTES:
            self._refusing = True
        if self._refusing or self._after_wrapper:
            begin = at
        del held[:begin]
        self._looked_at = at - begin

    def _count_other(self, token: int) -> None:
        """Count what other lists of the wrapper hold after its rows."""
        if token == _OPEN_LIST and not self._other_list:
            self._other_list = self._after_wrapper + 1
        elif token == _OPEN_OBJECT and self._after_wrapper == self._other_list:
            self._other_rows += 1
        self._after_wrapper += _STEP.get(token, 0)
        if self._after_wrapper < self._other_list:
            self._other_list = 0

    def _may_begin_row(self, held: bytearray, at: int) -> bool:
        """Return whether the next line's first bytes are still to come."""
        return len(held) < at + _INDENT and not held[at:].strip(b" \t\r")

    def _element(self, text: bytes | bytearray) -> Iterator[Block]:
        if self._refusing:
            self._refusing = self._broken_text = False
            yield from self._bad(b"", Problem("line-too-long", limit=MAX_ROW_BYTES))
            return
        item = bytes(text.strip())
        if not (item.startswith(_BEGINS) and item.endswith(_ENDS)):
            item = _without_odd_spaces(self._without_comments(_without_odd_spaces(item)))
        if not item:
            return
        if self._broken_text:
            self._broken_text = False
            item = _escape_line_ends(item)
        self._items.append(item.replace(b"\n", b" "))

    def _without_comments(self, item: bytes) -> bytes:
        """Return an item without the comments in front of it and behind it."""
        before = _COMMENTS.match(item)
        without = _without_comments_behind(item[before.end() :] if before else item)
        if without != item and not self._comments:
            self._comments = True
            self._collector.add(Problem("comments"))
        return without

    def _flush(self) -> Iterator[Block]:
        if self._items:
            yield self._block()

    def _block(self) -> Block:
        items, self._items = self._items, []
        first, self._next = self._next, self._next + len(items)
        return Block(first, b"\n".join(items), items)

    def _bad(self, text: bytes, problem: Problem) -> Iterator[Block]:
        yield from self._flush()
        line = text.strip()[:MAX_ROW_BYTES].replace(b"\n", b" ")
        self._next += 1
        self._broken_text = self._refusing = False
        yield Block(self._next - 1, line, [line], problem)


def _without_comments_behind(item: bytes) -> bytes:
    """Return an item without the comments behind it.

    It is read from its end, because a pattern would look from each comment to the item's end.
    """
    end = len(item)
    while (begin := item.rfind(b"\n", 0, end) + 1) > 0:
        line = item[begin:end].strip()
        if line and not line.startswith((b"//", b"#")):
            break
        end = begin - 1
    item = item[:end].strip()
    if item.endswith(b"*/"):
        end_mark = len(item) - 2
        # The comment begins behind the end of the one before it, which may share its `*`.
        start = item.find(b"/*", max(0, item.rfind(b"*/", 0, end_mark) - 1), end_mark)
        item = item[:start].strip() if start >= 0 else item
    return item


def _without_odd_spaces(item: bytes) -> bytes:
    return item.decode("utf-8", "surrogateescape").strip(_ODD_SPACES).encode("utf-8", "surrogateescape")


def _escape_line_ends(item: bytes) -> bytes:
    """Write raw line ends inside of texts as JSON does; those between values become spaces later."""
    parts: list[bytes] = []
    at, in_text = 0, False
    while found := (_INSIDE if in_text else _OUTSIDE).search(item, at):
        token, end = item[found.start()], found.end()
        if token == _QUOTE:
            in_text = not in_text
        elif in_text and token == _LINE_END:
            parts.append(item[at : found.start()].removesuffix(b"\r") + b"\\n")
            at = end
            continue
        elif in_text:
            end += 1
        parts.append(item[at:end])
        at = end
    parts.append(item[at:])
    return b"".join(parts)
