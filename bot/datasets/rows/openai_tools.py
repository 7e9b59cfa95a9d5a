"""Converts the tool calls, tool messages and pictures of OpenAI and Anthropic to the parts that Vertex AI takes.

Sources: https://platform.openai.com/docs/guides/fine-tuning, "function calling" and "vision";
https://docs.anthropic.com/en/docs/build-with-claude/tool-use, blocks `tool_use` and `tool_result`.
"""

import mimetypes
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.rows.chat_turns import ChatTurn
from bot.datasets.rows.json_values import describe, says_nothing, text_of
from bot.datasets.rows.side_keys import WEIGHT_KEYS, report_key
from bot.datasets.rows.tool_parts import FUNCTION_CALL, FUNCTION_NAME, FUNCTION_RESPONSE, add_wrong, file_part

_decode = msgspec.json.Decoder().decode
_ROLES = {"user": "user", "assistant": "model", "tool": "user", "function": "user"}
# The fields of a schema that Vertex AI knows. Source: `Schema` in google/cloud/aiplatform/v1/openapi.proto.
_SCHEMA = frozenset(
    {
        "type",
        "format",
        "title",
        "description",
        "nullable",
        "default",
        "items",
        "minItems",
        "maxItems",
        "enum",
        "properties",
        "propertyOrdering",
        "required",
        "minProperties",
        "maxProperties",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "example",
        "anyOf",
    }
)
_MESSAGE_KEYS = frozenset({"role", "content", "tool_calls", "function_call", "tool_call_id"})
_DEEPEST_SCHEMA = 30
Part = dict[str, Any]


def read_openai_contents(
    value: Any, problems: Problems, key: str = "messages"
) -> tuple[list[ChatTurn], list[dict[str, Any]], list[str]]:
    """Return the system texts, the contents and their places; turns of one role in a row become one."""
    system: list[ChatTurn] = []
    contents: list[dict[str, Any]] = []
    places: list[str] = []
    names: dict[str, str] = {}
    if not isinstance(value, list) or not value:
        add_wrong(key, value, "a list", problems)
        return system, contents, places
    before, last = "", 0
    called: list[str] = []  # what the last of the contents calls
    for i, message in enumerate(value):
        place = f"{key}[{i}]"
        if problems.enough:
            break
        if not isinstance(message, dict):
            add_wrong(place, message, "an object", problems)
            continue
        role = message.get("role")
        _report_keys(message, key, problems)
        if role in ("system", "developer"):
            text = text_of(message.get("content"))
            if text is None:
                add_wrong(f"{place}.content", message.get("content"), "text", problems)
            else:
                system.append(ChatTurn("system", text, place))
            continue
        if not isinstance(role, str) or role not in _ROLES:
            problems.add(
                Problem("wrong-role", f"{place}.role", describe(role), detail="system, user, assistant or tool")
            )
            continue
        if role in ("tool", "function"):
            parts = _answer(message, names, place, problems)
        else:
            parts = _content(message.get("content"), names, place, problems)
            parts += _calls(message, names, place, problems)
        calls = [part[FUNCTION_CALL]["name"] for part in parts if FUNCTION_CALL in part]
        # The answers of several calls are one turn; a person's words after them are not.
        if contents and before == role:
            if called:
                problems.add(Problem("tool-answers", f"{key}[{last}]", ", ".join(called), detail="nothing"))
            elif role not in ("tool", "function"):
                problems.add(Problem("turns-merged", value=_ROLES[role]))
            contents[-1]["parts"] += parts
            called += calls
        else:
            contents.append({"role": _ROLES[role], "parts": parts})
            places.append(place)
            called = calls
        before, last = role, i
    return system, contents, places


def _report_keys(message: Mapping[str, Any], key: str, problems: Problems) -> None:
    """Report what stands beside a message's text and calls, and is no part of the example."""
    for name, value in message.items():
        if name in _MESSAGE_KEYS or says_nothing(value):
            continue
        if name in WEIGHT_KEYS and message.get("role") != "assistant":
            continue  # Google learns the model's turns only.
        if name == "name" and message.get("role") in ("tool", "function"):
            continue
        if not report_key(name, value, problems):
            problems.add(Problem("keys-left-out", f"{key}.{name}"))


def read_openai_tools(row: Mapping[str, Any], problems: Problems) -> list[dict[str, Any]]:
    """Return `tools` or the older `functions` as Vertex AI's declarations."""
    listed = row.get("tools")
    functions = [_declared(tool) for tool in listed] if isinstance(listed, list) else []
    if not isinstance(listed, list) and not says_nothing(listed):
        add_wrong("tools", listed, "a list", problems)
    older = row.get("functions")
    if not isinstance(older, list) and not says_nothing(older):
        add_wrong("functions", older, "a list", problems)
    functions += older if isinstance(older, list) else []
    declared: list[dict[str, Any]] = []
    for i, function in enumerate(functions):
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str) or not FUNCTION_NAME.fullmatch(name):
            add_wrong(f"tools[{i}].function.name", name, "a name of letters, digits and _", problems)
            continue
        made: dict[str, Any] = {"name": name}
        if isinstance(description := function.get("description"), str) and description:
            made["description"] = description
        if not says_nothing(parameters := function.get("parameters")) and isinstance(parameters, dict):
            schema = _schema(parameters, problems, _DEEPEST_SCHEMA)
            # Google refuses an object without properties.
            if schema.get("properties"):
                made["parameters"] = schema
        declared.append(made)
    return [{"functionDeclarations": declared}] if declared else []


def _declared(tool: Any) -> Any:
    """Return a tool's declaration in OpenAI's form; Anthropic writes it without a wrapper."""
    if not isinstance(tool, dict):
        return tool
    if "input_schema" in tool and "function" not in tool:
        return {**tool, "parameters": tool["input_schema"]}
    return tool.get("function")


def _schema(value: Mapping[str, Any], problems: Problems, depth: int) -> dict[str, Any]:
    """Return a JSON schema with the fields and the names of types that Vertex AI knows."""
    made: dict[str, Any] = {}
    for key, inner in value.items():
        if key not in _SCHEMA:
            if key not in ("additionalProperties", "$schema", "strict"):
                problems.add(Problem("schema-left-out", f"tools.{key}"))
        elif not depth:
            problems.add(Problem("schema-left-out", f"tools.{key}"))
        elif key == "type" and isinstance(inner, list):
            kinds = [kind for kind in inner if kind != "null" and isinstance(kind, str)]
            made |= {"type": kinds[0].upper()} if kinds else {}
            made |= {"nullable": True} if "null" in inner else {}
        elif key == "type" and isinstance(inner, str):
            made["type"] = inner.upper()
        elif key == "properties" and isinstance(inner, dict):
            made[key] = {n: _schema(s, problems, depth - 1) for n, s in inner.items() if isinstance(s, dict)}
        elif key == "items" and isinstance(inner, dict):
            made[key] = _schema(inner, problems, depth - 1)
        elif key == "anyOf" and isinstance(inner, list):
            made[key] = [_schema(each, problems, depth - 1) for each in inner if isinstance(each, dict)]
        else:
            made[key] = inner
    return made


def _calls(message: Mapping[str, Any], names: dict[str, str], place: str, problems: Problems) -> list[Part]:
    calls, older = _unpacked(message.get("tool_calls")), _unpacked(message.get("function_call"))
    listed: list[tuple[Any, str]] = []
    if isinstance(calls, list):
        listed = [(call, f"{place}.tool_calls[{i}]") for i, call in enumerate(calls)]
    elif not says_nothing(calls):
        add_wrong(f"{place}.tool_calls", calls, "a list", problems)
    if isinstance(older, dict):
        listed.append(({"function": older}, f"{place}.function_call"))
    elif not says_nothing(older):
        add_wrong(f"{place}.function_call", older, "an object", problems)
    parts: list[Part] = []
    for call, where in listed:
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str) or not FUNCTION_NAME.fullmatch(name):
            add_wrong(f"{where}.function.name", name, "a name of letters, digits and _", problems)
            continue
        args = _object(function.get("arguments"))
        if args is None:
            problems.add(
                Problem("tool-arguments", f"{where}.function.arguments", describe(function.get("arguments")))
            )
            continue
        if isinstance(call_id := call.get("id"), str):
            names[call_id] = name
        parts.append({FUNCTION_CALL: {"name": name, "args": args}})
    return parts


def _unpacked(value: Any) -> Any:
    """Return what a text of JSON says, as a table has a list or an object; any other value as it is."""
    if isinstance(value, str):
        with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return _decode(value)
    return value


def _answer(message: Mapping[str, Any], names: Mapping[str, str], place: str, problems: Problems) -> list[Part]:
    name = names.get(str(message.get("tool_call_id"))) or message.get("name")
    if not isinstance(name, str) or not FUNCTION_NAME.fullmatch(name):
        problems.add(Problem("tool-unknown", f"{place}.tool_call_id", describe(message.get("tool_call_id"))))
        return []
    text = text_of(message.get("content"))
    if text is None:
        add_wrong(f"{place}.content", message.get("content"), "text", problems)
        return []
    response = _object(text) if text.lstrip().startswith("{") else None
    return [{FUNCTION_RESPONSE: {"name": name, "response": {"content": text} if response is None else response}}]


def _content(value: Any, names: dict[str, str], place: str, problems: Problems) -> list[Part]:
    if says_nothing(value):
        return []
    if (text := text_of(value)) is not None and not isinstance(value, list):
        return [{"text": text}]
    if not isinstance(value, list):
        add_wrong(f"{place}.content", value, "text or a list of parts", problems)
        return []
    parts: list[Part] = []
    for i, part in enumerate(value):
        where = f"{place}.content[{i}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if (text := text_of(part)) is not None:
            parts.append({"text": text})
        elif isinstance(part, dict) and kind in ("image_url", "input_image"):
            url = part.get("image_url")
            url = url.get("url") if isinstance(url, dict) else url
            mime = mimetypes.guess_type(str(url).partition("?")[0])[0] or ""
            mime = mime if mime.startswith("image/") else "image/jpeg"
            if (made := file_part(url, mime, f"{where}.image_url.url", problems)) is not None:
                parts.append(made)
        elif isinstance(part, dict) and kind == "tool_use":
            used = {"id": part.get("id"), "function": {"name": part.get("name"), "arguments": part.get("input")}}
            parts += _calls({"tool_calls": [used]}, names, where, problems)
        elif isinstance(part, dict) and kind == "tool_result":
            answer = {"tool_call_id": part.get("tool_use_id"), "content": part.get("content") or ""}
            parts += _answer(answer, names, where, problems)
        elif isinstance(part, dict) and kind in ("thinking", "redacted_thinking"):
            problems.add(Problem("thoughts-left-out", "content.thinking"))
        else:
            problems.add(Problem("wrong-part", where, describe(kind) if kind else describe(part)))
    return parts


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any] | None:
    """Return the JSON object of a text, or None where it is none."""
    if isinstance(value, dict):
        return value
    try:
        found = _decode(value) if isinstance(value, str) and value.strip() else {}
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
