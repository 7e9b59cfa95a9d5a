"""Splits a typed line into words, and reads Slack's markup, file links and numbers in it.

`handlers/syntax/commands.py` gives the words their meaning. This module is pure. Anybody types these lines, so
each function reads every character a fixed number of times: `re` is not used here, since its time can grow with
the square of the text, and RE2 is linear (https://github.com/google/re2/wiki/WhyRE2).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import re2  # type: ignore[import-untyped]

from bot.domain.google_accounts import is_account
from bot.domain.names import DOUBLE_QUOTES, SINGLE_QUOTES
from bot.domain.roles import EVERYONE, is_grantee
from bot.errors import BadArgument

LONGEST_LINE = 4_000  # two gs:// addresses of full length and all other values fit
_LONGEST_SHOWN = 40
_ADDRESSES = ("http:", "https:", "mailto:", "tel:", "gs:", "slack:")
# Only the file's id is taken out of a link; nothing is fetched from it. A stand-in of Slack serves on loopback.
_SLACK_FILE = re2.compile(
    r"(?:https://[\w-]+(?:\.[\w-]+)*\.slack\.com|http://(?:127\.0\.0\.1|localhost)(?::\d{1,5})?)"
    r"/files/[UW][A-Z0-9]+/(F[A-Z0-9]+)(?:[/?#]\S*)?"
)
_SLACK_MESSAGE = re2.compile(r"https://[\w.-]+\.slack\.com/archives/")
_FILE_ID = re2.compile(r"F[A-Z0-9]{6,}")
_OPENAI_FILE = re2.compile(r"openai:file-[A-Za-z0-9_-]{1,100}")
_GS = re2.compile(r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]/[^\s/](?:[^\r\n]*[^\r\n/])?")
_MENTIONED = re2.compile(r"[@#][A-Z0-9]{2,}")
_WHOLE = re2.compile(r"[+-]?[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line without its quotes; `end` is the index in the line where it ends."""

    value: str
    end: int
    key: str = ""


def shown(text: str) -> str:
    """Return what was typed as an error shows it, cut to some words."""
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def undo_markup(text: str) -> str:
    """Return the text as the person typed it, from the markup in which Slack sends it.

    Source: docs.slack.dev/messaging/formatting-message-text#retrieving-messages.
    """
    # JSON can carry half a surrogate pair, which no later step could encode.
    first, *pieces = text.encode(errors="replace").decode().split("<")
    plain = [first]
    for piece in pieces:
        inside, closed, rest = piece.partition(">")
        plain.append(_plain(inside) + rest if closed and inside and "\n" not in inside else "<" + piece)
    # Slack escapes these three and nothing else; the ampersand comes last, so that nothing is undone twice.
    return "".join(plain).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _plain(inside: str) -> str:
    """Return what the person typed where Slack sends these characters between `<` and `>`."""
    target, _, label = inside.partition("|")
    if target.startswith(("mailto:", "tel:")):
        return label or target.partition(":")[2]
    if label and target in (f"http://{label}", f"https://{label}"):
        return label  # Slack made a link of a word such as `example.com`.
    if target.lower().startswith(_ADDRESSES):
        return target
    if target.startswith("!"):
        return label or "@" + target[1:].partition("^")[0]
    if _MENTIONED.fullmatch(target):
        return target[0] + (label or target[1:])
    return f"<{inside}>"


def named_target(text: str, *, accounts: bool = False) -> tuple[str, str]:
    """Split a line with Slack's markup before its last word, and return the id that this word names.

    The word is the mention of a person, a user group or a channel, one of their ids, or `everyone`; with
    `accounts` also an e-mail address. Raises BadArgument for any other.
    """
    line = text.strip()
    at = line.rfind("<") if line.endswith(">") else line.rfind(" ") + 1
    before, word = line[:at], line[at:]
    target = word.strip("<>").partition("|")[0].removeprefix("!subteam^").lstrip("@#!")
    # Slack makes a link of an e-mail address: docs.slack.dev/messaging/formatting-message-text
    address = target.removeprefix("mailto:").lower()
    if accounts and is_account(address):
        return undo_markup(before).strip(), address
    named = target.lower() if target.lower() == EVERYONE else target
    if not is_grantee(named):
        raise BadArgument(
            f"I do not see whom or what you mean by “{shown(undo_markup(word))}”.",
            "End with @ or # and choose the name from the list that Slack shows, or write everyone.",
        )
    return undo_markup(before).strip(), named


def words(text: str, *, keys: bool = True) -> Iterator[Word]:
    """Yield the words of a line; reads `key=value` and quotation marks of all kinds. Raises BadArgument."""
    at = _blanks_end(text, 0)
    while at < len(text):
        key, start = _key_and_value(text, at) if keys else ("", at)
        if text[start : start + 1] and text[start] in DOUBLE_QUOTES + SINGLE_QUOTES:
            end = _closing(text, start)
            if end < 0:
                raise BadArgument(
                    f"A quotation mark is not closed: {text[at : at + 40]}", "Close it, or leave the marks out."
                )
            word = Word(_unescaped(text[start + 1 : end]), end + 1, key)
        else:
            end = _word_end(text, start)
            word = Word(text[start:end], end, key)
        yield word
        at = _blanks_end(text, word.end)


def leading_key(text: str) -> tuple[str, int]:
    """Return the key of a line that begins with `key=`, and the index behind the `=`; else an empty key and 0."""
    return _key(text, 0)


def unquoted(text: str) -> str | None:
    """Return the text inside the quotes where the whole text is one quoted word, else None."""
    if len(text) < 2 or text[0] not in DOUBLE_QUOTES + SINGLE_QUOTES:
        return None
    end = _closing(text, 0, whole=True)
    return _unescaped(text[1:end]) if end == len(text) - 1 else None


def _key_and_value(text: str, at: int) -> tuple[str, int]:
    """Return the key of the word that starts here, and where its value starts.

    Blanks may follow the `=`, but the next key is no value.
    """
    key, start = _key(text, at)
    if not key:
        return "", at
    after = start
    while after < len(text) and text[after].isspace() and text[after] != "\n":
        after += 1
    return key, start if after > start and _key(text, after)[0] else after


def _key(text: str, at: int) -> tuple[str, int]:
    """Return the key before a `=`, and the index behind the `=`; an empty key if there is none."""
    if at >= len(text) or not (text[at] == "_" or (text[at].isascii() and text[at].isalpha())):
        return "", at
    end = at
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    sign = _blanks_end(text, end)
    return (text[at:end], sign + 1) if text[sign : sign + 1] == "=" else ("", at)


def _closing(text: str, start: int, *, whole: bool = False) -> int:
    """Return the index of the mark that closes the quotes that open at `start`, -1 if none does.

    An apostrophe inside a word closes nothing. With `whole`, only a mark at the end of the text closes single
    quotes.
    """
    double = text[start] in DOUBLE_QUOTES
    marks = DOUBLE_QUOTES if double else SINGLE_QUOTES
    at = start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] in marks:
            ends = at + 1 == len(text) or (text[at + 1].isspace() and (double or not whole))
            if ends:
                return at
            if double:
                return -1
        at += 1
    return -1


def _unescaped(text: str) -> str:
    """Return the text with each character that a backslash marks, and without the backslashes."""
    parts = text.split("\\")
    plain, at = [parts[0]], 1
    while at < len(parts):
        if not parts[at] and at + 1 < len(parts):  # two backslashes stand for one
            plain.append("\\" + parts[at + 1])
            at += 2
        else:
            plain.append(parts[at])
            at += 1
    return "".join(plain)


def _blanks_end(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _word_end(text: str, at: int) -> int:
    while at < len(text) and not text[at].isspace():
        at += 1
    return at


def file_location(text: str, field: str = "file") -> str:
    """Return `slack:FILE_ID`, a `gs://` URI or `openai:FILE_ID` for a link to a file, a file id or a URI.

    Raises BadArgument.
    """
    given = text.strip()
    if _OPENAI_FILE.fullmatch(given):
        return given
    if match := _SLACK_FILE.fullmatch(given):
        return f"slack:{match.group(1)}"
    if _FILE_ID.fullmatch(given):
        return f"slack:{given}"
    if _GS.fullmatch(given):
        return given
    cut = given if len(given) <= 80 else given[:79] + "…"
    if given.lower().startswith("gs:"):
        raise BadArgument(
            f"“{cut}” is not a whole Cloud Storage address.",
            "It needs a bucket and a file, like gs://my-bucket/examples.jsonl.",
            field=field,
        )
    if _SLACK_MESSAGE.match(given):
        raise BadArgument(
            "That link leads to a message, not to a file.",
            "Open the file's own menu in Slack and choose “Copy link to file”.",
            field=field,
        )
    raise BadArgument(
        f"I cannot fetch “{cut}”.",
        "Give a link to a file in this Slack workspace, or a gs:// address.",
        field=field,
    )


def whole_number(text: str, field: str) -> int:
    """Parse a whole number. Raises BadArgument."""
    if not _WHOLE.fullmatch(text.strip()):
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
