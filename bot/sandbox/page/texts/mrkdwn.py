"""Slack's own markup, mrkdwn, as HTML: bold, italic, struck, code, quotes, links, mentions, dates and emoji.

Line breaks stay line breaks; the page's style keeps them.
"""

import re
from html import unescape
from typing import Any, Final

from bot.sandbox.page.texts.emoji import EMOJI
from bot.sandbox.page.texts.names import Names
from bot.sandbox.page.texts.tokens import escaped, link, shown, token

_FENCE: Final = re.compile(r"```\n?(.+?)\n?```\n?", re.DOTALL)
_QUOTE: Final = re.compile(r"(?:&gt;|>) ?")
_TAG: Final = re.compile(r"<[^<>]*>")
_EMOJI: Final = re.compile(r":([a-z0-9_+-]{1,40}):")


def _around(mark: str) -> str:
    """The pattern of words between two marks that stand at the edges of words."""
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
