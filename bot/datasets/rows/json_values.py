"""Describes JSON values in messages, and finds the text in the shapes that other programs give it."""

import json
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from bot.datasets.findings.findings import shorten

# Types of content parts that hold text: OpenAI's chat and Responses API, Anthropic's and Bedrock's messages.
_TEXT_TYPES = frozenset({"text", "input_text", "output_text"})
# Types of content parts that hold what a model thought before it answered.
# Source: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking
THOUGHT_TYPES = frozenset({"thinking", "redacted_thinking", "reasoning"})
# Keys beside the text of a part that do not change it. Sources: Anthropic's prompt caching and citations.
_BESIDE_TEXT = frozenset({"type", "cache_control", "citations", "annotations", "logprobs"})
_LARGE_INT = 1 << 63


class NotANumber:
    """Stands for NaN or Infinity, which Python's and JavaScript's writers put into JSON."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def kind_of(value: Any) -> str:
    """Return what a JSON value is, as a sentence names it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case NotANumber():
            return value.name
        case _:
            return "an object"


def describe(value: Any) -> str:
    """Return the value itself where it is short, otherwise what it is."""
    if type(value) is int and -_LARGE_INT < value < _LARGE_INT:
        return f"a number ({value})"  # This is the same as below, for the many small numbers of bad rows.
    match value:
        case str():
            return shorten(value)
        case None | bool() | int() | float():
            return f"{kind_of(value)} ({shorten(str(value))})" if value is not None else "null"
        case _:
            return kind_of(value)


def says_nothing(value: Any) -> bool:
    """Return whether a value is only there because a program wrote all fields of an object: null, or empty."""
    return value is None or (isinstance(value, (list, dict, str)) and not value)


def is_true(value: Any) -> bool:
    """Return whether a mark is set, also where a program wrote it as a text or a number."""
    return value is True or value == 1 or (isinstance(value, str) and value.strip().lower() == "true")


def is_false(value: Any) -> bool:
    """Return whether a mark is missing or not set; any other text at its place is what the model thought."""
    return not value or (isinstance(value, str) and value.strip().lower() in ("", "false", "0"))


def has_type(part: Any, types: Collection[str]) -> bool:
    """Return whether a value is an object whose `type` is one of these; a `type` may be any value, a list too."""
    return isinstance(part, dict) and isinstance(kind := part.get("type"), str) and kind in types


def text_of(value: Any) -> str | None:
    """Return the text of `"..."`, `{"text": ...}`, `{"type": "text", "value": ...}` or a list of these, or None.

    The texts of a list are joined by line ends.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        held = {key: item for key, item in value.items() if key not in _BESIDE_TEXT and not says_nothing(item)}
        if ("type" in value and not has_type(value, _TEXT_TYPES)) or len(held) > 1:
            return None
        key, inner = next(iter(held.items()), ("text", value.get("text", value.get("value"))))
        return text_of(inner) if key in ("text", "value", "content") and not isinstance(inner, list) else None
    if isinstance(value, list) and value:
        texts = [text_of(item) for item in value]
        return None if None in texts else "\n".join(text for text in texts if text is not None)
    return None


def doubled_keys(line: bytes) -> set[str]:
    """Return the keys that stand twice in one object of a row: every parser keeps only the last one's value."""
    doubled: set[str] = set()

    def look(pairs: list[tuple[str, Any]]) -> None:
        doubled.update(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)

    with suppress(ValueError, RecursionError):
        json.loads(line, object_pairs_hook=look)
    return doubled
