"""Writes rows of a query, the tools for it and the calls that answer it as OpenAI writes them.

Source: the data set xlam-function-calling-60k, whose `tools` and `answers` are JSON inside of a text, and whose
parameters have the names of Python's types.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

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
    made["messages"] = [asked, {"role": "assistant", "content": None, "tool_calls": calls}]
    made["tools"] = [{"type": "function", "function": _tool(tool)} for tool in tools]
    return made


def _listed(value: Any) -> list[dict[str, Any]] | None:
    """Return a list of objects, which may stand inside of a text, or None."""
    if isinstance(value, str):
        try:
            value = _decode(value)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return None
    whole = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    return value if whole else None


def _tool(tool: dict[str, Any]) -> Any:
    inner = tool.get("function")
    tool = inner if isinstance(inner, dict) else tool
    given = tool.get("parameters")
    if not isinstance(given, dict) or isinstance(given.get("properties"), dict):
        return tool
    # Without `properties`, each key is a parameter.
    properties = {name: _parameter(held) for name, held in given.items() if isinstance(held, dict)}
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required := [name for name in properties if not _may_be_left_out(given[name])]:
        schema["required"] = required
    return {**tool, "parameters": schema}


def _parameter(held: dict[str, Any]) -> dict[str, Any]:
    found = _TYPE.match(str(held.get("type") or "str"))
    kind, inner = (found.group(1), found.group(2)) if found is not None else ("str", None)
    made = {key: value for key, value in held.items() if key in ("description", "enum")}
    made["type"] = _TYPES.get(kind.lower(), "string")
    if made["type"] == "array" and inner and "," not in inner:
        made["items"] = {"type": _TYPES.get(inner.strip().lower(), "string")}
    return made


def _may_be_left_out(held: dict[str, Any]) -> bool:
    return "default" in held or "optional" in str(held.get("type")).lower()
