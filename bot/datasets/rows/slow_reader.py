"""Reads one row and reports everything that is wrong with it: the slow, exact reference.

`fast_reader.py` reads correct rows, so few come here. Both readers give the same result where both can read a row.
This module does not know the limits of a target.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.findings.findings import shorten
from bot.datasets.rows.chat_rows import read_contents, read_messages, read_preference
from bot.datasets.rows.column_mapping import input_keys
from bot.datasets.rows.examples import BLANK_LINE, PAIRS, Example
from bot.datasets.rows.json_values import describe, kind_of
from bot.domain.datasets import Dialect, FieldMapping

# The nesting at which protobuf's JSON parser stops: `max_recursion_depth` of google.protobuf.json_format.
DEEPEST = 100
# Brackets of one row, each of which takes thirty times its size once it is read. That many are over the token
# limit of any model even where they stand in a text.
MOST_BRACKETS = 300_000
_SHOWN_KEYS = 5
KEYS: dict[Dialect, frozenset[str]] = {
    Dialect.GEMINI: frozenset(PAIRS[Dialect.GEMINI]),
    Dialect.PALM: frozenset(PAIRS[Dialect.PALM]),
    Dialect.PROMPT: frozenset(PAIRS[Dialect.PROMPT]),
    Dialect.MESSAGES: frozenset({"messages"}),
    Dialect.OPENAI: frozenset({"messages"}),
    Dialect.VERTEX: frozenset({"contents", "systemInstruction"}),
    Dialect.PREFERENCE: frozenset({"contents", "completions", "systemInstruction"}),
}

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class ParsedRow:
    """One row as it was read. `dialect` is None where it is unknown, `row` is None where it is no object."""

    dialect: Dialect | None = None
    example: Example | None = None
    problems: Problems = field(default_factory=Problems)
    row: Mapping[str, Any] | None = None


def parse_row(raw: bytes, expected: Dialect | None = None, mapping: FieldMapping | None = None) -> ParsedRow:
    """Read a line. `expected` is the file's dialect, which decides where the row could be of several."""
    parsed = ParsedRow()
    value = _parse(raw, parsed.problems)
    if parsed.problems:
        return parsed
    if not isinstance(value, dict):
        parsed.problems.add(Problem("not-an-object", detail=kind_of(value), value=describe(value)))
        return parsed
    if _too_deep(value):
        parsed.problems.add(Problem("nested-too-deep", limit=DEEPEST))
        return parsed
    parsed.row = value
    parsed.dialect = dialect_of(value, expected, mapping)
    match parsed.dialect:
        case None:
            pass
        case Dialect.GEMINI | Dialect.PALM | Dialect.PROMPT:
            _read_pair(value, (PAIRS[parsed.dialect][0],), PAIRS[parsed.dialect][1], parsed)
        case Dialect.MAPPED:
            assert mapping is not None
            _read_pair(value, input_keys(mapping), mapping.output, parsed)
        case Dialect.MESSAGES | Dialect.OPENAI:
            parsed.example = read_messages(value, parsed.dialect, parsed.problems)
        case Dialect.VERTEX:
            parsed.example = read_contents(value, parsed.problems)
        case Dialect.PREFERENCE:
            parsed.example = read_preference(value, parsed.problems)
    _find_nul(parsed)
    return parsed


def dialect_of(
    row: Mapping[str, Any], expected: Dialect | None = None, mapping: FieldMapping | None = None
) -> Dialect | None:
    """Return the dialect of the row's keys; `expected` where they could be of several."""
    keys = row.keys()
    if mapping is not None and (keys & {*input_keys(mapping), mapping.output}):
        return Dialect.MAPPED
    if "messages" in keys:
        return _chat_dialect(row["messages"], expected)
    if "contents" in keys:
        return Dialect.PREFERENCE if "completions" in keys else Dialect.VERTEX
    for dialect, (question, answer) in PAIRS.items():
        if question in keys and (answer in keys or dialect is not Dialect.PROMPT):
            return dialect
    if expected in KEYS and (not keys or keys & KEYS[expected]):
        return expected
    if keys == {"prompt"} or keys == {"completion"}:
        return Dialect.PROMPT
    return Dialect.MAPPED if mapping is not None and not keys else None


def _chat_dialect(messages: object, expected: Dialect | None) -> Dialect:
    rows = messages if isinstance(messages, list) else []
    roles = [message.get("role") for message in rows if isinstance(message, dict)]
    if "assistant" in roles:
        return Dialect.OPENAI
    if "model" in roles:
        return Dialect.MESSAGES
    return expected if expected in (Dialect.MESSAGES, Dialect.OPENAI) else Dialect.OPENAI


def _read_pair(row: Mapping[str, Any], questions: Sequence[str], answer: str, parsed: ParsedRow) -> None:
    parts = [_text(row, key, parsed.problems, optional=i > 0) for i, key in enumerate(questions)]
    output = _text(row, answer, parsed.problems)
    if len(questions) == 1 or not any(parts):
        required = [(questions[0], parts[0]), (answer, output)]
    else:
        required = [(answer, output)]
    for key, text in required:
        if text is not None and not text.strip():
            parsed.problems.add(Problem("empty-field", key))
    if parsed.dialect is not Dialect.MAPPED and (others := [k for k in row if k not in (*questions, answer)]):
        parsed.problems.add(Problem("keys-left-out", ", ".join(others[:_SHOWN_KEYS])))
    if not parsed.problems.refused and output is not None:
        texts = [part for part in parts if part and part.strip()] if len(parts) > 1 else [parts[0] or ""]
        parsed.example = Example("", (BLANK_LINE.join(texts), output))


def _text(row: Mapping[str, Any], key: str, problems: Problems, *, optional: bool = False) -> str | None:
    value = row.get(key)
    if isinstance(value, str):
        return value
    if value is not None:
        problems.add(Problem("wrong-type", key, describe(value), detail="text"))
    elif not optional:
        problems.add(Problem("missing-field", key))
    return None


def _find_nul(parsed: ParsedRow) -> None:
    example = parsed.example
    if example is None:
        return
    for text in (example.system, *example.texts, example.rejected):
        if "\0" in text:
            parsed.problems.add(Problem("nul-character", value=describe(text)))
            parsed.example = None
            return


def _parse(raw: bytes, problems: Problems) -> Any:
    if len(raw) > MOST_BRACKETS and raw.count(b"[") + raw.count(b"{") > MOST_BRACKETS:
        problems.add(Problem("too-many-values", limit=MOST_BRACKETS))
        return None
    try:
        return _decode(raw)
    except RecursionError:
        problems.add(Problem("nested-too-deep", limit=DEEPEST))
    except UnicodeDecodeError:
        problems.add(Problem("not-utf8", value=shorten(raw.decode("utf-8", "backslashreplace"))))
    except msgspec.DecodeError as error:
        problems.add(_why_not_json(raw, str(error)))
    return None


def _why_not_json(raw: bytes, reason: str) -> Problem:
    """Return msgspec's reason, or a better one for what Python calls JSON: lone surrogates, NaN, huge numbers."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Problem("not-utf8", value=shorten(raw.decode("utf-8", "backslashreplace")))
    strange: list[str] = []
    try:
        json.loads(text, parse_constant=strange.append, parse_int=_short_int)
    except (ValueError, RecursionError):
        detail = reason.removeprefix("JSON is malformed: ").rstrip(".")
        return Problem("not-json", value=shorten(text), detail=detail[:1].lower() + detail[1:])
    if strange:
        return Problem("number-out-of-range", value=strange[0])
    if (found := _SURROGATE.search(raw)) and "out of range" not in reason:
        return Problem("lone-surrogate", value=found.group().decode())
    return Problem("number-out-of-range", value="A number of the row")


def _short_int(digits: str) -> int:
    """Return any number: its value does not matter, and Python refuses to read very long ones."""
    return len(digits)


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True
