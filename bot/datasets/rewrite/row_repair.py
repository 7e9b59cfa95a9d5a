"""Puts right what can be put right in a row without guessing what a person meant.

Works on the row as it was parsed, so that a mended row stays in its dialect. Whether it is an example now, its
judge says; nothing here drops a text that could be learned from, but for turns that no answer belongs to.
"""

from collections.abc import Mapping
from typing import Any

from bot.datasets.rows.column_mapping import input_keys
from bot.datasets.rows.examples import JOINT, PAIRS
from bot.domain.datasets import Dialect, FieldMapping

_ANSWERING = {"assistant", "model"}


def mend(row: Mapping[str, Any], dialect: Dialect | None, mapping: FieldMapping | None) -> dict[str, Any]:
    """The row with NULs taken out, numbers written as text, turns merged and unanswered ends cut off."""
    mended: dict[str, Any] = _without_nul(row)
    match dialect:
        case Dialect.MESSAGES | Dialect.OPENAI:
            if isinstance(mended.get("messages"), list):
                mended["messages"] = _turns(mended["messages"])
        case Dialect.VERTEX:
            if isinstance(mended.get("contents"), list):
                mended["contents"] = _turns([_content(content) for content in mended["contents"]])
        case Dialect.GEMINI | Dialect.PALM | Dialect.PROMPT:
            _numbers_as_text(mended, PAIRS[dialect])
        case Dialect.MAPPED if mapping is not None:
            _numbers_as_text(mended, (*input_keys(mapping), mapping.output))
        case _:
            pass
    return mended


def _without_nul(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "")
        case list():
            return [_without_nul(item) for item in value]
        case dict():
            return {key: _without_nul(item) for key, item in value.items()}
        case _:
            return value


def _numbers_as_text(row: dict[str, Any], keys: tuple[str, ...]) -> None:
    for key in keys:
        if isinstance(row.get(key), int | float) and not isinstance(row[key], bool):
            row[key] = str(row[key])


def _content(content: Any) -> Any:
    """Old documents show `parts` as an object; OpenAI's word for the model is another."""
    if not isinstance(content, dict):
        return content
    mended = dict(content)
    if isinstance(mended.get("parts"), dict):
        mended["parts"] = [mended["parts"]]
    if mended.get("role") == "assistant":
        mended["role"] = "model"
    return mended


def _turns(turns: list[Any]) -> list[Any]:
    if not all(isinstance(turn, dict) and isinstance(turn.get("role"), str) for turn in turns):
        return turns
    kept: list[dict[str, Any]] = []
    for turn in turns:
        if turn["role"] == "system" and turn.get("content") == "":
            continue
        if kept and kept[-1]["role"] == turn["role"] and (merged := _merged(kept[-1], turn)):
            kept[-1] = merged
        else:
            kept.append(turn)
    first = next((i for i, turn in enumerate(kept) if turn["role"] != "system"), len(kept))
    if first < len(kept) - 2 and kept[first]["role"] in _ANSWERING:
        del kept[first]
    if len(kept) - first > 2 and kept[-1]["role"] == "user":
        del kept[-1]
    return kept


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any] | None:
    """Both turns as one; None where they hold more than text."""
    if one.keys() == other.keys() == {"role", "content"}:
        texts = one["content"], other["content"]
        return {**one, "content": JOINT.join(texts)} if all(isinstance(t, str) for t in texts) else None
    if one.keys() == other.keys() == {"role", "parts"}:
        first, second = _part_text(one["parts"]), _part_text(other["parts"])
        if first is not None and second is not None:
            return {**one, "parts": [{"text": first + JOINT + second}]}
    return None


def _part_text(parts: Any) -> str | None:
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        return None
    texts = [part.get("text") for part in parts if part.keys() == {"text"}]
    return "".join(texts) if len(texts) == len(parts) and all(isinstance(t, str) for t in texts) else None
