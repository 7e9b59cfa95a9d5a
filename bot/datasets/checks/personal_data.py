"""Finds signs of personal data and secrets in raw rows: e-mail addresses, phone and card numbers, keys.

A sign is no proof: it makes a person look before the text becomes part of a model. One RE2 pattern searches for
all kinds at once. Values are shown masked, because many people may read the report.
"""

import re

from bot.datasets.findings.collector import SHOWN_LINES, FindingCollector, Problem
from bot.datasets.formats.re2 import compile_linear

_KEYS = (
    rb"(?:AKIA|ASIA)[0-9A-Z]{16}|sk-[A-Za-z0-9_-]{20}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22}"
    rb"|AIza[A-Za-z0-9_-]{35}|xox[abeoprs]-[A-Za-z0-9-]{10}|-----BEGIN [A-Z ]{0,20}PRIVATE KEY"
    rb"|[sr]k_live_[A-Za-z0-9]{16}|ya29\.[A-Za-z0-9_-]{20}"
)
_CARDS = rb"[3-6]\d{3}[ -]?\d{4,6}[ -]?\d{4,5}[ -]?\d{0,4}"
_PHONES = (
    rb"\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"
    rb"|\(?[2-9]\d\d\)?[ .-][2-9]\d\d[ .-]\d{4}"
)
# Almost anything can stand before the @ of an address: it is looked at only once the rest was found.
_DOMAINS = rb"@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}"
# UTF-8 that was read as Windows-1252, code page 437 or Mac Roman, as bytes and as JSON's escapes; and the
# character that stands for bytes that could not be read at all.
_GARBLED = (
    rb"\xc3[\x82\x83]\xc2[\x80-\xbf]|\xc3\xa2\xe2\x82\xac|\xce\x93\xc3\x87|\xe2\x80\x9a\xc3\x84|\xc3\x90\xc2[\x80-\xbf]"
    rb"|\xef\xbf\xbd|\\u00[cC][23]\\u00[89abAB][0-9a-fA-F]|\\u00[eE]2\\u20[aA][cC]|\\u0393\\u00[cC]7|\\u[fF]{3}[dD]"
)
_GARBLED_STARTS = (b"\\", b"\xc3", b"\xce", b"\xe2", b"\xef")
_GARBLED_KIND = "garbled text"
_LOCAL_PART = re.compile(rb"[A-Za-z0-9._%+-]{1,64}$")
_PLACEHOLDERS = (b"@example.", b"@test.", b"@email.", b"@domain.")
_ALNUM = re.compile(rb"[A-Za-z0-9]")


class PersonalData:
    """Counts the lines with such signs, by kind, block after block."""

    def __init__(self) -> None:
        self._pattern = compile_linear(b"|".join((_DOMAINS, _KEYS, _CARDS, _PHONES, _GARBLED)))
        self._counts: dict[str, int] = {}
        self._lines: dict[str, list[int]] = {}
        self._values: dict[str, str] = {}
        self._last: dict[str, int] = {}

    def scan(self, raw: bytes, first_line: int) -> None:
        """Search complete lines, the first of which has the number `first_line`."""
        if self._pattern.search(raw) is None:
            return
        line, counted_to = first_line, 0
        for match in self._pattern.finditer(raw):
            start, end = match.span()
            found = _classify(raw, start, end)
            if found is not None:
                line += raw.count(b"\n", counted_to, start)
                counted_to = start
                self._add(*found, line)

    def _add(self, kind: str, value: str, line: int) -> None:
        if self._last.get(kind) == line:
            return
        self._last[kind] = line
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._values.setdefault(kind, value)
        lines = self._lines.setdefault(kind, [])
        if len(lines) < SHOWN_LINES:
            lines.append(line)

    def report(self, collector: FindingCollector) -> None:
        for kind, count in self._counts.items():
            rule = "mojibake" if kind == _GARBLED_KIND else "personal-data"
            collector.add(Problem(rule, kind, self._values[kind]), count=count, lines=self._lines[kind])


def _classify(raw: bytes, start: int, end: int) -> tuple[str, str] | None:
    """Return the kind and the masked value of a match, or None where a closer look shows something harmless."""
    text = raw[start:end]
    before, after = raw[start - 1 : start] if start else b"", raw[end : end + 1]
    if text.startswith(_GARBLED_STARTS):
        around = raw[max(0, start - 12) : end + 8].decode("utf-8", "ignore")
        return _GARBLED_KIND, around.replace("\n", " ")
    if text.startswith(b"@"):
        local = _LOCAL_PART.search(raw, max(0, start - 64), start)
        if local is None or text.lower().startswith(_PLACEHOLDERS) or text[-1:].isdigit():
            return None
        return "an e-mail address", f"{local.group()[:1].decode()}…{text.decode()}"
    digits = bytes(c for c in text if 48 <= c <= 57)
    if text[:1].isdigit() or text[:1] in b"+(":
        if before.isdigit() or before in (b".", b"-", b"/") or after.isdigit():
            return None
        if not text.startswith((b"+", b"(")) and 13 <= len(digits) <= 19 and _luhn(digits):
            return "a card number", _masked(text)
        if 9 <= len(digits) <= 15 and (text[:1] == b"+" or len(digits) == 10):
            return "a phone number", _masked(text)
        return None
    return None if _ALNUM.match(before) else ("a key", _masked(text))


def _masked(text: bytes) -> str:
    return f"{text[:4].decode()}…"


def _luhn(digits: bytes) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = digit - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0
