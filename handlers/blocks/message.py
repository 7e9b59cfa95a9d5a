"""A finished Slack message, and the functions that escape other people's text for one.

Every text from a person, a model or Google passes through here before it becomes part of a message, so that it
can neither notify anybody nor look like markup of the bot (docs.slack.dev/messaging/formatting-message-text).
This module knows nothing of jobs or models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import re2  # type: ignore[import-untyped]

Block: TypeAlias = dict[str, Any]

COMMAND_LINE = 1_500  # holds each command with a name of 128 characters, all of them escaped
TEXT_LIMIT = 4_000  # chat.update answers msg_too_long above it
_SHORT_TEXT = 1_000
CHART = "data_visualization"  # the type of Slack's block for a chart
CONTAINER = "container"  # the type of Slack's block that folds others
ELLIPSIS = "…"

_ENTITY_LIKE = re2.compile(r"&(#?\w{1,32};)")
_SLACK_ENTITIES = ("amp;", "lt;", "gt;")
_QUOTE_MARKERS = re2.compile(r"[ ]{0,3}(?:>[ ]?)+")
_BROADCAST = re2.compile(r"(?i)@(channel|here|everyone)\b")
_PERSON = re2.compile(r"[UW][A-Z0-9]+")
WORD_JOINER = "\u2060"
# Invisible characters. Some reverse the direction of the text after them, the text of the bot included.
_UNSEEN = dict.fromkeys(
    code
    for first, last in (
        *((0x00, 0x08), (0x0E, 0x1B), (0x7F, 0x84), (0x86, 0x9F)),
        *((0x202A, 0x202E), (0x2066, 0x2069), (0xD800, 0xDFFF)),
    )
    for code in range(first, last + 1)
)


@dataclass(frozen=True, slots=True)
class Message:
    """What chat.postMessage and chat.update take. Always send both: an update without blocks removes them.

    `text` holds the whole content as mrkdwn: screen readers and notifications read it in place of the blocks.
    `whole` holds it where it is longer than that: it is posted alone where Slack refuses the blocks.
    """

    text: str
    blocks: tuple[Block, ...]
    whole: str = ""


def compose(text: str, blocks: Sequence[Block]) -> Message:
    """Return a message with its text, which is mrkdwn of the bot, cut to Slack's limit."""
    cut = clip(text, TEXT_LIMIT)
    return Message(cut, tuple(blocks), text if cut != text else "")


def plain_forms(message: Message) -> list[Message]:
    """Return the message as text without blocks: first with all of its content, then shorter and shorter."""
    texts = [message.whole, message.text, clip(message.text, _SHORT_TEXT)]
    return [Message(text, ()) for text in dict.fromkeys(texts) if text]


def has_chart(message: Message) -> bool:
    """Return whether the message draws a chart or folds blocks, which some workspaces refuse."""
    return any(block.get("type") in (CHART, CONTAINER) for block in message.blocks)


def readable(text: str) -> str:
    """Return the text without invisible characters, some of which would reverse the text after them."""
    return text.translate(_UNSEEN)


def escape(text: str) -> str:
    """Return other people's text as mrkdwn that shows it unchanged, without live mentions and links."""
    return readable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_line(text: str, limit: int = 0) -> str:
    """Return the same on one line, for names and labels, cut to `limit` where one is given."""
    line = escape(" ".join(text.split()))
    return clip(line, limit) if limit else line


def code(text: str, limit: int = 200) -> str:
    """Return other people's text as inline code on one line; a backtick, which would end it, becomes `'`."""
    return f"`{escape_line(text, limit).replace('`', chr(39)) or ' '}`"


def escape_markdown(text: str) -> str:
    """Return a model's Markdown for a `markdown` block, with its formatting and without mentions and Slack's
    tokens.

    Slack reads `<!channel>`, `<@U...>` and `<url|label>` inside Markdown too and shows `&lt;` as `<`. It does not
    decode entities inside a link's address, so an ampersand is touched only where it would read as an entity. The
    block has no `verbatim` to stop names from being looked up, hence the word joiner after `@`.
    """
    return "\n".join(map(_escape_markdown_line, readable(text).splitlines()))


def escape_markdown_rest(text: str) -> str:
    """Return the same for text that goes on inside a line whose beginning was escaped before."""
    first, *others = readable(text).splitlines() or [""]
    return "\n".join([_escape_inside_line(first), *map(_escape_markdown_line, others)])


def markdown_as_text(markdown: str) -> str:
    """Return escaped Markdown for a message's `text`, which is mrkdwn: there every ampersand must be escaped."""
    first, *pieces = markdown.split("&")
    return first + "".join(("&" if piece.startswith(_SLACK_ENTITIES) else "&amp;") + piece for piece in pieces)


def _escape_markdown_line(line: str) -> str:
    markers = _QUOTE_MARKERS.match(line)
    start = markers.end() if markers else 0
    return line[:start] + _escape_inside_line(line[start:])


def _escape_inside_line(text: str) -> str:
    rest: str = _ENTITY_LIKE.sub(r"&amp;\1", text).replace("<", "&lt;").replace(">", "&gt;")
    return str(_BROADCAST.sub(_without_reach, rest))


def _without_reach(broadcast: Any) -> str:
    return f"@{WORD_JOINER}{broadcast.group(1)}"


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` code points, the last of them an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + ELLIPSIS


def clip(mrkdwn: str, limit: int) -> str:
    """Shorten escaped text, never inside an entity or one of the bot's `<...>` tokens."""
    if len(mrkdwn) <= limit:
        return mrkdwn
    return mrkdwn[: whole_end(mrkdwn, limit - 1)].rstrip() + ELLIPSIS


def whole_end(mrkdwn: str, end: int) -> int:
    """Return the last index up to `end` where a cut splits no entity and no token of escaped text."""
    token = mrkdwn.rfind("<", 0, end)
    if token >= 0 and ">" not in mrkdwn[token:end]:
        end = token
    entity = mrkdwn.rfind("&", max(0, end - 5), end)
    if entity >= 0 and ";" not in mrkdwn[entity:end] and mrkdwn.startswith(_SLACK_ENTITIES, entity + 1):
        end = entity
    return end


def mention(user: str) -> str:
    """Return a live mention of a person; only for ids that Slack gave us."""
    return f"<@{user}>" if _PERSON.fullmatch(user) else escape_line(user, 80)
