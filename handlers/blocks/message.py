"""A finished Slack message, and how other people's words enter one.

Everything that a person, a model or Google wrote passes through here before it stands in a text, so that it can
neither ping anybody nor pose as our own markup. Knows nothing of jobs or models.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Block: TypeAlias = dict[str, Any]

TEXT_LIMIT = 4_000  # chat.update answers msg_too_long above it
BLOCKS_LIMIT = 50
ELLIPSIS = "…"

_ENTITY_LIKE = re.compile(r"&(?=#?\w{1,32};)")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt);)")
_QUOTE_MARKERS = re.compile(r"[ ]{0,3}(?:>[ ]?)+")
_BROADCAST = re.compile(r"@(?=(?:channel|here|everyone)\b)", re.IGNORECASE)
WORD_JOINER = "\u2060"
# Characters that show nothing themselves, of which some turn around what follows them, our own words too.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Message:
    """What chat.postMessage and chat.update take; always send both, an update without blocks removes them.

    `text` is the whole status in words, in mrkdwn: screen readers and notifications read it and skip the blocks.
    """

    text: str
    blocks: tuple[Block, ...]


def compose(text: str, blocks: Sequence[Block]) -> Message:
    """A message with its text, our own mrkdwn, cut to what Slack takes."""
    return Message(clip(text, TEXT_LIMIT), tuple(blocks))


def readable(text: str) -> str:
    """The text without what nobody sees and what would turn the words around it, e.g. an address, backwards."""
    return _UNSEEN.sub("", text)


def escape(text: str) -> str:
    """Other people's words as mrkdwn that shows them as they are; no mention and no link comes alive."""
    return readable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_line(text: str, limit: int = 0) -> str:
    """The same on one line, for names and labels, cut to `limit` where one is given."""
    line = escape(" ".join(text.split()))
    return clip(line, limit) if limit else line


def code(text: str, limit: int = 200) -> str:
    """Other people's words as inline code on one line; a backtick, which would end it, becomes an apostrophe."""
    return f"`{escape_line(text, limit).replace('`', chr(39)) or ' '}`"


def escape_markdown(text: str) -> str:
    """A model's Markdown for a `markdown` block: formatting stays, mentions and Slack's own tokens do not.

    Slack reads `<!channel>`, `<@U...>` and `<url|label>` inside Markdown too and shows `&lt;` as `<`. It does not
    decode entities inside a link's address, so an ampersand is touched only where it would read as an entity. The
    block has no `verbatim` to stop names from being looked up, hence the word joiner after `@`.
    """
    return "\n".join(map(_escape_markdown_line, readable(text).splitlines()))


def markdown_as_text(markdown: str) -> str:
    """Escaped Markdown for a message's `text`, which is mrkdwn: there every ampersand has to be escaped."""
    return _BARE_AMPERSAND.sub("&amp;", markdown)


def _escape_markdown_line(line: str) -> str:
    markers = _QUOTE_MARKERS.match(line)
    start = markers.end() if markers else 0
    rest = _ENTITY_LIKE.sub("&amp;", line[start:]).replace("<", "&lt;").replace(">", "&gt;")
    return line[:start] + _BROADCAST.sub("@" + WORD_JOINER, rest)


def shorten(text: str, limit: int) -> str:
    """At most `limit` code points, the last of them an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + ELLIPSIS


def clip(mrkdwn: str, limit: int) -> str:
    """Like `shorten` for escaped text: never ends inside an entity or one of our own `<...>` tokens."""
    if len(mrkdwn) <= limit:
        return mrkdwn
    return mrkdwn[: whole_end(mrkdwn, limit - 1)].rstrip() + ELLIPSIS


def whole_end(mrkdwn: str, end: int) -> int:
    """The last place up to `end` at which escaped text can be cut without splitting an entity or a token."""
    token = mrkdwn.rfind("<", 0, end)
    if token >= 0 and ">" not in mrkdwn[token:end]:
        end = token
    entity = mrkdwn.rfind("&", max(0, end - 5), end)
    if entity >= 0 and ";" not in mrkdwn[entity:end] and re.match(r"&(?:amp|lt|gt);", mrkdwn[entity:]):
        end = entity
    return end


def mention(user: str) -> str:
    """A live mention of a person; only for ids that Slack gave us."""
    return f"<@{user}>" if re.fullmatch(r"[UW][A-Z0-9]+", user) else escape_line(user, 80)
