"""Finds what Slack turns into live mentions and links, so that a test can prove that nobody is pinged.

A mention inside code marks counts, too: it is better to find too many than too few.
"""

import html
import re
from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack.records import Json, LiveReference

_ANGLE = re.compile(r"<([^<>\n]+)>")
_BARE_URL = re.compile(r"(?<![<|\w])https?://[^\s<>|]+")
_MARKDOWN_LINK = re.compile(r"\[([^\]\n]*)\]\(([^)\s]+)\)")
_PARSED_AT = re.compile(r"(?<![\w<!])@(channel|here|everyone)\b")


def live_references(text: str, where: str = "text", *, parse: str = "none") -> list[LiveReference]:
    """Return what is live in mrkdwn `text`; with ``parse="full"`` also bare ``@channel`` and its like."""
    found = [_angle_reference(match.group(1), where) for match in _ANGLE.finditer(text)]
    found += [LiveReference("link", url, "", where) for url in _BARE_URL.findall(_ANGLE.sub(" ", text))]
    if parse == "full":
        found += [LiveReference("everyone", name, "", where) for name in _PARSED_AT.findall(text)]
    return [reference for reference in found if reference is not None]


def _angle_reference(inside: str, where: str) -> LiveReference | None:
    target, _, label = inside.partition("|")
    target, label = html.unescape(target), html.unescape(label)
    if target.startswith("!subteam^"):
        return LiveReference("usergroup", target.removeprefix("!subteam^"), label, where)
    if target in ("!channel", "!here", "!everyone"):
        return LiveReference("everyone", target[1:], label, where)
    if re.fullmatch(r"@[UW][A-Z0-9]+", target):
        return LiveReference("user", target[1:], label, where)
    if re.fullmatch(r"#[CGD][A-Z0-9]+", target):
        return LiveReference("channel", target[1:], label, where)
    if re.match(r"(https?|mailto|tel|slack):", target):
        return LiveReference("link", target, label, where)
    return None


def live_in_message(text: str, blocks: list[Json], *, parse: str = "none") -> list[LiveReference]:
    """Return what is live in a message's text and in every text object of its blocks."""
    found = live_references(text, parse=parse)
    for index, block in enumerate(blocks):
        found += _in_block(block, f"/blocks/{index}")
    return found


def _in_block(value: Any, where: str) -> Iterator[LiveReference]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _in_block(item, f"{where}/{index}")
        return
    if not isinstance(value, dict):
        return
    kind = value.get("type")
    if kind == "mrkdwn":
        yield from live_references(value.get("text", ""), where)
    elif kind in ("markdown", "markdown_text"):
        yield from live_references(value.get("text", ""), where)
        for label, target in _MARKDOWN_LINK.findall(value.get("text", "")):
            yield LiveReference("link", target, label, where)
    elif kind == "broadcast":
        yield LiveReference("everyone", str(value.get("range")), "", where)
    elif kind == "user" and "user_id" in value:
        yield LiveReference("user", str(value["user_id"]), "", where)
    elif kind == "link" and "url" in value:
        yield LiveReference("link", str(value["url"]), str(value.get("text", "")), where)
    for key, inner in value.items():
        yield from _in_block(inner, f"{where}/{key}")


def typed(text: str, names: dict[str, str]) -> str:
    """Return what Slack sends for words typed into its composer: markup escaped, ``@Name`` a mention.

    `names` maps a display name to its user id.
    """
    wire = html.escape(text, quote=False)
    for name in sorted(names, key=len, reverse=True):
        wire = re.sub(rf"(?<!\w)@{re.escape(name)}\b", f"<@{names[name]}>", wire)
    return wire
