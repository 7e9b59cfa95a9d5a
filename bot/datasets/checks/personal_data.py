"""Finds signs of personal data, secrets, garbled text and thoughts in raw rows, and counts their lines.

A sign is no proof: it makes a person look before the text becomes part of a model. Values are shown masked,
because many people may read the report.
"""

from bot.datasets.checks.private_values import EMAIL, PATTERN, private_value
from bot.datasets.findings.collector import SHOWN_LINES, FindingCollector, Problem
from bot.datasets.formats.re2 import compile_linear

# UTF-8 that was read as Windows-1252, Windows-1251, code page 437 or Mac Roman, as bytes and as JSON's escapes;
# and the character that stands for bytes that could not be read at all.
_GARBLED = (
    rb"\xc3[\x82\x83]\xc2[\x80-\xbf]|\xc3\xa2\xe2\x82\xac|\xce\x93\xc3\x87|\xe2\x80\x9a\xc3\x84|\xc3\x90\xc2[\x80-\xbf]"
    rb"|\xd0\xa0\xc2[\xb0\xb1\xb5\xbb]|\xef\xbf\xbd|\\u00[cC][23]\\u00[89abAB][0-9a-fA-F]|\\u00[eE]2\\u20[aA][cC]|\\u0393\\u00[cC]7|\\u[fF]{3}[dD]"
)
_GARBLED_STARTS = (b"\\", b"\xc3", b"\xce", b"\xd0", b"\xe2", b"\xef")
_GARBLED_KIND = "garbled text"
# The end of what a model thought, as open models write it in front of their answers: `<think>...</think>`.
_THOUGHT = rb"</think(?:ing)?>|\\u003[cC]/think(?:ing)?\\u003[eE]"
_THOUGHT_KIND = "a thought"
# The rules of the kinds that are no personal data.
_RULES = {_GARBLED_KIND: "mojibake", _THOUGHT_KIND: "thoughts-in-text"}


class PersonalData:
    """Counts the lines with such signs, by kind, block after block."""

    def __init__(self) -> None:
        self._pattern = compile_linear(b"|".join((PATTERN, _GARBLED, _THOUGHT)))
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
            collector.add(
                Problem(_RULES.get(kind, "personal-data"), kind, self._values[kind]),
                count=count,
                lines=self._lines[kind],
            )


def _classify(raw: bytes, start: int, end: int) -> tuple[str, str] | None:
    """Return the kind of a match and what of it may be shown, or None for something harmless."""
    if raw[start : start + 3] == b"</t" or raw[start : start + 7].lower() == b"\\u003c/":
        return _THOUGHT_KIND, raw[start:end].decode().replace("\\u003c", "<").replace("\\u003e", ">")
    if raw.startswith(_GARBLED_STARTS, start):
        around = raw[max(0, start - 12) : end + 8].decode("utf-8", "ignore")
        return _GARBLED_KIND, around.replace("\n", " ")
    value = private_value(raw, start, end)
    if value is None:
        return None
    if value.kind == EMAIL:
        return value.kind, f"{raw[value.start : value.start + 1].decode()}…{raw[start:end].decode()}"
    return value.kind, f"{raw[value.start : value.start + 4].decode()}…"
