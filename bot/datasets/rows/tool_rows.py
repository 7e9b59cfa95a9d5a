"""Reads rows with tools, pictures and other files, as Gemini on Vertex AI takes them, and OpenAI's form of them.

Such a row is checked like text: what is missing, of another type, or in a wrong order is an error. Its example
holds the whole row as Vertex AI takes it. Sources: `Content`, `Part`, `FunctionCall`, `FunctionResponse`,
`FileData` and `Tool` in google/cloud/aiplatform/v1/content.proto and tool.proto;
https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-function-calling
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import msgspec

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.formats.pictures import MOST_IN_A_ROW, relative_name
from bot.datasets.rows.chat_turns import order_turns
from bot.datasets.rows.examples import Example
from bot.datasets.rows.json_values import describe, says_nothing
from bot.datasets.rows.openai_tools import read_openai_contents, read_openai_tools
from bot.datasets.rows.side_keys import read_side_keys
from bot.datasets.rows.tool_parts import (
    FILE_PART,
    FUNCTION_CALL,
    FUNCTION_NAME,
    FUNCTION_RESPONSE,
    TOOL_KEYS,
    add_wrong,
    file_shown,
    holds_tools_or_files,
    read_part,
)
from bot.datasets.rows.turn_reader import report_turn_keys
from bot.domain.datasets import Dialect
from bot.domain.gs_addresses import is_in_storage

__all__ = ["holds_tools_or_files", "read_tool_row"]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_ROLES = {"user": "user", "model": "model", "function": "user", "tool": "user"}
Contents = list[dict[str, Any]]


def read_tool_row(
    row: Mapping[str, Any], dialect: Dialect, problems: Problems, shown_key: str = "messages"
) -> Example | None:
    """Read a row of contents or of messages, or return None where an error was added.

    `shown_key` is what the file calls the messages.
    """
    key = "contents" if dialect is Dialect.VERTEX else "messages"
    beside = read_side_keys(row, {key, *TOOL_KEYS}, problems)
    system = [turn for turn in beside if turn.role == "system"]
    earlier: Contents = [
        {"role": turn.role, "parts": [{"text": turn.text}]} for turn in beside if turn.role != "system"
    ]
    if dialect is Dialect.VERTEX:
        contents = _read_contents(row.get("contents"), problems)
        places = [f"contents[{i}]" for i in range(len(contents))]
        tools = _read_tools(row.get("tools"), problems)
    else:
        moved, contents, places = read_openai_contents(row.get("messages"), problems, shown_key)
        system += moved
        tools = read_openai_tools(row, problems)
    if problems.refused:
        return None
    contents = earlier + contents
    inside = ".parts" if dialect is Dialect.VERTEX else ".content" if shown_key == "messages" else ""
    before = [turn.place for turn in beside if turn.role != "system"]
    _check_calls(contents, before + places, inside, tools, problems)
    pictures = sum(_is_picture(part) for content in contents for part in content["parts"])
    if pictures > MOST_IN_A_ROW:
        problems.add(Problem("too-many-pictures", value=f"{pictures:,}", limit=MOST_IN_A_ROW))
    joined, _ = order_turns(system, Problems(), lenient=True)
    if problems.refused:
        return None
    whole: dict[str, Any] = {"systemInstruction": {"parts": [{"text": joined}]}} if joined else {}
    whole["contents"] = contents
    if tools:
        whole["tools"] = tools
    texts = tuple(" ".join(_shown(part) for part in content["parts"]) for content in contents)
    shown = [part[FILE_PART] for content in contents for part in content["parts"] if FILE_PART in part]
    named = tuple(dict.fromkeys(file["fileUri"] for file in shown if relative_name(file["fileUri"])))
    stored = tuple(file["fileUri"] for file in shown if is_in_storage(file["fileUri"]))
    return Example(joined, texts, whole=_encode(whole), files=len(shown), pictures=named, stored=stored)


def with_addresses(whole: bytes, find: Callable[[str], tuple[str, str]]) -> bytes:
    """Return the row of an example with the address and the kind of each picture that it names by a path."""
    row = _decode(whole)
    for content in row["contents"]:
        for part in content["parts"]:
            if (held := part.get(FILE_PART)) and relative_name(held["fileUri"]):
                held["fileUri"], held["mimeType"] = find(held["fileUri"])
    return _encode(row)


def _is_picture(part: Mapping[str, Any]) -> bool:
    return FILE_PART in part and part[FILE_PART]["mimeType"].startswith("image/")


def _read_contents(value: Any, problems: Problems) -> Contents:
    contents: Contents = []
    if not isinstance(value, list) or not value:
        add_wrong("contents", value, "a list", problems)
        return contents
    for i, content in enumerate(value):
        place = f"contents[{i}]"
        if problems.enough:
            break
        if not isinstance(content, dict):
            add_wrong(place, content, "an object with role and parts", problems)
            continue
        report_turn_keys(content, {"role", "parts"}, problems, of="contents")
        role, parts = content.get("role"), content.get("parts")
        if not isinstance(role, str) or role not in _ROLES:
            problems.add(Problem("wrong-role", f"{place}.role", describe(role), detail="user or model"))
            continue
        if not isinstance(parts, list) or not parts:
            add_wrong(f"{place}.parts", parts, "a list", problems)
            continue
        read = [read_part(part, f"{place}.parts[{n}]", problems) for n, part in enumerate(parts)]
        contents.append({"role": _ROLES[role], "parts": [part for part in read if part is not None]})
    return contents


def _read_tools(value: Any, problems: Problems) -> list[dict[str, Any]]:
    if says_nothing(value):
        return []
    if not isinstance(value, list):
        add_wrong("tools", value, "a list", problems)
        return []
    tools: list[dict[str, Any]] = []
    for i, tool in enumerate(value):
        place = f"tools[{i}]"
        declared = (
            tool.get("functionDeclarations", tool.get("function_declarations")) if isinstance(tool, dict) else 0
        )
        if not isinstance(declared, list) or not declared:
            add_wrong(f"{place}.functionDeclarations", declared or None, "a list", problems)
            continue
        for n, function in enumerate(declared):
            name = function.get("name") if isinstance(function, dict) else None
            if not isinstance(name, str) or not FUNCTION_NAME.fullmatch(name):
                add_wrong(
                    f"{place}.functionDeclarations[{n}].name", name, "a name of letters, digits and _", problems
                )
        tools.append({"functionDeclarations": declared})
    return tools


def _check_calls(
    contents: Contents, places: list[str], inside: str, tools: list[dict[str, Any]], problems: Problems
) -> None:
    """Check that turns alternate, that the model ends, and that each call but the last has its answer.

    `places` are what the file calls the contents, `inside` what it calls their texts.
    """
    roles = [content["role"] for content in contents]
    if "user" not in roles:
        problems.add(Problem("no-user-turn"))
        return
    if roles[0] != "user":
        problems.add(Problem("role-order", detail="the model speaks first"))
    if roles[-1] != "model":
        problems.add(Problem("no-answer-at-end"))
    for before, after in pairwise(roles):
        if before == after:
            problems.add(Problem("same-role-twice", value=after))
    declared = {function.get("name") for tool in tools for function in tool["functionDeclarations"]}
    for i, (content, place) in enumerate(zip(contents, places, strict=True)):
        if not any(str(part.get("text", "-")).strip() for part in content["parts"]):
            problems.add(Problem("empty-field", f"{place}{inside}"))
        calls = [part[FUNCTION_CALL]["name"] for part in content["parts"] if FUNCTION_CALL in part]
        following = contents[i + 1]["parts"] if i + 1 < len(contents) else []
        answers = [part[FUNCTION_RESPONSE]["name"] for part in following if FUNCTION_RESPONSE in part]
        if content["role"] == "model" and i + 1 < len(contents) and sorted(calls) != sorted(answers):
            shown = ", ".join(calls) or "nothing"
            problems.add(Problem("tool-answers", place, shown, detail=", ".join(answers) or "nothing answers"))
        for name in calls:
            if name not in declared:
                problems.add(Problem("undeclared-tool", "tools", name))


def _shown(part: dict[str, Any]) -> str:
    """Return a part as text: its length and its words count like those of other texts."""
    if FUNCTION_CALL in part:
        call = part[FUNCTION_CALL]
        return f"{call['name']}({_encode(call.get('args', {})).decode()})"
    if FUNCTION_RESPONSE in part:
        answer = part[FUNCTION_RESPONSE]
        return f"{answer['name']} = {_encode(answer['response']).decode()}"
    if FILE_PART in part:
        return file_shown(part)
    return str(part["text"])
