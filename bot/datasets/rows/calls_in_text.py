"""Reads calls of tools that stand as text inside of answers, as models of Nous (Hermes) and Qwen write them.

`<tool_call>{"name": ..., "arguments": {...}}</tool_call>` in an answer is a call, what stands between
`<tool_response>` and `</tool_response>` in the next turn is its result, and `<tools>...</tools>` in a system text
declares what may be called. A row is read so as a whole or not at all: where one call cannot be read, or a result
is missing, its texts stay as they are.
Sources: the data set hermes-function-calling-v1, whose calls are written with Python's quotes; the chat template
of Qwen 2.5 and 3.
"""

import ast
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.rows.json_values import says_nothing
from bot.datasets.rows.tool_parts import FUNCTION_NAME

# In each line of JSON that holds such a call, also where `<` is written as an escape.
CALL_MARK = b"tool_call"
_CALL = re.compile(r"<tool_call>([^<]*+(?:<(?!/?tool_call>)[^<]*+)*+)</tool_call>")
_RESULT = re.compile(r"<tool_response>([^<]*+(?:<(?!/?tool_response>)[^<]*+)*+)</tool_response>")
_TOOLS = re.compile(r"<tools>([^<]*+(?:<(?!/?tools>)[^<]*+)*+)</tools>")
_CALL_BEGIN = "<tool_call>"
_RESULT_ROLES = ("tool", "tool_response", "observation", "function")
# Python's parser takes a thousand times the size of what it reads.
_LONGEST_PYTHON = 64 * 1024
_decode = msgspec.json.Decoder().decode


def with_calls(
    row: Mapping[str, Any], key: str, roles: Mapping[str, str], problems: Problems
) -> Mapping[str, Any] | None:
    """Return a row of turns under `key` with its calls as OpenAI writes them; None where it has none to read."""
    turns = row.get(key)
    if not isinstance(turns, list) or not any(_CALL_BEGIN in _text(turn) for turn in turns):
        return None
    if (made := _turns(turns, roles)) is None:
        return None
    problems.add(Problem("calls-from-text"))
    changed = {**row, key: made}
    told = [_text(turn) for turn in turns if _role(turn, roles) == "system"]
    told += [text for name in ("system", "system_prompt") if isinstance(text := row.get(name), str)]
    if says_nothing(row.get("tools")) and (tools := _declared(told)):
        changed["tools"] = tools
    return changed


def _text(turn: Any) -> str:
    text = turn.get("content", turn.get("value")) if isinstance(turn, dict) else None
    return text if isinstance(text, str) else ""


def _role(turn: Any, roles: Mapping[str, str]) -> str:
    role = turn.get("role", turn.get("from")) if isinstance(turn, dict) else None
    if not isinstance(role, str):
        return ""
    return "tool" if role in _RESULT_ROLES else roles.get(role, "")


def _turns(turns: list[Any], roles: Mapping[str, str]) -> list[Any] | None:
    made: list[Any] = []
    waiting: list[str] = []  # the ids of calls that have no result yet
    called = False
    for i, turn in enumerate(turns):
        role, text = _role(turn, roles), _text(turn)
        if role == "model" and _CALL_BEGIN in text:
            calls = _calls(text, i)
            if calls is None or waiting:
                return None
            waiting, called = [call["id"] for call in calls], True
            rest = {
                name: value for name, value in turn.items() if name not in ("from", "role", "value", "content")
            }
            said = _CALL.sub("", text).strip() or None
            made.append({**rest, "role": "assistant", "content": said, "tool_calls": calls})
        elif waiting:
            results = _results(role, text)
            if results is None or len(results) != len(waiting):
                return None
            made += [
                {"role": "tool", "tool_call_id": call, "content": result}
                for call, result in zip(waiting, results, strict=True)
            ]
            waiting = []
        else:
            made.append(turn)
    return made if called else None


def _results(role: str, text: str) -> list[str] | None:
    """Return the results in a turn, or None where it holds anything else."""
    if role not in ("tool", "user"):
        return None
    results = [found.strip() for found in _RESULT.findall(text)]
    if results and not _RESULT.sub("", text).strip():
        return results
    return [text] if role == "tool" and text.strip() and "<tool_response>" not in text else None


def _calls(text: str, turn: int) -> list[dict[str, Any]] | None:
    found = _CALL.findall(text)
    if len(found) != text.count(_CALL_BEGIN):
        return None
    made: list[dict[str, Any]] = []
    for said in map(_value, map(str.strip, found)):
        for call in said if isinstance(said, list) else [said]:
            name = call.get("name") if isinstance(call, dict) else None
            if not isinstance(name, str) or not FUNCTION_NAME.fullmatch(name):
                return None
            arguments = call.get("arguments", call.get("parameters"))
            if not isinstance(arguments, dict | str):
                return None
            made.append({"id": f"call {turn}.{len(made)}", "function": {"name": name, "arguments": arguments}})
    return made or None


def _value(text: str) -> Any:
    """Return what a text says in JSON or in Python, or None where it says nothing so."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        pass
    if len(text) > _LONGEST_PYTHON or not text.startswith(("{", "[")):
        return None
    try:
        return _decode(msgspec.json.encode(ast.literal_eval(text)))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, msgspec.MsgspecError):
        return None


def _declared(texts: list[str]) -> list[Any]:
    """Return the tools that the system texts declare: a list, or one on each line."""
    for text in texts:
        for found in _TOOLS.findall(text):
            listed = _list(found.strip())
            if listed and all(isinstance(tool, dict) for tool in listed):
                return [tool if "function" in tool else {"function": tool} for tool in listed]
    return []


def _list(text: str) -> list[Any]:
    try:
        value = _decode(text)
        return value if isinstance(value, list) else [value]
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        pass
    try:
        return [_decode(line) for line in text.splitlines() if line.strip()]
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return []
