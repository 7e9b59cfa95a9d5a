"""Writes rows with tools and pictures in the forms of ShareGPT, Bedrock and Anthropic as OpenAI writes them.

What cannot be written so stays as it is: the reader of OpenAI's form says then what is wrong with it.
Sources: LLaMA-Factory's data/README.md for `function_call`, `observation`, `tools` and `images`;
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html for Bedrock's blocks.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.rows.calls_in_text import with_calls
from bot.datasets.rows.json_values import describe, says_nothing

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_CALLS = frozenset({"function_call", "tool_call"})
_ANSWERS = frozenset({"observation", "tool_response", "function_response", "tool"})
_PICTURES = ("images", "image")
_BLOCKS = frozenset({"toolUse", "toolResult", "image", "reasoningContent"})
_MARK = re.compile(r"\n?<image>\n?")


def as_openai_tools(row: Mapping[str, Any], key: str, roles: Mapping[str, str], problems: Problems) -> Any:
    """Return a row of turns under `key` as OpenAI writes it, or None where it needs no such change.

    `roles` are the names of roles in the row, with what they mean.
    """
    called = with_calls(row, key, roles, problems)
    row = row if called is None else called
    turns = row.get(key)
    if not isinstance(turns, list) or not (called is not None or _is_other_form(row, turns)):
        return None
    pictures = [picture for name in _PICTURES if not says_nothing(row.get(name)) for picture in _listed(row[name])]
    messages = _messages(turns, key, roles, problems)
    if pictures:
        _place(messages, pictures, problems)
    made = {name: value for name, value in row.items() if name not in (key, "toolConfig", *_PICTURES)}
    made["messages"] = messages
    if (tools := _tools(row)) is not None:
        made["tools"] = tools
    return made


def _is_other_form(row: Mapping[str, Any], turns: list[Any]) -> bool:
    if any(not says_nothing(row.get(name)) for name in (*_PICTURES, "toolConfig")):
        return True
    if isinstance(row.get("tools"), str) and row["tools"].strip():
        return True
    return any(isinstance(turn, dict) and (_calls_tools(turn) or _has_blocks(turn)) for turn in turns)


def _role(turn: Mapping[str, Any]) -> Any:
    return turn.get("role", turn.get("from"))


def _calls_tools(turn: Mapping[str, Any]) -> bool:
    role = _role(turn)
    return isinstance(role, str) and role in _CALLS


def _has_blocks(turn: Mapping[str, Any]) -> bool:
    content = turn.get("content")
    return isinstance(content, list) and any(
        isinstance(part, dict) and (part.get("type") == "image" or not _BLOCKS.isdisjoint(part))
        for part in content
    )


def _listed(value: Any) -> list[Any]:
    """Return pictures as a list; Hugging Face writes each as an object with its path."""
    pictures = value if isinstance(value, list) else [value]
    return [
        picture.get("path") or picture.get("url") or picture
        if isinstance(picture, dict) and says_nothing(picture.get("bytes"))
        else picture
        for picture in pictures
    ]


def _messages(turns: list[Any], key: str, roles: Mapping[str, str], problems: Problems) -> list[Any]:
    messages: list[Any] = []
    waiting: list[str] = []  # the ids of calls that have no answer yet
    calling = False
    for i, turn in enumerate(turns):
        role = _role(turn) if isinstance(turn, dict) else None
        called_before, calling = calling, False
        if not isinstance(role, str):
            messages.append(turn)
            continue
        content = turn.get("content", turn.get("value"))
        if role in _CALLS:
            calls, calling = _calls(content, i), True
            if not calls:
                wanted = 'a call as JSON: {"name": ..., "arguments": ...}'
                problems.add(Problem("wrong-type", f"{key}[{i}]", describe(content), detail=wanted))
            waiting += [call["id"] for call in calls]
            if called_before:
                messages[-1]["tool_calls"] += calls
            else:
                messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        elif role in _ANSWERS and "tool_call_id" not in turn:
            text = content if isinstance(content, str) else _encode(content).decode()
            messages.append({"role": "tool", "tool_call_id": waiting.pop(0) if waiting else None, "content": text})
        else:
            name = {"user": "user", "model": "assistant", "system": "system"}.get(roles.get(role, ""), role)
            content = [_part(part) for part in content] if isinstance(content, list) else content
            rest = {name: value for name, value in turn.items() if name not in ("from", "value")}
            messages.append({**rest, "role": name, "content": content})
    return messages


def _calls(content: Any, turn: int) -> list[dict[str, Any]]:
    """Return the calls of a turn, or none where one of them is no object."""
    said = _decoded(content)
    calls = said if isinstance(said, list) else [said]
    if not all(isinstance(call, dict) for call in calls):
        return []
    return [{"id": f"call {turn}.{n}", "function": call} for n, call in enumerate(calls)]


def _decoded(value: Any) -> Any:
    """Return the JSON value of a text, or the value itself."""
    if not isinstance(value, str):
        return value
    try:
        return _decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return value


def _tools(row: Mapping[str, Any]) -> Any:
    """Return the declared tools in OpenAI's form, or None where the row has none in another one."""
    config = row.get("toolConfig")
    tools = config.get("tools") if isinstance(config, dict) else _decoded(row.get("tools"))
    return [_tool(tool) for tool in tools] if isinstance(tools, list) else tools or None


def _tool(tool: Any) -> Any:
    if not isinstance(tool, dict) or "function" in tool or "input_schema" in tool:
        return tool
    if isinstance(spec := tool.get("toolSpec"), dict):
        schema = spec.get("inputSchema")
        return {"function": {**spec, "parameters": schema.get("json") if isinstance(schema, dict) else None}}
    return {"function": tool}


def _part(part: Any) -> Any:
    """Return a block of Bedrock's or Anthropic's as a part that the reader of OpenAI's form knows."""
    if not isinstance(part, dict):
        return part
    if isinstance(used := part.get("toolUse"), dict):
        return {"type": "tool_use", "id": used.get("toolUseId"), **_only(used, "name", "input")}
    if isinstance(result := part.get("toolResult"), dict):
        return {"type": "tool_result", "tool_use_id": result.get("toolUseId"), "content": _result(result)}
    if "reasoningContent" in part:
        return {"type": "thinking"}
    # Bedrock's block has no type, and holds an object.
    picture = part.get("image")
    if part.get("type") == "image":
        picture = picture or part
    elif part.get("type") is not None or not isinstance(picture, dict):
        return part
    if picture == {"type": "image"}:
        return part
    source = picture.get("source") if isinstance(picture, dict) else picture
    if isinstance(source, dict):
        stored = source.get("s3Location")
        source = stored.get("uri") if isinstance(stored, dict) else source.get("url", source)
    return {"type": "image_url", "image_url": {"url": source}}


def _only(value: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value.get(name) for name in names}


def _result(result: Mapping[str, Any]) -> Any:
    content = result.get("content")
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict) and "json" in content[0]:
        return _encode(content[0]["json"]).decode()
    return content


def _place(messages: list[Any], pictures: list[Any], problems: Problems) -> None:
    """Put each picture where its `<image>` mark is; without any mark all of them before the first question."""
    users = [m for m in messages if isinstance(m, dict) and m.get("role") == "user"]
    parts = [[part for piece in _pieces(user["content"]) for part in piece] for user in users]
    marks = sum(part is None for each in parts for part in each)
    if not marks and parts:
        parts[0] = [*[None] * len(pictures), *parts[0]]
    elif marks != len(pictures):
        problems.add(Problem("picture-marks", value=f"{len(pictures):,}", detail=f"{marks:,}"))
        return
    shown = iter(pictures)
    for user, each in zip(users, parts, strict=True):
        if None in each:
            user["content"] = [
                {"type": "image_url", "image_url": {"url": next(shown, None)}} if part is None else part
                for part in each
            ]


def _pieces(content: Any) -> Iterator[list[Any]]:
    """Yield the parts of a question; None stands for each mark of a picture."""
    for part in content if isinstance(content, list) else [content]:
        text = part.get("text") if isinstance(part, dict) else part
        if part == {"type": "image"}:
            yield [None]
        elif isinstance(text, str):
            first, *others = _MARK.split(text)
            yield [{"type": "text", "text": first}] if first else []
            for other in others:
                yield [None, {"type": "text", "text": other}] if other else [None]
        else:
            yield [part]
