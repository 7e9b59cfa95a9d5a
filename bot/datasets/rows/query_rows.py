"""Writes rows of a query, the tools for it and the calls that answer it as OpenAI writes them.

Source: the data set xlam-function-calling-60k, whose `tools` and `answers` are JSON inside of a text, and whose
parameters have the names of Python's types.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from bot.datasets.rows.json_values import says_nothing

KEYS = frozenset({"query", "tools", "answers"})
_decode = msgspec.json.Decoder().decode
_TYPES = {
    "int": "integer",
    "integer": "integer",
    "float": "number",
    "number": "number",
    "bool": "boolean",
    "boolean": "boolean",
    "list": "array",
    "array": "array",
    "set": "array",
    "tuple": "array",
    "dict": "object",
    "object": "object",
}
_CLASSES = {
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "array": list,
    "object": dict,
}
# What these keys of a schema hold. A value of another type gets a key that no schema has, so that it is reported
# as left out: Google may refuse the file because of it.
_OF_SCHEMAS: dict[str, type] = {"items": dict, "properties": dict, "required": list, "enum": list, "anyOf": list}
_ANOTHER_TYPE = " of another type"
# What a schema of an object holds in every case.
_OF_OBJECTS = frozenset({"type", "properties", "required"})
# `List[int]`, `str, optional`
_TYPE = re.compile(r"\s*(\w+)(?:\[([^\[\]]*)\])?")


def messages_of_query(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the row's question and calls as `messages`, and its `tools`; None for a row of another form."""
    if not row.keys() >= KEYS:
        return None
    tools, answers = _listed(row["tools"]), _listed(row["answers"])
    if tools is None or answers is None or not isinstance(row["query"], str):
        return None
    calls = [
        {"id": f"call {n}", "function": {"name": call.get("name"), "arguments": call.get("arguments")}}
        for n, call in enumerate(answers)
    ]
    asked = {"role": "user", "content": row["query"]}
    made = {key: value for key, value in row.items() if key not in KEYS}
    # Without a call, the answer is there and is empty.
    made["messages"] = [asked, {"role": "assistant", "content": None if calls else "", "tool_calls": calls}]
    made["tools"] = [{"type": "function", "function": _tool(tool)} for tool in tools]
    return made


def _listed(value: Any) -> list[dict[str, Any]] | None:
    """Return a list of objects, which may stand inside of a text, or None."""
    if isinstance(value, str):
        try:
            value = _decode(value)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return None
    # One call or tool may stand without a list around it.
    value = [value] if isinstance(value, dict) else value
    whole = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    return value if whole else None


def _tool(tool: dict[str, Any]) -> Any:
    inner = tool.get("function")
    tool = inner if isinstance(inner, dict) else tool
    given = tool.get("parameters")
    if not isinstance(given, dict) or isinstance(given.get("properties"), dict):
        return tool
    # Without `properties`, each key is a parameter. What is none stays, so that it is reported as left out.
    schema = {name: held for name, held in given.items() if not isinstance(held, dict) and name not in _OF_OBJECTS}
    properties = {name: _parameter(held) for name, held in given.items() if isinstance(held, dict)}
    schema |= {"type": "object", "properties": properties}
    if required := [name for name in properties if not _may_be_left_out(given[name])]:
        schema["required"] = required
    return {**tool, "parameters": schema}


def _parameter(held: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter as a JSON schema, with all that is said of it."""
    found = _TYPE.match(str(held.get("type") or "str"))
    kind, inner = (found.group(1), found.group(2)) if found is not None else ("str", None)
    made = {}
    for key, value in held.items():
        if key in ("type", "default") or (key == "required" and isinstance(value, bool)):
            continue
        made[key if isinstance(value, _OF_SCHEMAS.get(key, object)) else f"{key}{_ANOTHER_TYPE}"] = value
    made["type"] = _TYPES.get(kind.lower(), "string")
    if "items" in made:
        made["items"] = _parameter(made["items"])
    elif made["type"] == "array" and inner and "," not in inner:
        made["items"] = {"type": _TYPES.get(inner.strip().lower(), "string")}
    if "properties" in made:
        made["properties"] = {
            n: _parameter(each) for n, each in made["properties"].items() if isinstance(each, dict)
        }
    return made | _default(held, made["type"])


def _default(held: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the default of a parameter, which the data set mostly writes as a text."""
    value = held.get("default")
    if says_nothing(value):
        return {}
    if kind != "string" and isinstance(value, str):
        with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            value = _decode(value.lower() if kind == "boolean" else value)
    fits = isinstance(value, _CLASSES[kind]) and isinstance(value, bool) is (kind == "boolean")
    return {"default" if fits else f"default{_ANOTHER_TYPE}": value}


def _may_be_left_out(held: dict[str, Any]) -> bool:
    if isinstance(held.get("required"), bool):
        return not held["required"]
    return "default" in held or "optional" in str(held.get("type")).lower()
