"""Builds the Block Kit elements of all messages and views, each within Slack's limits.

Limits: docs.slack.dev/reference/block-kit. Texts given to `mrkdwn` are already escaped; those given to `plain`
need no escaping, since Slack reads no markup in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from handlers.blocks.message import Block, clip, readable, shorten

SECTION_TEXT = 3_000
FIELD_TEXT = 2_000
HEADER_TEXT = 150
BUTTON_TEXT = 75
BUTTON_VALUE = 2_000
OPTION_TEXT = 75
OPTION_VALUE = 150
OPTIONS = 100
PLACEHOLDER = 150
LABEL = 2_000
HINT = 2_000
TITLE = 24
METADATA = 3_000


def plain(text: str, limit: int) -> Block:
    """Build a text object without markup; Slack refuses an empty one, so it becomes a dash."""
    return {"type": "plain_text", "text": shorten(readable(text), limit) or "-"}


def mrkdwn(text: str, limit: int = SECTION_TEXT) -> Block:
    """Build a text object with markup; `verbatim` keeps Slack from linking names in plain text."""
    return {"type": "mrkdwn", "text": clip(text, limit) or "-", "verbatim": True}


def header(text: str, block_id: str) -> Block:
    return {"type": "header", "block_id": block_id, "text": plain(text, HEADER_TEXT)}


def section(text: str, block_id: str, *, accessory: Block | None = None) -> Block:
    block = {"type": "section", "block_id": block_id, "text": mrkdwn(text)}
    return block if accessory is None else {**block, "accessory": accessory}


def facts(pairs: Sequence[tuple[str, str]], block_id: str) -> Block:
    """Build a section of up to ten labelled values in two columns; the values are mrkdwn."""
    fields = [mrkdwn(f"*{label}*\n{value}", FIELD_TEXT) for label, value in pairs[:10]]
    return {"type": "section", "block_id": block_id, "fields": fields}


def context(text: str, block_id: str) -> Block:
    return {"type": "context", "block_id": block_id, "elements": [mrkdwn(text)]}


def actions(elements: Sequence[Block], block_id: str) -> Block:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def confirm(title: str, text: str, yes: str, no: str, *, danger: bool = False) -> Block:
    """Build the dialog that asks before a button acts; `text` is plain."""
    dialog = {
        "title": plain(title, 100),
        "text": plain(text, 300),
        "confirm": plain(yes, 30),
        "deny": plain(no, 30),
    }
    return {**dialog, "style": "danger"} if danger else dialog


def button(
    text: str, action_id: str, value: str, *, style: str = "", label: str = "", ask: Block | None = None
) -> Block:
    """Build a button; a screen reader reads `label` where several buttons have the same `text`."""
    block: Block = {
        "type": "button",
        "action_id": action_id,
        "text": plain(text, BUTTON_TEXT),
        "value": value,
    }
    if label:
        block["accessibility_label"] = shorten(readable(label), BUTTON_TEXT)
    if style:
        block["style"] = style
    if ask is not None:
        block["confirm"] = ask
    return block


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of a select: the value that Slack sends back, and the text that the person reads."""

    value: str
    text: str


def option(choice: Choice) -> Block:
    return {"text": plain(choice.text, OPTION_TEXT), "value": choice.value}


def fitting(choices: Sequence[Choice]) -> list[Choice]:
    """Return the choices that Slack accepts: values of 1 to 150 characters, each once, at most a hundred."""
    kept: dict[str, Choice] = {}
    for choice in choices:
        if 0 < len(choice.value) <= OPTION_VALUE:
            kept.setdefault(choice.value, choice)
    return list(kept.values())[:OPTIONS]


def select(
    action_id: str,
    groups: Sequence[tuple[str, Sequence[Choice]]],
    *,
    chosen: str = "",
    placeholder: str = "",
) -> Block:
    """Build a static select of `fitting` choices; a single group shows no label. Needs at least one choice."""
    kept = [(label, choices) for label, choices in groups if choices]
    block: Block = {"type": "static_select", "action_id": action_id}
    if placeholder:
        block["placeholder"] = plain(placeholder, PLACEHOLDER)
    if len(kept) == 1:
        block["options"] = [option(choice) for choice in kept[0][1]]
    else:
        block["option_groups"] = [
            {"label": plain(label, OPTION_TEXT), "options": [option(choice) for choice in choices]}
            for label, choices in kept
        ]
    initial = next((choice for _, each in kept for choice in each if choice.value == chosen), None)
    if initial is not None:
        block["initial_option"] = option(initial)
    return block


def input_block(
    block_id: str,
    label: str,
    element: Block,
    *,
    hint: str = "",
    optional: bool = False,
    dispatches: bool = False,
) -> Block:
    block: Block = {
        "type": "input",
        "block_id": block_id,
        "label": plain(label, LABEL),
        "element": element,
        "optional": optional,
    }
    if hint:
        block["hint"] = plain(hint, HINT)
    if dispatches:
        block["dispatch_action"] = True
    return block


def text_input(
    action_id: str,
    *,
    initial: str = "",
    placeholder: str = "",
    longest: int = 0,
    multiline: bool = False,
) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": action_id, "multiline": multiline}
    longest = min(longest, 3_000)
    if longest:
        element["max_length"] = longest
    if initial:
        element["initial_value"] = initial[: longest or 3_000]
    if placeholder:
        element["placeholder"] = plain(placeholder, PLACEHOLDER)
    return element


def modal(
    callback_id: str,
    title: str,
    blocks: Sequence[Block],
    *,
    submit: str = "",
    close: str = "Close",
    metadata: str = "",
    notify_on_close: bool = False,
) -> dict[str, Any]:
    """Build a modal view; without `submit` it has only the button that closes it.

    With `notify_on_close` Slack sends `view_closed` when a person closes it.
    """
    view: dict[str, Any] = {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, TITLE),
        "close": plain(close, TITLE),
        "blocks": list(blocks),
    }
    if submit:
        view["submit"] = plain(submit, TITLE)
    if metadata:
        view["private_metadata"] = metadata
    if notify_on_close:
        view["notify_on_close"] = True
    return view
