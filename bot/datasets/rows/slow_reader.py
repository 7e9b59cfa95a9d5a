"""Reads one row and reports everything that is wrong with it: the slow, exact reference.

`fast_reader.py` reads correct rows, so few come here. Both readers give the same result where both can read a row.
This module does not know the limits of a target.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.findings.findings import shorten
from bot.datasets.formats.encodings import not_utf8
from bot.datasets.formats.re2 import compile_linear
from bot.datasets.rows.almost_json import is_json, why_not_json, with_plain_spaces
from bot.datasets.rows.answers_beside import RESPONSE_KEYS, with_answer
from bot.datasets.rows.chat_rows import read_contents, read_conversations, read_messages, read_sides
from bot.datasets.rows.chat_turns import ChatTurn, order_turns
from bot.datasets.rows.column_mapping import input_keys, value_at
from bot.datasets.rows.examples import BLANK_LINE, PAIRS, Example
from bot.datasets.rows.json_values import NotANumber, describe, kind_of, says_nothing, text_of
from bot.datasets.rows.other_exports import export_of
from bot.datasets.rows.other_forms import KnownForm, in_known_form, of_langchain
from bot.datasets.rows.other_tools import as_openai_tools
from bot.datasets.rows.preference_rows import read_chosen, read_preference
from bot.datasets.rows.side_keys import CALL_KEYS, MEANING_NAMES, read_side_keys
from bot.datasets.rows.tool_rows import holds_tools_or_files, read_tool_row
from bot.datasets.rows.turn_names import (
    CONVERSATION_KEYS,
    SHAREGPT_ROLES,
    conversation_key,
    holds_turns,
    turns_key,
)
from bot.domain.datasets import Dialect, FieldMapping

# The nesting at which protobuf's JSON parser stops: `max_recursion_depth` of google.protobuf.json_format.
DEEPEST = 100
# Brackets of one row, each of which takes thirty times its size once it is read. That many are over the token
# limit of any model even where they stand in a text.
MOST_BRACKETS = 300_000
KEYS: dict[Dialect, frozenset[str]] = {
    Dialect.GEMINI: frozenset(PAIRS[Dialect.GEMINI]),
    Dialect.PALM: frozenset(PAIRS[Dialect.PALM]),
    Dialect.PROMPT: frozenset(PAIRS[Dialect.PROMPT]),
    Dialect.MESSAGES: frozenset({"messages"}),
    Dialect.OPENAI: frozenset({"messages"}),
    Dialect.VERTEX: frozenset({"contents", "systemInstruction"}),
    Dialect.PREFERENCE: frozenset({"contents", "completions", "systemInstruction"}),
    Dialect.SHAREGPT: frozenset(CONVERSATION_KEYS),
    Dialect.ALPACA: frozenset({"instruction", "output"}),
    Dialect.TRL: frozenset({"chosen", "rejected", "preferred_output"}),
}
# Keys that hold the whole row: batch requests of Google (`request`), OpenAI (`body`) and Anthropic (`params`),
# the rows of Hugging Face's data viewer (`row`), and exports (`data`, `example`).
WRAPPER_KEYS = ("request", "body", "row", "data", "example", "params")
_QUESTIONS = frozenset(question for question, _ in PAIRS.values())
# Keys that hold the arguments of a call in a log: rows only where the answer stands beside them.
LOG_KEYS = ("inputs", "kwargs")

# Keys whose list a table can only hold as a text.
_TURN_KEYS = {"messages", "contents", *CONVERSATION_KEYS}
# In Python 3.11 an attribute of an enum's class costs a call, and a bad row would need thirty of them.
_VERTEX, _OPENAI, _MESSAGES, _MAPPED = Dialect.VERTEX, Dialect.OPENAI, Dialect.MESSAGES, Dialect.MAPPED
_PREFERENCE, _TRL, _SHAREGPT = Dialect.PREFERENCE, Dialect.TRL, Dialect.SHAREGPT
_ALPACA, _CLAUDE, _PROMPT = Dialect.ALPACA, Dialect.CLAUDE, Dialect.PROMPT

_DIGITS = re.compile(r"\d+")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
# What makes Python read a line that msgspec refuses.
_PYTHON_JSON = compile_linear(rb"NaN|Infinity|\\u[dD][89a-fA-F]|[0-9]{19}")
BOM = b"\xef\xbb\xbf"
ODD_SPACES = Problem("odd-spaces")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(enc_hook=lambda _: None).encode


class ParsedRow(msgspec.Struct):
    """One row as it was read. `dialect` is None where it is unknown, `row` is None where it is no object.

    `line` is the row as JSON where the file's own bytes are none, and empty where they are.
    """

    dialect: Dialect | None = None
    example: Example | None = None
    problems: Problems = msgspec.field(default_factory=Problems)
    row: Mapping[str, Any] | None = None
    line: bytes = b""
    number: str = ""  # the first NaN or Infinity of the row
    repairable: bool = False  # whether a line that is no JSON is of a kind that can be repaired


def parse_row(
    raw: bytes, expected: Dialect | None = None, mapping: FieldMapping | None = None, *, tools: bool = False
) -> ParsedRow:
    """Read a line. `expected` is the file's dialect, which decides where the row could be of several.

    With `tools`, rows that call tools or show files are examples, too.
    """
    parsed = ParsedRow()
    value = _parse(raw, parsed)
    if parsed.problems.refused:
        return parsed
    value = _conversation(_decoded(value, parsed))
    if not isinstance(value, dict):
        parsed.problems.add(Problem("not-an-object", detail=kind_of(value), value=describe(value)))
        return parsed
    if is_too_deep(raw, value):
        parsed.problems.add(Problem("nested-too-deep", limit=DEEPEST))
        return parsed
    row, known = find_row(value, parsed, expected, mapping)
    parsed.row = row
    _read_as(parsed.dialect, row, parsed, mapping, tools=tools)
    if known is not None:
        parsed.problems.rename(known.place_of)
        for problem in known.problems:
            parsed.problems.add(problem)
    _find_nul(parsed)
    if parsed.number and not parsed.problems.refused:
        parsed.problems.add(Problem("number-left-out", value=parsed.number))
    return parsed


def find_row(
    value: Mapping[str, Any], parsed: ParsedRow, expected: Dialect | None, mapping: FieldMapping | None
) -> tuple[Mapping[str, Any], KnownForm | None]:
    """Return the row of an object, which may be a wrapper around it, and what `form_of` knows of it.

    The row's dialect, and what was found on the way, are written to `parsed`.
    """
    row = value
    parsed.dialect, known = form_of(row, expected, mapping)
    if parsed.dialect is None:
        row, wrapper = _inside(value, mapping)
        if wrapper:
            parsed.dialect, known = form_of(row, expected, mapping)
            row = row if known is None else known.row
            if (answered := with_answer(value, row, parsed.problems)) is not None:
                row = answered
                parsed.problems.add(Problem("answer-beside", wrapper))
            else:
                parsed.problems.add(Problem("row-in-wrapper", wrapper))
            row = _with_meaning_beside(row, value)
            if cut := value.get("truncated_cells"):
                parsed.problems.add(Problem("cut-cells", value=describe(cut)))
    elif known is not None:
        row = known.row
    elif mapping is None and "messages" in row and not row.keys().isdisjoint(RESPONSE_KEYS):
        answered = with_answer(row, row, parsed.problems)
        if answered is not None:
            row = answered
            parsed.problems.add(Problem("answer-beside", "messages"))
    return of_langchain(row), known


def _with_meaning_beside(row: Mapping[str, Any], wrapper: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with what stands beside it in its wrapper and changes what it means, such as a system text."""
    beside = {
        key: value
        for key, value in wrapper.items()
        # The answers beside it, such as `choices`, were looked at.
        if (key in CALL_KEYS or ((name := key.lower()) in MEANING_NAMES and name not in RESPONSE_KEYS))
        and key not in row
        and not says_nothing(value)
    }
    return {**row, **beside} if beside else row


def _read_as(
    dialect: Dialect | None,
    row: Mapping[str, Any],
    parsed: ParsedRow,
    mapping: FieldMapping | None,
    *,
    tools: bool,
) -> None:
    """Read the row as one of this dialect. Comparing with `is` takes a tenth of the time that `match` takes."""
    problems = parsed.problems
    if dialect is None or dialect is _CLAUDE:
        return
    if tools and (dialect is _OPENAI or dialect is _SHAREGPT):
        key = conversation_key(row) if dialect is _SHAREGPT else "messages"
        if (written := as_openai_tools(row, key, SHAREGPT_ROLES, problems)) is not None:
            parsed.example = read_tool_row(written, _OPENAI, problems, key)
            return
    if tools and (dialect is _OPENAI or dialect is _VERTEX) and holds_tools_or_files(row):
        parsed.example = read_tool_row(row, dialect, problems)
    elif dialect is _VERTEX:
        parsed.example = read_contents(row, problems)
    elif dialect is _OPENAI or dialect is _MESSAGES:
        parsed.example = read_messages(row, dialect, problems)
    elif dialect is _MAPPED:
        assert mapping is not None
        _read_pair(row, input_keys(mapping), mapping.output, parsed)
    elif dialect is _ALPACA:
        _read_pair(row, ("instruction", "input"), "output", parsed)
    elif dialect is _SHAREGPT:
        parsed.example = read_conversations(row, problems)
    elif dialect is _PREFERENCE:
        parsed.example = read_preference(row, problems)
    elif dialect is _TRL:
        parsed.example = read_chosen(row, problems)
    else:
        question, answer = PAIRS[dialect]
        _read_pair(row, (question,), answer, parsed)


def parse_object(raw: bytes) -> Any:
    """Return the JSON value of a line, or None where it is none."""
    return _parse(raw, ParsedRow(), explain=False)


def _decoded(value: Any, parsed: ParsedRow) -> Any:
    """Return a row, or its turns, that are written as JSON inside of a text, as what they say."""
    if isinstance(value, str):
        if isinstance(inner := _inner(value, "{"), dict):
            parsed.problems.add(Problem("json-in-text", "The row"))
            return inner
    elif isinstance(value, dict):
        for key in value.keys() & _TURN_KEYS:
            if isinstance(value[key], str) and isinstance(inner := _inner(value[key], "["), list):
                parsed.problems.add(Problem("json-in-text", key))
                value = {**value, key: inner}
    return value


def _inner(value: Any, begin: str) -> Any:
    if not isinstance(value, str) or not value.lstrip().startswith(begin):
        return None
    try:
        return _decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _conversation(value: Any) -> Any:
    """Return a bare list of turns as a row of ShareGPT, any other value as it is."""
    return {CONVERSATION_KEYS[0]: value} if isinstance(value, list) and holds_turns(value) else value


def unwrap(row: Mapping[str, Any], mapping: FieldMapping | None = None) -> tuple[Mapping[str, Any], str]:
    """Return the row inside of a wrapper and the wrapper's key; the row itself and "" where there is none."""
    is_row = not row.keys().isdisjoint(WRAPPER_KEYS) and form_of(row, None, mapping)[0] is not None
    return _inside(row, mapping, is_row=is_row)


def _inside(
    row: Mapping[str, Any], mapping: FieldMapping | None, *, is_row: bool = False
) -> tuple[Mapping[str, Any], str]:
    """Return what `unwrap` does; `is_row` says that the row is of a dialect itself."""
    if not is_row and not row.keys().isdisjoint(WRAPPER_KEYS) and not export_of(row):
        for key in WRAPPER_KEYS:
            inner = row.get(key)
            inner = _inner(inner, "{") if isinstance(inner, str) else inner
            if isinstance(inner, dict) and form_of(inner, None, mapping)[0] is not None:
                return inner, key
            deeper = inner.get("body") if key == "request" and isinstance(inner, dict) else None
            if isinstance(deeper, dict) and form_of(deeper, None, mapping)[0] is not None:
                return deeper, "request.body"
    if len(row) == 1 and mapping is None:
        [(key, inner)] = row.items()
        if isinstance(inner, dict) and form_of(inner)[0] is not None:
            return inner, _DIGITS.sub("…", key)  # often an id, which no other row has
    for key in LOG_KEYS if mapping is None else ():
        inner = row.get(key)
        if isinstance(inner, dict) and "messages" in inner and with_answer(row, inner) is not None:
            return inner, key
    return row, ""


def form_of(
    row: Mapping[str, Any], expected: Dialect | None = None, mapping: FieldMapping | None = None
) -> tuple[Dialect | None, KnownForm | None]:
    """Return the dialect of a row, and the row as that dialect writes it where the file writes it otherwise."""
    if mapping is None and (known := in_known_form(row)) is not None:
        return dialect_of(known.row, expected), known
    return dialect_of(row, expected, mapping), None


def dialect_of(
    row: Mapping[str, Any], expected: Dialect | None = None, mapping: FieldMapping | None = None
) -> Dialect | None:
    """Return the dialect of the row's keys; `expected` where they could be of several."""
    keys = row.keys()
    if mapping is not None and any(
        value_at(row, key) is not None or key in keys for key in (*input_keys(mapping), mapping.output)
    ):
        return _MAPPED
    if "messages" in keys:
        return _chat_dialect(row["messages"], expected)
    if not keys.isdisjoint(CONVERSATION_KEYS):
        return _TRL if "chosen" in keys and "rejected" in keys else _SHAREGPT
    if "contents" in keys:
        return _PREFERENCE if "completions" in keys else _VERTEX
    if ("chosen" in keys and "rejected" in keys) or "preferred_output" in keys:
        return _TRL
    for dialect, (question, answer) in PAIRS.items() if not keys.isdisjoint(_QUESTIONS) else ():
        if question in keys and (answer in keys or dialect is not _PROMPT):
            return dialect
    if "instruction" in keys and "output" in keys:
        return _ALPACA
    if expected is not None and (known := KEYS.get(expected)) and (not keys or not keys.isdisjoint(known)):
        return expected
    if turns_key(row):
        return _SHAREGPT
    if keys == {"prompt"} or keys == {"completion"}:
        return _PROMPT
    return _MAPPED if mapping is not None and not keys else None


def _chat_dialect(messages: object, expected: Dialect | None) -> Dialect:
    if isinstance(messages, list):
        roles = [message.get("role") for message in messages if isinstance(message, dict)]
        if "assistant" in roles:
            return _OPENAI
        if "model" in roles:
            return _MESSAGES
    return _MESSAGES if expected is _MESSAGES else _OPENAI


def _read_pair(row: Mapping[str, Any], questions: Sequence[str], answer: str, parsed: ParsedRow) -> None:
    problems = parsed.problems
    *asked, said = values = [value_at(row, key) for key in (*questions, answer)]
    for value in values if len(questions) == 1 else ():
        if isinstance(value, (list, dict)) and holds_turns(value):
            used = {questions[0], answer, *_unnamed(row, parsed)}
            system = read_side_keys(row, used, problems) + _beside_inner(row, (*questions, answer), parsed)
            parsed.example = read_sides(row, questions[0], answer, system, problems)
            return
    parts = [_text(asked[i], key, parsed, optional=i > 0) for i, key in enumerate(questions)]
    output = _text(said, answer, parsed)
    if (len(questions) == 1 or not any(part and part.strip() for part in parts)) and _is_blank(parts[0]):
        problems.add(Problem("empty-field", questions[0]))
    if _is_blank(output):
        problems.add(Problem("empty-field", answer))
    used = {*questions, answer}
    if parsed.dialect is _MAPPED:
        used |= _unnamed(row, parsed)
    beside = read_side_keys(row, used, problems) + _beside_inner(row, (*questions, answer), parsed)
    if not problems.refused and output is not None:
        texts = [part for part in parts if part and part.strip()] if len(parts) > 1 else [parts[0] or ""]
        question = BLANK_LINE.join(texts)
        turns = [*beside, ChatTurn("user", question, questions[0]), ChatTurn("model", output, answer)]
        if any(turn.role != "system" for turn in beside):
            joined, ordered = order_turns(turns, problems, lenient=True)
        else:
            joined, ordered = BLANK_LINE.join(t.text for t in beside if t.text.strip()), [question, output]
        if not problems.refused:
            parsed.example = Example(joined, tuple(ordered))


def _beside_inner(row: Mapping[str, Any], paths: Sequence[str], parsed: ParsedRow) -> list[ChatTurn]:
    """Report the keys beside values inside of objects, and return the system texts among them, each once."""
    system: list[ChatTurn] = []
    names = {path.rpartition(".")[2] for path in paths}
    for parent in dict.fromkeys(path.rpartition(".")[0] for path in paths if "." in path and path not in row):
        if isinstance(beside := value_at(row, parent), dict):
            system += read_side_keys(beside, {*names, *_unnamed(beside, parsed)}, parsed.problems)
    return system


def _is_blank(text: str | None) -> bool:
    return text is not None and not text.strip()


def _unnamed(row: Mapping[str, Any], parsed: ParsedRow) -> set[str]:
    """Return the keys that a person did not name and that may be left out in silence.

    Those that change what the row means are not among them.
    """
    return {key for key in row if key.lower() not in MEANING_NAMES} if parsed.dialect is _MAPPED else set()


def _text(value: Any, key: str, parsed: ParsedRow, *, optional: bool = False) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, NotANumber):
        parsed.problems.add(Problem("not-a-number", key, value.name))
    elif parsed.dialect is _MAPPED and isinstance(value, (int, float)):
        # Labels are often numbers, and a person named this key.
        parsed.problems.add(Problem("number-as-text", key, describe(value)))
        return str(value).lower() if isinstance(value, bool) else str(value)
    elif isinstance(value, dict) and (text := text_of(value)) is not None:
        return text
    elif value is not None:
        parsed.problems.add(Problem("wrong-type", key, describe(value), detail="text"))
    elif not optional:
        parsed.problems.add(Problem("missing-field", key))
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


def _parse(raw: bytes, parsed: ParsedRow, *, explain: bool = True) -> Any:
    """Return the value of a line, or None; `explain` it, if it is no JSON, which may take long."""
    problems = parsed.problems
    if len(raw) > MOST_BRACKETS and raw.count(b"[") + raw.count(b"{") > MOST_BRACKETS:
        problems.add(Problem("too-many-values", limit=MOST_BRACKETS))
        return None
    try:
        return _decode(raw)
    except RecursionError:
        problems.add(Problem("nested-too-deep", limit=DEEPEST))
        return None
    except UnicodeDecodeError:
        problems.add(not_utf8(raw))
        return None
    except msgspec.DecodeError as error:
        reason = str(error)
    if raw.startswith(BOM):
        # Files that were put together have a byte order mark where the second one began.
        problems.add(Problem("byte-order-mark-inside"))
        parsed.line = raw.lstrip(BOM).strip()
        return _parse(parsed.line, parsed, explain=explain)
    return _parse_almost(raw, reason, parsed, explain=explain)


def _parse_almost(raw: bytes, reason: str, parsed: ParsedRow, *, explain: bool) -> Any:
    """Return the value of a line that other programs call JSON, or add the reason why it is none."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        parsed.problems.add(not_utf8(raw))
        return None
    if not (b"NaN" in raw or _PYTHON_JSON.search(raw)) and "out of range" not in reason:
        return _not_json(raw, text, reason, parsed, explain=explain)
    try:
        value = _python_json.decode(text)
    except (ValueError, RecursionError):
        return _not_json(raw, text, reason, parsed, explain=explain)
    number = _not_a_number(value)
    if not number and "out of range" not in reason and (found := _SURROGATE.search(raw)):
        parsed.problems.add(Problem("lone-surrogate", value=found.group().decode()))
        return None
    if not number or not isinstance(value, dict):
        parsed.problems.add(Problem("number-out-of-range", value=number or "A number of the row"))
        return None
    try:
        parsed.line = _encode(value)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError, OverflowError, TypeError):
        parsed.problems.add(Problem("number-out-of-range", value=number))
        return None
    parsed.number = number
    return value


def _not_json(raw: bytes, text: str, reason: str, parsed: ParsedRow, *, explain: bool) -> Any:
    """Return the value of a line with odd spaces, or add the reason why it is no JSON."""
    if (spaced := with_plain_spaces(raw)) is not None and is_json(spaced):
        parsed.problems.add(ODD_SPACES)
        parsed.line = spaced
        return _decode(spaced)
    if not explain:
        return None
    detail, repairable = why_not_json(text, reason)
    parsed.repairable = repairable
    rule = "almost-json" if repairable else "not-json"
    parsed.problems.add(Problem(rule, value=shorten(text), detail=detail))
    return None


def _not_a_number(value: Any) -> str:
    """Return the name of the first NaN or Infinity in a value, or an empty text."""
    level = [value]
    while level:
        inner = level.pop()
        if isinstance(inner, NotANumber):
            return inner.name
        if isinstance(inner, dict):
            level += inner.values()
        elif isinstance(inner, list):
            level += inner
    return ""


def _short_int(digits: str) -> int | NotANumber:
    """Python refuses to read very long integers, and msgspec to write those of over 64 bits."""
    return int(digits) if len(digits) < 20 else NotANumber("a number of over 64 bits")


def _finite(digits: str) -> float | NotANumber:
    """Python reads what is too large for a float as infinity, which JSON has no word for."""
    number = float(digits)
    return number if math.isfinite(number) else NotANumber("a number that is too large")


def is_too_deep(raw: bytes, value: Any) -> bool:
    """Return whether the value of a row is nested deeper than Google's parser goes."""
    # A text can hold brackets behind escapes, so what was inside of one is looked through, too.
    if raw.count(b"{") + raw.count(b"[") <= DEEPEST:
        return False
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


_python_json = json.JSONDecoder(parse_constant=NotANumber, parse_int=_short_int, parse_float=_finite)
