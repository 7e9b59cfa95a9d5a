"""Turns what a person puts into inputs into Slack's ``state.values``.

The checks are those of Slack's own app, which stops a person before the bot hears anything.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from bot.sandbox.slack.records import Json
from bot.sandbox.slack.refusals import ClientRefusal
from bot.sandbox.slack.rules.block_shapes import elements_of
from bot.sandbox.slack.rules.element_shapes import all_options

MOST_FILE_BYTES = 10 * 1024 * 1024
Key: TypeAlias = str | tuple[str, str]
Given: TypeAlias = Any
FileMaker: TypeAlias = Callable[[Given], Json]

_TEXTS = {"plain_text_input", "number_input"}
# The field of the state that holds what was chosen, and the field of the element that holds it at first.
_HELD = {
    "static_select": ("selected_option", "initial_option"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
}
INPUTS = _TEXTS | _HELD.keys() | {"file_input"}


def inputs_of(blocks: Sequence[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield each block with each of its elements that holds a value."""
    for block in blocks:
        for element in elements_of(block):
            if element["type"] in INPUTS:
                yield block, element


def find_element(blocks: Sequence[Json], key: Key) -> tuple[Json, Json]:
    """Return the one element with this block id, action id, or pair of both."""
    wanted = key if isinstance(key, tuple) else None
    found = [
        (block, element)
        for block in blocks
        for element in elements_of(block)
        if (
            (block["block_id"], element.get("action_id")) == wanted
            if wanted
            else key in (block["block_id"], element.get("action_id"))
        )
    ]
    if len(found) != 1:
        there = [
            (block["block_id"], element.get("action_id")) for block in blocks for element in elements_of(block)
        ]
        raise ClientRefusal(f"{len(found)} elements are called {key!r}; there are {there}")
    return found[0]


def state_values(blocks: Sequence[Json], entered: Mapping[str, Json]) -> Json:
    """Return ``state.values``: what was entered, else each element's initial value."""
    values: Json = {}
    for block, element in inputs_of(blocks):
        kept = entered.get(block["block_id"], {}).get(element["action_id"])
        same_kind = kept is not None and kept["type"] == element["type"]
        value = kept if same_kind else _initial(element)
        values.setdefault(block["block_id"], {})[element["action_id"]] = value
    return values


def _initial(element: Json) -> Json:
    kind = element["type"]
    if kind in _TEXTS:
        return {"type": kind, "value": element.get("initial_value")}
    if kind == "file_input":
        return {"type": kind, "files": None}
    held, initial = _HELD[kind]
    return {"type": kind, held: element.get(initial, None if kind == "static_select" else [])}


def wire_value(element: Json, given: Given, to_file: FileMaker) -> Json:
    """Return what the element holds once a person put `given` into it.

    Options are named by value or by their words; files are anything that `to_file` turns into a file object.
    """
    kind = element["type"]
    if kind in _TEXTS:
        return {"type": kind, "value": None if given in (None, "") else str(given)}
    if kind == "static_select":
        return {"type": kind, "selected_option": None if given is None else _option(element, given)}
    if kind == "checkboxes":
        return {"type": kind, "selected_options": [_option(element, each) for each in given]}
    if kind == "file_input":
        files = given if isinstance(given, list) else [given]
        return {"type": kind, "files": _checked_files(element, [to_file(each) for each in files]) or None}
    return {"type": kind, _HELD[kind][0]: given}


def _option(element: Json, given: Given) -> Json:
    for option in all_options(element):
        if given in (option, option["value"], option["text"]["text"]):
            return option
    raise ClientRefusal(f"{given!r} is not offered: {[option['value'] for option in all_options(element)]}")


def _checked_files(element: Json, files: list[Json]) -> list[Json]:
    most = element.get("max_files", 10)
    if len(files) > most:
        raise ClientRefusal(f"at most {most} files can be added")
    for file in files:
        if file["size"] > MOST_FILE_BYTES:
            raise ClientRefusal(f"{file['name']} is larger than 10 MB")
        extension = file["name"].rpartition(".")[2].lower()
        if element.get("filetypes") and extension not in element["filetypes"]:
            raise ClientRefusal(f"{file['name']} is not one of {element['filetypes']}")
    return files


def entered_values(blocks: Sequence[Json], values: Mapping[Key, Given], to_file: FileMaker) -> dict[str, Json]:
    """Return plain values, keyed by block id or action id, as wire values by block and action."""
    entered: dict[str, Json] = {}
    for key, given in values.items():
        block, element = find_element(blocks, key)
        entered.setdefault(block["block_id"], {})[element["action_id"]] = wire_value(element, given, to_file)
    return entered


def unmet(blocks: Sequence[Json], state: Json) -> dict[str, str]:
    """Return what Slack's app shows under the inputs that keep a form from being sent."""
    shown: dict[str, str] = {}
    for block, element in inputs_of(blocks):
        if block["type"] != "input":
            continue
        value = state[block["block_id"]][element["action_id"]]
        content = next((part for name, part in value.items() if name != "type"), None)
        if content in (None, "", []):
            if not block.get("optional"):
                shown[block["block_id"]] = "Please complete this required field."
        elif complaint := _complaint(element, content):
            shown[block["block_id"]] = complaint
    return shown


def _complaint(element: Json, content: Any) -> str:
    match element["type"]:
        case "plain_text_input":
            if len(content) > element.get("max_length", 3000):
                return f"Please use at most {element.get('max_length', 3000)} characters."
            if len(content) < element.get("min_length", 0):
                return f"Please use at least {element['min_length']} characters."
        case "number_input":
            return _number_complaint(element, content)
    return ""


def _number_complaint(element: Json, content: str) -> str:
    try:
        number = float(content)
    except ValueError:
        return "Please enter a number."
    if not math.isfinite(number) or (not element["is_decimal_allowed"] and not re.fullmatch(r"[+-]?\d+", content)):
        return "Please enter a whole number."
    if number < float(element.get("min_value", "-inf")):
        return f"Please enter a number of {element['min_value']} or more."
    if number > float(element.get("max_value", "inf")):
        return f"Please enter a number of {element['max_value']} or less."
    return ""
