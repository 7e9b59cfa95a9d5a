"""Finds the array of rows in a file that is one JSON object around it, by its first bytes."""

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from bot.datasets.rows.column_mapping import guess_mapping
from bot.datasets.rows.other_exports import export_of
from bot.datasets.rows.slow_reader import form_of, unwrap
from bot.datasets.rows.turn_names import CONVERSATION_KEYS, holds_turns, pair_of_turns

# Lists of a hostile file that are looked at.
_MOST_LISTS = 100
# Where Hugging Face's viewer, SQuAD and exports of many programs put the rows of a file that is one object.
_WRAPPER = re.compile(rb'"(?:data|rows|examples|items|train|records|results)"\s*+:\s*+(?=\[\s*+[\[{])')
_ANY_LIST = re.compile(rb'"[^"\\]{1,60}"\s*+:\s*+(?=\[\s*+[\[{])')
# Other lists of objects in such a file, and those that describe the rows.
_OTHER_LIST = re.compile(rb'"([^"\\]{1,60})"\s*+:\s*+\[\s*+\{')
_NO_ROWS = {b"features", b"fields", b"columns"}
_JSON = json.JSONDecoder()
_LIST_BEGIN = re.compile(rb"\[\s*+")


def find_wrapper(start: bytes) -> tuple[int, int]:
    """Return how many bytes stand before the array of rows in a file that is one object, and in how many objects.

    Both are 0 where there is none. Under a name that says nothing, rows are what has the keys of an example.
    """
    text = start.decode("utf-8", "replace")
    first = _object_at(text, 0)
    if first is not None and (form_of(first)[0] or export_of(first)) is not None and not holds_rows(first):
        return 0, 0  # one row, which may be written over several lines
    found_lists = islice(_ANY_LIST.finditer(start), _MOST_LISTS)
    lists = [(found, depth) for found in found_lists if (depth := _depth(start[: found.start()]))]
    for found, depth in lists:
        if depth == 1 and _WRAPPER.match(start, found.start()):
            return found.end(), depth
    for found, depth in lists:
        begin = _LIST_BEGIN.match(start, found.end())
        item = _object_at(text, len(start[: begin.end()].decode("utf-8", "replace"))) if begin else None
        if item is not None and _may_be_row(item):
            return found.end(), depth
    return 0, 0


def begins_row(start: bytes, at: int) -> bool:
    """Return whether the object at a place of the first bytes has the keys of an example or of an export."""
    item = _object_at(start.decode("utf-8", "replace"), len(start[:at].decode("utf-8", "replace")))
    return item is not None and _may_be_row(item)


def other_lists(before: bytes) -> str:
    """Return the names of the lists of objects that stand before the rows, but not of those that describe them."""
    names = sorted(set(_OTHER_LIST.findall(before)) - _NO_ROWS)
    return ", ".join(name.decode("utf-8", "replace") for name in names)


def _depth(before: bytes) -> int:
    """Return in how many objects a place is; 0 for one inside of a list."""
    return before.count(b"{") - before.count(b"}") if before.count(b"[") == before.count(b"]") else 0


def _object_at(text: str, at: int) -> Mapping[str, Any] | None:
    """Return the object that begins at a place; None where it is none, or is cut off."""
    try:
        value, _ = _JSON.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _may_be_row(item: Mapping[str, Any]) -> bool:
    """Return whether an object has the keys of an example, or of an export, and is neither a turn nor its part."""
    if form_of(item)[0] is not None or unwrap(item)[1]:
        return True
    if holds_turns(item) or len(item) == 1:
        return False
    return export_of(item) is not None or guess_mapping(item, known_only=True) is not None


def holds_rows(row: Mapping[str, Any]) -> bool:
    """Return whether what looks like the turns of one conversation are rows."""
    for key in CONVERSATION_KEYS:
        value = row.get(key)
        if not isinstance(value, list) or not value or not isinstance(value[0], dict):
            continue
        if pair_of_turns(key, value[0]) is None and _may_be_row(value[0]):
            return True
    return False
