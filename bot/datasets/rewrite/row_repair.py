"""Repairs what can be repaired in a row without guessing what a person meant.

It changes the parsed row, so the repaired row stays in its dialect; the row checker finds out whether it is an
example now. The only texts that it removes are turns without a question or an answer, and it counts these.
"""

from collections.abc import Mapping
from typing import Any

from bot.datasets.rows.column_mapping import input_keys
from bot.datasets.rows.examples import BLANK_LINE, PAIRS
from bot.datasets.rows.json_values import NotANumber
from bot.datasets.rows.turn_names import conversation_key
from bot.domain.datasets import Dialect, FieldMapping

# Tuples, because the value of a role may be a list, which no set can be asked for.
_ANSWERING = ("assistant", "model", "gpt", "bot")
_ASKING = ("user", "human")
_ROLE_KEYS = ("role", "from", "author", "speaker", "sender")
_OTHER_ROLES = _ROLE_KEYS[1:]
_SYSTEM_KEYS = ("systemInstruction", "system_instruction")


def repair_row(
    row: Mapping[str, Any], dialect: Dialect | None, mapping: FieldMapping | None
) -> tuple[dict[str, Any], int]:
    """Return the repaired row, and how many of its turns were cut off because no answer belongs to them.

    NULs are taken out, numbers become text, names and shapes become those of the dialect, and turns of one role
    that follow each other are merged.
    """
    repaired: dict[str, Any] = _plain(row)
    cut = 0
    match dialect:
        case Dialect.MESSAGES | Dialect.OPENAI | Dialect.SHAREGPT:
            key = conversation_key(repaired) if dialect is Dialect.SHAREGPT else "messages"
            if isinstance(repaired.get(key), list):
                turns = [_lower_role(turn) for turn in repaired[key]]
                repaired[key], cut = _turns(turns)
        case Dialect.VERTEX:
            cut = _repair_contents(repaired)
        case Dialect.GEMINI | Dialect.PALM | Dialect.PROMPT:
            _numbers_as_text(repaired, PAIRS[dialect])
        case Dialect.ALPACA:
            _numbers_as_text(repaired, ("instruction", "input", "output"))
        case Dialect.MAPPED if mapping is not None:
            _numbers_as_text(repaired, (*input_keys(mapping), mapping.output))
        case _:
            pass
    return repaired, cut


def _plain(value: Any) -> Any:
    """Return the value without NULs in its texts, and with null in place of NaN."""
    match value:
        case str():
            return value.replace("\0", "")
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case NotANumber():
            return None
        case _:
            return value


def _numbers_as_text(row: dict[str, Any], keys: tuple[str, ...]) -> None:
    for key in keys:
        if isinstance(row.get(key), int | float) and not isinstance(row[key], bool):
            row[key] = str(row[key])


def _lower_role(turn: Any) -> Any:
    """Return the turn with its role as dialects write it: without capitals and spaces."""
    if isinstance(turn, dict):
        for key in _ROLE_KEYS:
            if isinstance(turn.get(key), str):
                return {**turn, key: turn[key].strip().lower()}
    return turn


def _repair_contents(row: dict[str, Any]) -> int:
    for key in _SYSTEM_KEYS:
        if isinstance(row.get(key), dict):
            row[key] = _content(row[key])
    if not isinstance(row.get("contents"), list):
        return 0
    contents = [_content(content) for content in row["contents"]]
    first = contents[0] if contents else None
    if isinstance(first, dict) and first.get("role") == "system" and not any(row.get(key) for key in _SYSTEM_KEYS):
        # Google wants the system text beside the contents, OpenAI in front of them.
        row["systemInstruction"] = {"parts": first.get("parts")}
        contents = contents[1:]
    row["contents"], cut = _turns(contents)
    return cut


def _content(content: Any) -> Any:
    """Write `parts` as a list and under its own name, and other names of the model's role as `model`.

    Google's own older pages show `parts` as an object.
    """
    if not isinstance(content, dict):
        return content
    repaired: dict[str, Any] = _lower_role(content)
    if "parts" not in repaired:
        for key in ("content", "text", "part", "message", "value"):
            if key in repaired:
                repaired = {k: v for k, v in repaired.items() if k != key} | {"parts": repaired[key]}
                break
    if "role" not in repaired and (key := next((k for k in _OTHER_ROLES if k in repaired), "")):
        repaired = {("role" if k == key else k): v for k, v in repaired.items()}
    if isinstance(repaired.get("parts"), dict):
        repaired = {**repaired, "parts": [repaired["parts"]]}
    elif isinstance(repaired.get("parts"), str):
        repaired = {**repaired, "parts": [{"text": repaired["parts"]}]}
    if isinstance(repaired.get("parts"), list):
        parts = [{"text": part} if isinstance(part, str) else part for part in repaired["parts"]]
        repaired = {**repaired, "parts": parts}
    if repaired.get("role") in _ANSWERING:
        repaired = {**repaired, "role": "model"}
    return repaired


def _role(turn: Mapping[str, Any]) -> Any:
    return next((turn[key] for key in _ROLE_KEYS if key in turn), None)


def _turns(turns: list[Any]) -> tuple[list[Any], int]:
    if len(turns) > 2 and len(turns) % 2 and all(isinstance(turn, str) for turn in turns):
        return turns[:-1], 1  # texts of two speakers in turn, of which the last one has no answer
    if not all(isinstance(turn, dict) and isinstance(_role(turn), str) for turn in turns):
        return turns, 0
    groups: list[list[dict[str, Any]]] = []
    for turn in turns:
        if _role(turn) == "system" and turn.get("content", turn.get("value")) == "":
            continue
        if groups and _may_merge(groups[-1][-1], turn):
            groups[-1].append(turn)
        else:
            groups.append([turn])
    kept = list(map(_merged, groups))
    before = len(kept)
    first = next((i for i, turn in enumerate(kept) if _role(turn) != "system"), len(kept))
    if first < len(kept) - 2 and _role(kept[first]) in _ANSWERING:
        del kept[first]
    if len(kept) - first > 2 and _role(kept[-1]) in _ASKING:
        del kept[-1]
    return kept, before - len(kept)


def _may_merge(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two turns are of one role and hold nothing but text."""
    return (
        _role(one) == _role(other)
        and one.keys() == other.keys()
        and _turn_text(one) is not None
        and _turn_text(other) is not None
    )


def _merged(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return turns that may be merged as one."""
    if len(turns) == 1:
        return turns[0]
    text = BLANK_LINE.join(map(str, map(_turn_text, turns)))
    return {**turns[0], **({"content": text} if "content" in turns[0] else {"parts": [{"text": text}]})}


def _turn_text(turn: Mapping[str, Any]) -> str | None:
    if turn.keys() == {"role", "content"}:
        return turn["content"] if isinstance(turn["content"], str) else None
    return _part_text(turn["parts"]) if turn.keys() == {"role", "parts"} else None


def _part_text(parts: Any) -> str | None:
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        return None
    texts = [part.get("text") for part in parts if part.keys() == {"text"}]
    return "".join(texts) if len(texts) == len(parts) and all(isinstance(t, str) for t in texts) else None
