"""Slack's tokens between angle brackets: mentions, channels, dates and links."""

import html
import re
from datetime import datetime
from typing import Final

from bot.sandbox.page.texts.dates import formatted, local
from bot.sandbox.page.texts.names import Names

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
    """Wire text without any markup, as HTML."""
    return escaped(decode(wire))


def link(address: str, label: str) -> str:
    """A link that opens apart; where the address is of no safe kind, its label alone."""
    if not _SAFE_LINK.match(address):
        return escaped(label)
    return f'<a href="{escaped(address)}" target="_blank" rel="noopener noreferrer">{escaped(label)}</a>'


def token(inside: str, names: Names) -> str | None:
    """What stands for `<inside>`, as HTML; None for what is no token and is shown as it was written."""
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
