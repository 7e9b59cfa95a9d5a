"""Reads one part of a turn with tools or files, and recognizes rows that have such parts."""

import re
from collections.abc import Mapping
from typing import Any

from bot.datasets.findings.collector import Problem, Problems
from bot.datasets.formats.pictures import relative_name
from bot.datasets.rows.json_values import describe, has_type, is_false, is_true, says_nothing

FUNCTION_CALL, FUNCTION_RESPONSE, FILE_PART = "functionCall", "functionResponse", "fileData"
# Source: `FunctionDeclaration.name` in google/cloud/aiplatform/v1/tool.proto.
FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
# Keys of a row that say which tools there are and how they may be called.
TOOL_KEYS = frozenset(
    {
        "tools",
        "functions",
        "toolConfig",
        "tool_config",
        "tool_choice",
        "function_call",
        "parallel_tool_calls",
    }
)
_OTHER_NAMES = {"function_call": FUNCTION_CALL, "function_response": FUNCTION_RESPONSE, "file_data": FILE_PART}
_RICH_PARTS = frozenset({FUNCTION_CALL, FUNCTION_RESPONSE, FILE_PART, *_OTHER_NAMES})
_RICH_TYPES = frozenset(
    {
        *("image_url", "input_audio", "input_image", "image", "file", "input_file", "video_url"),
        *("tool_use", "tool_result"),
    }
)
_SIDE = frozenset({"thoughtSignature", "thought_signature", "videoMetadata", "video_metadata"})
# What Vertex AI tunes on beside text. Source: .../docs/models/tune-gemini-overview, "supported modalities".
_MIME = re.compile(r"(?:image|audio|video)/[a-z0-9.+-]{1,60}|application/pdf|text/plain")
# Source: .../docs/multimodal/image-understanding; Google's own pages also write image/jpg.
_PICTURES = frozenset({"image/png", "image/jpeg", "image/jpg", "image/webp", "image/heic", "image/heif"})
_URI = re.compile(r"(?:gs://[a-z0-9][a-z0-9._-]{0,62}/|https://[^/\s]{1,250}/)\S{1,2000}")


def holds_tools_or_files(row: Mapping[str, Any]) -> bool:
    """Return whether a row of contents or messages calls tools, declares them, or shows files."""
    if not says_nothing(row.get("tools")) or not says_nothing(row.get("functions")):
        return True
    turns = row.get("contents", row.get("messages"))
    return isinstance(turns, list) and any(map(_is_rich, turns))


def _is_rich(turn: Any) -> bool:
    if not isinstance(turn, dict):
        return False
    if not says_nothing(turn.get("tool_calls")) or not says_nothing(turn.get("function_call")):
        return True
    if turn.get("role") in ("tool", "function"):
        return True
    parts = turn.get("parts", turn.get("content"))
    return isinstance(parts, list) and any(
        isinstance(part, dict) and (not _RICH_PARTS.isdisjoint(part) or has_type(part, _RICH_TYPES))
        for part in parts
    )


def add_wrong(place: str, value: Any, wanted: str, problems: Problems) -> None:
    """Add that a value is missing, or is something else."""
    if value is None:
        problems.add(Problem("missing-field", place))
    else:
        problems.add(Problem("wrong-type", place, describe(value), detail=wanted))


def read_part(part: Any, place: str, problems: Problems) -> dict[str, Any] | None:
    """Return a part of Vertex AI's form under Google's names; None for a thought or where an error was added."""
    if not isinstance(part, dict):
        add_wrong(place, part, 'an object: {"text": ...}', problems)
        return None
    part = {_OTHER_NAMES.get(key, key): value for key, value in part.items() if value is not None}
    thought = part.pop("thought", False)
    if not is_false(thought):
        problems.add(Problem("thoughts-left-out", "parts.thought"))
    if is_true(thought):
        return None
    held = [key for key in part if key not in _SIDE]
    if len(held) != 1:
        problems.add(Problem("wrong-part", place, ", ".join(held) or "nothing"))
        return None
    [key] = held
    value = part[key]
    match key:
        case "text":
            if not isinstance(value, str):
                add_wrong(f"{place}.text", value, "text", problems)
                return None
            return {"text": value}
        case "functionCall":
            return _call(value, place, problems)
        case "functionResponse":
            return _response(value, place, problems)
        case "fileData":
            return _file(value, place, problems)
        case _:
            problems.add(Problem("wrong-part", place, key))
            return None


def _call(value: Any, place: str, problems: Problems) -> dict[str, Any] | None:
    name = _name(value, f"{place}.functionCall", problems)
    args = value.get("args") if isinstance(value, dict) else None
    if args is not None and not isinstance(args, dict):
        add_wrong(f"{place}.functionCall.args", args, "an object", problems)
        return None
    return None if name is None else {FUNCTION_CALL: {"name": name, "args": args or {}}}


def _response(value: Any, place: str, problems: Problems) -> dict[str, Any] | None:
    name = _name(value, f"{place}.functionResponse", problems)
    response = value.get("response") if isinstance(value, dict) else None
    if not isinstance(response, dict):
        add_wrong(f"{place}.functionResponse.response", response, "an object", problems)
        return None
    return None if name is None else {FUNCTION_RESPONSE: {"name": name, "response": response}}


def _name(value: Any, place: str, problems: Problems) -> str | None:
    if not isinstance(value, dict):
        add_wrong(place, value, "an object", problems)
        return None
    name = value.get("name")
    if isinstance(name, str) and FUNCTION_NAME.fullmatch(name):
        return name
    add_wrong(f"{place}.name", name, "a name of letters, digits and _", problems)
    return None


def _file(value: Any, place: str, problems: Problems) -> dict[str, Any] | None:
    place = f"{place}.fileData"
    if not isinstance(value, dict):
        add_wrong(place, value, "an object", problems)
        return None
    mime, uri = value.get("mimeType", value.get("mime_type")), value.get("fileUri", value.get("file_uri"))
    if not isinstance(mime, str) or not _MIME.fullmatch(mime):
        add_wrong(f"{place}.mimeType", mime, "a kind of file such as image/png", problems)
        return None
    return file_part(uri, mime, f"{place}.fileUri", problems)


def file_part(uri: Any, mime: str, place: str, problems: Problems) -> dict[str, Any] | None:
    """Return the part of a file at a gs:// or https:// address or of a picture beside the rows.

    None where an error was added.
    """
    if isinstance(uri, str) and _URI.fullmatch(uri):
        if mime.startswith("image/") and mime not in _PICTURES:
            problems.add(Problem("picture-not-taken", place, mime))
            return None
        return {FILE_PART: {"mimeType": mime, "fileUri": uri}}
    if isinstance(uri, str) and mime.startswith("image/") and (name := relative_name(uri)):
        return {FILE_PART: {"mimeType": mime, "fileUri": name}}
    add_wrong(place, uri, "a gs:// or https:// address, or the path of a picture beside the rows", problems)
    return None


def file_shown(part: dict[str, Any]) -> str:
    """Return a file's part as text."""
    held = part[FILE_PART]
    kind = "picture" if held["mimeType"].startswith("image/") else "file"
    return f"[{kind} {held['fileUri']}]"
