"""Slack's own markup, mrkdwn, as HTML: bold, italic, struck, code, quotes, links, mentions, dates and emoji.

Line breaks stay line breaks; the page's style keeps them. Only the few tags written out here come out.
Source: https://docs.slack.dev/messaging/formatting-message-text/
"""

import html
import re
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from typing import Any, Final

from bot.sandbox.page.texts.dates import formatted, local
from bot.sandbox.slack import SlackWorkspace


@dataclass(frozen=True, slots=True)
class Names:
    """Looks ids up in the workspace; `reader` is the user id of the person who reads."""

    workspace: SlackWorkspace
    reader: str

    def user(self, user_id: str) -> str:
        """A person's name, or the id itself where nobody has it."""
        user = self.workspace.users.get(user_id)
        return user.real_name if user is not None else user_id

    def channel(self, channel_id: str) -> str:
        """A channel's name, or the id itself."""
        channel = self.workspace.channels.get(channel_id)
        return channel.name if channel is not None and channel.name else channel_id


EMOJI: Final = {
    "+1": "👍",
    "-1": "👎",
    "eyes": "👀",
    "heart": "❤️",
    "hourglass_flowing_sand": "⏳",
    "no_entry": "⛔",
    "pray": "🙏",
    "raised_hands": "🙌",
    "rocket": "🚀",
    "tada": "🎉",
    "thinking_face": "🤔",
    "warning": "⚠️",
    "wave": "👋",
    "white_check_mark": "✅",
    "x": "❌",
}
QUICK: Final = ("+1", "eyes", "tada", "white_check_mark", "heart", "thinking_face")


def emoji(name: str) -> str:
    """The character, or the name between colons."""
    return EMOJI.get(name, f":{name}:")


TOKEN: Final = re.compile(r"<([^<>\n]+)>")
_SAFE_LINK: Final = re.compile(r"(?:https?://|mailto:|tel:)[^\s]+\Z", re.IGNORECASE)
_DATE: Final = re.compile(r"!date\^(\d{1,11})\^([^\^]*)(?:\^([^\^]*))?\Z")


def decode(wire: str) -> str:
    """Words as people read them: Slack escapes exactly these three characters."""
    return wire.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def escaped(words: str) -> str:
    """Words as HTML that shows them as they are."""
    return html.escape(words, quote=True)


def shown(wire: str) -> str:
    """Text as Slack sends it, without any markup, as HTML."""
    return escaped(decode(wire))


def link(address: str, label: str) -> str:
    """A link that opens apart; where the address is of no safe kind, its label alone."""
    if not _SAFE_LINK.match(address):
        return escaped(label)
    return f'<a href="{escaped(address)}" target="_blank" rel="noopener noreferrer">{escaped(label)}</a>'


def token(inside: str, names: Names) -> str | None:
    """Return the HTML of the token `<inside>`; None where it is not a token and is shown as it was written."""
    target, _, label = inside.partition("|")
    if re.fullmatch(r"@[UW][A-Z0-9]+", target):
        mine = " mention-me" if target[1:] == names.reader else ""
        return f'<span class="mention{mine}">@{escaped(names.user(target[1:]))}</span>'
    if re.fullmatch(r"#[CGD][A-Z0-9]+", target):
        return f'<span class="mention">#{escaped(names.channel(target[1:]))}</span>'
    if target in ("!channel", "!here", "!everyone"):
        return f'<span class="mention mention-me">@{target[1:]}</span>'
    if target.startswith("!subteam^"):
        return f'<span class="mention">{shown(label or "@group")}</span>'
    if found := _DATE.match(target):
        return _date(found, label)
    if _SAFE_LINK.match(target):
        return link(decode(target), decode(label or target))
    return None


def _date(found: re.Match[str], fallback: str) -> str:
    seconds = int(found[1])
    words = formatted(seconds, decode(found[2]), datetime.now().astimezone())
    said = f'<time datetime="{local(seconds).isoformat()}" title="{shown(fallback)}">{escaped(words)}</time>'
    address = decode(found[3] or "")
    if not _SAFE_LINK.match(address):
        return said
    return f'<a href="{escaped(address)}" target="_blank" rel="noopener noreferrer">{said}</a>'


_FENCE: Final = re.compile(r"```\n?(.+?)\n?```\n?", re.DOTALL)
_QUOTE: Final = re.compile(r"(?:&gt;|>) ?")
_TAG: Final = re.compile(r"<[^<>]*>")
_EMOJI: Final = re.compile(r":([a-z0-9_+-]{1,40}):")


def _around(mark: str) -> str:
    """The pattern of words between two marks; each mark is at the edge of a word."""
    return rf"(?<![\w{mark}]){mark}(?=[^\s{mark}])([^{mark}\n]*?[^\s{mark}])?{mark}(?![\w{mark}])"


_INLINE: Final = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<(?P<token>[^<>\n]+)>"
    r"|(?P<url>(?<![\w/])https?://[^\s<>|`*]*[^\s<>|`*.,;:!?)'\"])"
    rf"|(?P<bold>{_around(re.escape('*'))})|(?P<italic>{_around('_')})|(?P<strike>{_around('~')})"
    r"|:(?P<emoji>[a-z0-9_+-]{1,40}):"
)
_TAGS: Final = {"bold": "strong", "italic": "em", "strike": "s"}


def mrkdwn(wire: str, names: Names) -> str:
    """The text as HTML."""
    parts: list[str] = []
    start = 0
    for fence in _FENCE.finditer(wire):
        parts.append(_lines(wire[start : fence.start()].removesuffix("\n"), names))
        parts.append(f"<pre><code>{shown(fence[1])}</code></pre>")
        start = fence.end()
    parts.append(_lines(wire[start:], names))
    return "".join(parts)


def spoken(wire: str, names: Names) -> str:
    """The text as it is read aloud: words alone."""
    return unescape(_TAG.sub("", mrkdwn(wire, names)))


def plain(wire: str, *, emoji: bool = True) -> str:
    """A `plain_text` object as HTML: nothing is markup in it but emoji, and nothing is escaped on the wire."""
    if not emoji:
        return escaped(wire)
    return _EMOJI.sub(lambda match: EMOJI.get(match[1], match[0]), escaped(wire))


def text_object(value: dict[str, Any], names: Names) -> str:
    """A text object of either kind, as HTML."""
    if value["type"] == "mrkdwn":
        return mrkdwn(value["text"], names)
    return plain(value["text"], emoji=value.get("emoji", True))


def _lines(wire: str, names: Names) -> str:
    """Text without fences: lines that begin with a quotation mark become quotes."""
    if not wire:
        return ""
    out: list[str] = []
    words: list[str] = []
    quoted: list[str] = []

    def flush() -> None:
        if quoted:
            out.append("<blockquote>" + "\n".join(_inline(line, names) for line in quoted) + "</blockquote>")
            quoted.clear()
        if words:
            out.append("\n".join(_inline(line, names) for line in words))
            words.clear()

    for line in wire.split("\n"):
        mark = _QUOTE.match(line)
        if bool(mark) != bool(quoted):
            flush()
        if mark:
            quoted.append(line[mark.end() :])
        else:
            words.append(line)
    flush()
    return "".join(out)


def _inline(line: str, names: Names) -> str:
    out: list[str] = []
    start = 0
    for match in _INLINE.finditer(line):
        out.append(shown(line[start : match.start()]))
        out.append(_one(match, names))
        start = match.end()
    out.append(shown(line[start:]))
    return "".join(out)


def _one(match: re.Match[str], names: Names) -> str:
    if match["code"] is not None:
        return f"<code>{shown(match['code'])}</code>"
    if match["token"] is not None:
        return token(match["token"], names) or shown(match[0])
    if match["url"] is not None:
        address = match["url"].replace("&amp;", "&")
        return link(address, address)
    if match["emoji"] is not None:
        return shown(EMOJI.get(match["emoji"], match[0]))
    kind = next(name for name in _TAGS if match[name] is not None)
    return f"<{_TAGS[kind]}>{_inline(match[kind][1:-1], names)}</{_TAGS[kind]}>"
