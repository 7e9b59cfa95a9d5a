"""Finds signs of personal data, and of what no text should hold from which a model learns, and counts their lines.

The latter are garbled text, thoughts, calls of tools, marks of pictures and of prompt templates, entities of HTML,
and control characters. All are searched in the raw rows.

A sign is no proof: it makes a person look before the text becomes part of a model. Values are shown masked,
because many people may read the report.
"""

import re

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
_LESS, _MORE, _AND = rb"(?:<|\\u003[cC])", rb"(?:>|\\u003[eE])", rb"(?:&|\\u0026)"
_THOUGHT = (
    _LESS
    + rb"/?(?:think(?:ing)?|thoughts?|reasoning|scratchpad)"
    + _MORE
    # As gpt-oss writes it.
    + rb"|"
    + _LESS
    + rb"\|channel\|"
    + _MORE
    + rb"analysis"
)
_THOUGHT_KIND = "a thought"
# How models of Qwen, Nous, Mistral and Llama write a call of a tool into their answer.
_CALL = _LESS + rb"(?:tool_call|function_call|\|python_tag\|)" + _MORE + rb"|\[TOOL_CALLS\]"
_CALL_KIND = "the call of a tool"
# Where LLaVA, LLaMA-Factory and Llama put a picture into a question.
_PICTURE = _LESS + rb"(?:image|\|image\|)" + _MORE
_PICTURE_KIND = "the mark of a picture"
# The marks around turns in the prompts of Claude 2, ChatML, Llama 2 and 3, Gemma, Phi and Alpaca.
_TEMPLATE = (
    rb"\\n\\n(?:Human|Assistant): |\\n\\n### (?:Response|Assistant):|\[/INST\]|"
    + _LESS
    + rb"(?:\|im_start\||\|start_header_id\||start_of_turn|\|assistant\|)"
    + _MORE
)
_TEMPLATE_KIND = "the mark of a prompt"
_ENTITY = _AND + rb"(?:amp|lt|gt|quot|apos|nbsp|#(?:x[0-9a-fA-F]{2}|[0-9]{2})[0-9a-fA-F]{0,4});"
_ENTITY_KIND = "an entity of HTML"
# Characters that no screen shows, but not the tab and the line ends; a NUL is an error of its row.
_CONTROL = rb"\\u00(?:0[1-8bBeEfF]|1[0-9a-fA-F]|7[fF])|\x7f"
_CONTROL_KIND = "a control character"
# The rules of the kinds that are no personal data.
_RULES = {
    _GARBLED_KIND: "mojibake",
    _THOUGHT_KIND: "thoughts-in-text",
    _CALL_KIND: "tool-call-in-text",
    _PICTURE_KIND: "picture-mark-in-text",
    _TEMPLATE_KIND: "template-in-text",
    _ENTITY_KIND: "html-entities",
    _CONTROL_KIND: "control-characters",
}
# What is recognized by its own text, in this order.
_KINDS = tuple(
    (compile_linear(pattern), kind)
    for pattern, kind in (
        (_THOUGHT, _THOUGHT_KIND),
        (_CALL, _CALL_KIND),
        (_PICTURE, _PICTURE_KIND),
        (_TEMPLATE, _TEMPLATE_KIND),
        (_ENTITY, _ENTITY_KIND),
        (_CONTROL, _CONTROL_KIND),
    )
)
_KIND_STARTS = (b"<", b"\\", b"[", b"&", b"\x7f")
# The keys and types beside which a mark of a picture has its picture; a key without a value shows none.
_SHOWN_PICTURE = re.compile(rb'"images?"(?!\s*+:\s*+(?:null|""|\[\s*+\]))|"image_url"|"fileData"|"file_data"')
# A row of Anthropic's HH-RLHF, whose marks are read as turns.
_TWO_DIALOGUES = re.compile(rb'\s*+\{\s*+"(?:chosen|rejected)"\s*+:\s*+"\\n\\nHuman: ')


class PersonalData:
    """Counts the lines with such signs, by kind, block after block."""

    def __init__(self) -> None:
        self._pattern = compile_linear(b"|".join((PATTERN, _GARBLED, *(kind.pattern for kind, _ in _KINDS))))
        self._counts: dict[str, int] = {}
        self._lines: dict[str, list[int]] = {}
        self._values: dict[str, str] = {}
        self._last: dict[str, int] = {}

    def scan(self, raw: bytes, first_line: int) -> None:
        """Search complete lines, the first of which has the number `first_line`."""
        if self._pattern.search(raw) is None:
            return
        line, counted_to = first_line, 0
        around = _LineAround(raw)
        # The marks of this line that were judged: a line can have one every few bytes, and judging it takes long.
        known: set[bytes] = set()
        for match in self._pattern.finditer(raw):
            start, end = match.span()
            if passed := raw.count(b"\n", counted_to, start):
                line += passed
                known.clear()
            counted_to = start
            text = raw[start:end]
            if text in known or (text[:1] == b"@" and b"@" in known):
                continue
            found = _classify(raw, start, end, around)
            if found is not None:
                self._add(*found, line)
                known.add(b"@" if found[0] == EMAIL else text)
            elif text.startswith(_KIND_STARTS) and not _is_escaped(raw, start):
                known.add(text)

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
        # A row whose calls are read as calls has such a mark, too; only the others are counted as text.
        read_as_calls = collector.count("calls-from-text")
        for kind, count in self._counts.items():
            lines = self._lines[kind]
            if kind == _CALL_KIND and read_as_calls:
                count, lines = count - read_as_calls, []
            if count > 0:
                problem = Problem(_RULES.get(kind, "personal-data"), kind, self._values[kind])
                collector.add(problem, count=count, lines=lines)


def _is_escaped(raw: bytes, at: int) -> bool:
    """Return whether a backslash is itself written as JSON escapes it, and begins nothing."""
    before = raw[max(0, at - 64) : at]
    return raw.startswith(b"\\", at) and (len(before) - len(before.rstrip(b"\\"))) % 2 == 1


def _kind_of_mark(mark: bytes) -> str:
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(mark)), "")


class _LineAround:
    """Knows the line around a mark; it reads each line once, because a line can have a mark every few bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._end = -1
        self._shows_picture = self._is_two_dialogues = False

    def shows_picture(self, at: int) -> bool:
        self._look(at)
        return self._shows_picture

    def is_two_dialogues(self, at: int) -> bool:
        self._look(at)
        return self._is_two_dialogues

    def _look(self, at: int) -> None:
        """Look through the line at a place; places come in their order."""
        if at < self._end:
            return
        raw = self._raw
        begin, end = raw.rfind(b"\n", 0, at) + 1, raw.find(b"\n", at)
        self._end = end if end >= 0 else len(raw)
        self._shows_picture = _SHOWN_PICTURE.search(raw, begin, self._end) is not None
        self._is_two_dialogues = _TWO_DIALOGUES.match(raw, begin, self._end) is not None


def _unescaped(mark: bytes) -> str:
    """Return a mark as a person reads it; control characters stay as JSON writes them."""
    text = mark.decode().strip().replace("\\n", "").strip()
    for escape, character in (("3c", "<"), ("3e", ">"), ("26", "&")):
        text = text.replace(f"\\u00{escape}", character).replace(f"\\u00{escape.upper()}", character)
    return text


def _classify(raw: bytes, start: int, end: int, around: _LineAround) -> tuple[str, str] | None:
    """Return the kind of a match and what of it may be shown, or None for something harmless."""
    if _is_escaped(raw, start):
        return None
    if raw.startswith(_KIND_STARTS, start) and (kind := _kind_of_mark(raw[start:end])):
        if kind == _PICTURE_KIND and around.shows_picture(start):
            return None
        if kind == _TEMPLATE_KIND and around.is_two_dialogues(start):
            return None
        return kind, _unescaped(raw[start:end])
    if raw.startswith(_GARBLED_STARTS, start):
        shown = raw[max(0, start - 12) : end + 8].decode("utf-8", "ignore")
        return _GARBLED_KIND, shown.replace("\n", " ")
    value = private_value(raw, start, end)
    if value is None:
        return None
    if value.kind == EMAIL:
        return value.kind, f"{raw[value.start : value.start + 1].decode()}…{raw[start:end].decode()}"
    return value.kind, f"{raw[value.start : value.start + 4].decode()}…"
