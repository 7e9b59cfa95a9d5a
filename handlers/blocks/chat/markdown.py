"""Cuts long Markdown into pieces that each stand alone: at paragraphs where it can, each code fence closed."""

from collections.abc import Iterator
from dataclasses import dataclass

import re2  # type: ignore[import-untyped]

from handlers.blocks.message import whole_end

_FENCE = re2.compile(r"( {0,3})(`{3,}|~{3,})([^\n]*)")
_LONGEST_OPENING = 200
_LONGEST_ENTITY = 8


@dataclass(frozen=True, slots=True)
class _Fence:
    opening: str
    marks: str

    @property
    def closing(self) -> str:
        return self.marks + "\n"


def split_markdown(text: str, limit: int) -> list[str]:
    """Pieces of at most `limit` characters (over 1,000) of text that is escaped already.

    A fence that is open where a piece ends is closed there and opened again in the next one.
    """
    pieces = (piece.strip("\n") for piece, _ in _cuts(_lines(text, limit), limit))
    return [piece for piece in pieces if piece.strip()]


def first_piece(text: str, limit: int) -> tuple[str, str] | None:
    """Return the first piece of a text that grows, and the rest, or None while all of it may stay one piece.

    `split_markdown` finds the same pieces in the whole text; the first one is empty where it drops that piece.
    """
    lines = _lines(text, limit)
    piece, rest = next(_cuts(lines, limit), ("", ""))
    return (piece.strip("\n"), rest + "".join(lines)) if rest else None


def _cuts(lines: Iterator[str], limit: int) -> Iterator[tuple[str, str]]:
    """Yield each piece, and what the next one begins with, which is empty after the last piece."""
    held: list[str] = []
    length = 0
    fence: _Fence | None = None
    for line in lines:
        room = limit - (len(fence.closing) + 1 if fence else 0)
        after = _fence_after(line, fence)
        # A line that opens a fence must leave room to close it again in the same piece.
        needed = len(line) + (len(after.closing) + 1 if after and not fence else 0)
        if length + needed > room and held:
            if fence:
                piece = "".join(held) + _newline(held) + fence.closing
                held = [fence.opening]
            else:
                keep = _paragraph(held)
                piece = "".join(held[:keep])
                held = held[keep:]
            length = sum(map(len, held))
            yield piece, "".join(held) + line
        held.append(line)
        length += len(line)
        fence = after
    if held:
        # One that the model never closed, e.g. at its limit, is closed as well: not everybody reads it as code.
        yield "".join(held) + (_newline(held) + fence.closing if fence else ""), ""


def _lines(text: str, limit: int) -> Iterator[str]:
    """Lines with their ends; one that is too long for half a piece is cut at a space, or where it must be."""
    longest = limit // 2 - _LONGEST_OPENING
    for line in text.splitlines(keepends=True):
        start = 0
        while len(line) - start > longest:
            part = line[start : start + longest + _LONGEST_ENTITY]
            end = part.rfind(" ", longest // 2, longest) + 1 or whole_end(part, longest) or longest
            yield part[:end]
            start += end
        if rest := line[start:]:
            yield rest


def _fence_after(line: str, fence: _Fence | None) -> _Fence | None:
    """The fence that is open after this line, by CommonMark's rules."""
    match = None if len(line) > _LONGEST_OPENING else _FENCE.match(line)
    if match is None:
        return fence
    marks, info = match.group(2), match.group(3)
    if fence is None:
        if marks[0] == "`" and "`" in info:
            return None
        return _Fence(line if line.endswith("\n") else line + "\n", marks)
    closes = marks[0] == fence.marks[0] and len(marks) >= len(fence.marks) and not info.strip()
    return None if closes else fence


def _paragraph(held: list[str]) -> int:
    """How many of the held lines go into this piece: up to the last blank one, if that leaves over half of it."""
    total = sum(map(len, held))
    seen, best = 0, len(held)
    fence: _Fence | None = None
    for index, line in enumerate(held[:-1], start=1):
        seen += len(line)
        fence = _fence_after(line, fence)
        if not fence and not line.strip() and seen >= total // 2:
            best = index
    return best


def _newline(held: list[str]) -> str:
    return "" if held[-1].endswith("\n") else "\n"
