"""Makes a model's Markdown safe to show while it is still being written, in pieces that never change afterwards.

A piece ends only where nothing that follows can change what the piece means: a token such as `<!channel>`, an
`@here` or the joint of a link may come in two chunks. No link is shown under other words: the joint of each is
taken apart, also in code. The finished answer, from `handlers/blocks/chat/answer.py`, replaces what differs.
"""

from typing import Final

import re2  # type: ignore[import-untyped]

from handlers.blocks.chat.links import taken_apart
from handlers.blocks.message import escape_markdown, escape_markdown_rest, readable

# What may become something else with the next characters: an entity, a broadcast, a link, or the start of a line,
# where `>` marks a quotation.
_UNDECIDED: Final = re2.compile(r"(?:&#?\w{0,32}|@\w{0,9}|\]|(?:^|\n)[ ]{0,3}>[ >]*)$")
# The longest of these, apart from marks of quotations, which are short in any honest text.
_TAIL: Final = 200


class GrowingMarkdown:
    """An answer that grows."""

    def __init__(self) -> None:
        self._waiting = ""
        self._begun = False

    def add(self, text: str) -> None:
        """Add the next words of the model."""
        self._waiting += readable(text)
        if not self._begun:
            self._waiting = self._waiting.lstrip()

    def take(self) -> str:
        """Return the next piece that can be shown; empty if there is none yet."""
        ready = self._waiting[: _decided(self._waiting)]
        if not ready:
            return ""
        escape = escape_markdown_rest if self._begun else escape_markdown
        self._waiting = self._waiting[len(ready) :]
        self._begun = True
        return str(taken_apart(escape(ready)))


def _decided(text: str) -> int:
    """Return where the last piece may end. Blanks at the end wait, since the end of an answer has none."""
    end = len(text.rstrip())
    while end:
        start = max(0, end - _TAIL)
        found = _UNDECIDED.search(text[start:end])
        if found is None:
            return end
        end = len(text[: start + found.start()].rstrip())
    return 0
