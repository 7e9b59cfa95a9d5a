"""The rules of whole surfaces: a message's blocks together, a modal, a Home tab."""

import json
from typing import Any

from bot.sandbox.slack.records import Json
from bot.sandbox.slack.refusals import SlackError
from bot.sandbox.slack.rules.block_shapes import IN_MESSAGES, IN_VIEWS, MARKDOWN_TEXT, check_blocks, filled_in
from bot.sandbox.slack.rules.element_shapes import plain
from bot.sandbox.slack.rules.shapes import Fields, Findings, Needed, boolean, one_of, shape, string
from bot.sandbox.slack.workspace import SlackWorkspace

MESSAGE_BLOCKS = 50
MESSAGE_CHARACTERS = 13_200
MOST_CHARTS = 2
VIEW_BLOCKS = 100
VIEW_TITLE = 24
PRIVATE_METADATA = 3000
CALLBACK_ID = 255
VIEW_BYTES = 250_000


def message_blocks(blocks: Any, workspace: SlackWorkspace) -> list[Json]:
    """Return a message's blocks as Slack keeps them, or refuse them with every reason."""
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    findings = Findings()
    check_blocks(findings, blocks, IN_MESSAGES, MESSAGE_BLOCKS)
    kinds = [block.get("type") for block in blocks if isinstance(block, dict)]
    if "data_visualization" in kinds and not workspace.charts_enabled:
        findings.add("unsupported type: data_visualization")
    if kinds.count("data_visualization") > MOST_CHARTS:
        findings.add(f"no more than {MOST_CHARTS} data_visualization blocks allowed")
    markdown = sum(len(block.get("text", "")) for block in blocks if _is(block, "markdown"))
    if markdown > MARKDOWN_TEXT:
        findings.add(f"markdown text must be less than {MARKDOWN_TEXT + 1} characters over all blocks")
    if findings.messages:
        raise SlackError("invalid_blocks", messages=findings.messages)
    if _characters(blocks) > MESSAGE_CHARACTERS:
        raise SlackError("msg_blocks_too_long")
    return filled_in(blocks)


def _is(block: Any, kind: str) -> bool:
    return isinstance(block, dict) and block.get("type") == kind


def _characters(value: Any) -> int:
    """Count the characters that people read in blocks."""
    if isinstance(value, list):
        return sum(_characters(item) for item in value)
    if isinstance(value, dict):
        own = len(value["text"]) if isinstance(value.get("text"), str) else 0
        return own + sum(_characters(item) for item in value.values() if isinstance(item, dict | list))
    return 0


def view_definition(view: Any, *, kind: str | None = None) -> Json:
    """Return a modal or Home tab as Slack keeps it, or refuse it with every reason."""
    if not isinstance(view, dict):
        raise SlackError("invalid_arguments", messages=["[ERROR] must provide an object [json-pointer:/view]"])
    findings = Findings()
    with findings.at("view"):
        _check_view(findings, view, kind)
    if findings.messages:
        raise SlackError("invalid_arguments", messages=findings.messages)
    if len(json.dumps(view)) > VIEW_BYTES:
        raise SlackError("view_too_large")
    return {**json.loads(json.dumps(view)), "blocks": filled_in(view["blocks"])}


def _list(findings: Findings, value: Any) -> None:
    if not isinstance(value, list):
        findings.add("must be an array")


_BOTH: Fields = {
    "blocks": Needed(_list), "callback_id": string(CALLBACK_ID),
    "private_metadata": string(PRIVATE_METADATA),
}  # fmt: skip
_VIEWS = {
    "modal": shape(
        **_BOTH, title=Needed(plain(VIEW_TITLE)), submit=plain(VIEW_TITLE), close=plain(VIEW_TITLE),
        clear_on_close=boolean, notify_on_close=boolean, submit_disabled=boolean,
    ),
    "home": shape(**_BOTH),
}  # fmt: skip


def _check_view(findings: Findings, view: Json, kind: str | None) -> None:
    allowed = (kind,) if kind else tuple(_VIEWS)
    with findings.at("type"):
        one_of(*allowed)(findings, view.get("type"))
    blocks = view["blocks"] if isinstance(view.get("blocks"), list) else []
    if view.get("type") in _VIEWS:
        _VIEWS[view["type"]](findings, {name: held for name, held in view.items() if held is not None})
    is_modal = view.get("type") == "modal"
    check_blocks(findings, blocks, IN_VIEWS, VIEW_BLOCKS)
    if is_modal and view.get("submit") is None and any(_is(block, "input") for block in blocks):
        findings.add("missing required field: submit")
    for index, block in enumerate(blocks):
        if not is_modal and _is(block, "input") and _is(block.get("element"), "file_input"):
            with findings.at("blocks", index, "element"):
                findings.add("unsupported type: file_input")
