"""Repairs what can be repaired in a row without guessing what a person meant.

It changes the parsed row, so the repaired row stays in its dialect; the row checker finds out whether it is an
example now. The only texts that it removes are turns without an answer.
"""

from collections.abc import Mapping
from typing import Any

from bot.datasets.rows.column_mapping import input_keys
from bot.datasets.rows.examples import BLANK_LINE, PAIRS
from bot.domain.datasets import Dialect, FieldMapping

_ANSWERING = {"assistant", "model"}


def repair_row(row: Mapping[str, Any], dialect: Dialect | None, mapping: FieldMapping | None) -> dict[str, Any]:
    """Return the row without NULs, with numbers as text, turns merged and unanswered turns cut off."""
    repaired: dict[str, Any] = _without_nul(row)
    match dialect:
        case Dialect.MESSAGES | Dialect.OPENAI:
            if isinstance(repaired.get("messages"), list):
                repaired["messages"] = _turns(repaired["messages"])
        case Dialect.VERTEX:
            if isinstance(repaired.get("contents"), list):
                repaired["contents"] = _turns([_content(content) for content in repaired["contents"]])
        case Dialect.GEMINI | Dialect.PALM | Dialect.PROMPT:
            _numbers_as_text(repaired, PAIRS[dialect])
        case Dialect.MAPPED if mapping is not None:
            _numbers_as_text(repaired, (*input_keys(mapping), mapping.output))
        case _:
            pass
    return repaired


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
    """Write `parts` as a list, as old documents of Google do not, and OpenAI's role `assistant` as `model`."""
    if not isinstance(content, dict):
        return content
    repaired = dict(content)
    if isinstance(repaired.get("parts"), dict):
        repaired["parts"] = [repaired["parts"]]
    if repaired.get("role") == "assistant":
        repaired["role"] = "model"
    return repaired


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
    """Return both turns as one, or None where they hold more than text."""
    if one.keys() == other.keys() == {"role", "content"}:
        texts = one["content"], other["content"]
        return {**one, "content": BLANK_LINE.join(texts)} if all(isinstance(t, str) for t in texts) else None
    if one.keys() == other.keys() == {"role", "parts"}:
        first, second = _part_text(one["parts"]), _part_text(other["parts"])
        if first is not None and second is not None:
            return {**one, "parts": [{"text": first + BLANK_LINE + second}]}
    return None


def _part_text(parts: Any) -> str | None:
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        return None
    texts = [part.get("text") for part in parts if part.keys() == {"text"}]
    return "".join(texts) if len(texts) == len(parts) and all(isinstance(t, str) for t in texts) else None
