"""Splits a typed line into words, and reads Slack's markup, file links and numbers in it.

`handlers/syntax/commands.py` gives the words their meaning. This module is pure.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.errors import BadArgument

_MARKUP = re.compile(r"<([^<>\n]+)>")
_ADDRESS = re.compile(r"(?:https?|mailto|tel|gs|slack):", re.IGNORECASE)
DOUBLE_QUOTES = '"“”„‟'
SINGLE_QUOTES = "'‘’‚‛"
_KEY = r"(?:(?P<key>[A-Za-z_]\w*)\s*=(?:[^\S\n]+(?![A-Za-z_]\w*\s*=))?)?"
_VALUE = rf"""(?: [{DOUBLE_QUOTES}](?P<double>(?:\\.|[^\\{DOUBLE_QUOTES}])*)[{DOUBLE_QUOTES}](?=\s|$)
      | [{SINGLE_QUOTES}](?P<single>(?:\\.|[^\\])*?)[{SINGLE_QUOTES}](?=\s|$)
      | (?P<bare>[^\s{DOUBLE_QUOTES}{SINGLE_QUOTES}]\S*)
      | (?P<open>[{DOUBLE_QUOTES}{SINGLE_QUOTES}].*)
      | (?=\s|$) )"""
_WORD = re.compile(_KEY + _VALUE, re.VERBOSE | re.DOTALL)
_KEYLESS = re.compile(_VALUE, re.VERBOSE | re.DOTALL)
# Only the file's id is taken out of a link; nothing is fetched from it. A stand-in of Slack serves on loopback.
_SLACK_FILE = re.compile(
    r"(?:https://[\w-]+(?:\.[\w-]+)*\.slack\.com|http://(?:127\.0\.0\.1|localhost)(?::\d{1,5})?)"
    r"/files/[UW][A-Z0-9]+/(F[A-Z0-9]+)(?:[/?#]\S*)?"
)
_FILE_ID = re.compile(r"F[A-Z0-9]{6,}")
_GS = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]/[^\s/](?:[^\r\n]*[^\r\n/])?")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line without its quotes; `end` is the index in the line where it ends."""

    value: str
    end: int
    key: str = ""


def undo_markup(text: str) -> str:
    """Return the text as the person typed it, from the markup in which Slack sends it.

    Source: docs.slack.dev/messaging/formatting-message-text#retrieving-messages.
    """
    plain = _MARKUP.sub(_plain, text)
    # Slack escapes these three and nothing else; the ampersand comes last, so that nothing is undone twice.
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _plain(match: re.Match[str]) -> str:
    target, _, label = match.group(1).partition("|")
    if target.startswith(("mailto:", "tel:")):
        return label or target.partition(":")[2]
    if _ADDRESS.match(target):
        return target
    if target.startswith("!"):
        return label or "@" + target[1:].partition("^")[0]
    if re.fullmatch(r"[@#][A-Z0-9]{2,}", target):
        return target[0] + (label or target[1:])
    return match.group(0)


def words(text: str, *, keys: bool = True) -> Iterator[Word]:
    """Yield the words of a line; reads `key=value` and quotation marks of all kinds. Raises BadArgument."""
    pattern = _WORD if keys else _KEYLESS
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return
        match = pattern.match(text, at)
        if match is None or match.group("open") is not None or match.end() == at:
            raise BadArgument(
                f"A quotation mark is not closed: {text[at : at + 40]}", "Close it, or leave the marks out."
            )
        at = match.end()
        inside = _inside(match)
        value = match.group("bare") or "" if inside is None else inside
        yield Word(value, at, (match.group("key") or "") if keys else "")


def unquoted(text: str) -> str | None:
    """Return the text inside the quotes where the whole text is one quoted word, else None."""
    match = _KEYLESS.fullmatch(text)
    return None if match is None else _inside(match)


def _inside(match: re.Match[str]) -> str | None:
    quoted = match.group("double") if match.group("double") is not None else match.group("single")
    return None if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


def quoted(name: str) -> str:
    """Return the name as it can be typed after `model=` or a sub-command, with quotes where it needs them."""
    if re.fullmatch(r"[^\s\"'“”‘’=<>&`\\]+", name):
        return name
    return '"' + re.sub(rf"[{DOUBLE_QUOTES}\\]", r"\\\g<0>", name) + '"'


def file_location(text: str, field: str = "file") -> str:
    """Return `slack:FILE_ID` or a `gs://` URI for a link to a file, a file id or a URI. Raises BadArgument."""
    given = text.strip()
    if match := _SLACK_FILE.fullmatch(given):
        return f"slack:{match.group(1)}"
    if _FILE_ID.fullmatch(given):
        return f"slack:{given}"
    if _GS.fullmatch(given):
        return given
    shown = given if len(given) <= 80 else given[:79] + "…"
    if given.lower().startswith("gs:"):
        raise BadArgument(
            f"“{shown}” is not a whole Cloud Storage address.",
            "It needs a bucket and a file, like gs://my-bucket/examples.jsonl.",
            field=field,
        )
    if re.match(r"https://[\w.-]+\.slack\.com/archives/", given):
        raise BadArgument(
            "That link leads to a message, not to a file.",
            "Open the file's own menu in Slack and choose “Copy link to file”.",
            field=field,
        )
    raise BadArgument(
        f"I cannot fetch “{shown}”.",
        "Give a link to a file in this Slack workspace, or a gs:// address.",
        field=field,
    )


def whole(text: str, field: str) -> int:
    """Parse a whole number. Raises BadArgument."""
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", text.strip()):
        raise BadArgument(f"`{field}` must be a whole number, not “{text[:40]}”.", "For example 3.", field=field)
    return int(text)


def real(text: str, field: str) -> float:
    """Parse a finite number, for example `1e-4`. Raises BadArgument."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        raise BadArgument(
            f"`{field}` must be a number, not “{text[:40]}”.", "Write it like 0.001 or 1e-3.", field=field
        )
    return value


def held_out_share(text: str) -> float:
    """Return 0.1 for `10%`, and 0 for a text without `%`. Raises BadArgument for `ten%`."""
    return real(text[:-1], "validation") / 100 if text.endswith("%") else 0.0
