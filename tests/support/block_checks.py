"""Who judges our pictures: the Slack stand-in's rules, Slack's own SDK, and a search for whatever would ping."""

import json
from typing import Any

from slack_sdk.models.blocks import Block as SdkBlock
from slack_sdk.models.views import View as SdkView

from bot.sandbox.slack.references import live_in_message
from bot.sandbox.slack.rules.surfaces import message_blocks, view_definition
from bot.sandbox.slack.workspace import SlackWorkspace
from handlers.blocks.message import Message

PINGS = {"everyone", "user", "usergroup"}


def check_message(message: Message, *, mentions: set[str] | None = None) -> None:
    """Assert that Slack takes the message and that it notifies nobody but `mentions`."""
    blocks = json.loads(json.dumps(message.blocks, allow_nan=False))
    message_blocks(blocks, SlackWorkspace())
    assert 0 < len(message.text) <= 4_000
    assert message.text.strip()
    _check_with_sdk(blocks)
    for parse in ("none", "full"):
        live = live_in_message(message.text if parse == "none" else "", blocks, parse=parse)
        pinged = {each.target for each in live if each.kind in PINGS}
        assert pinged <= (mentions or set()), pinged
        disguised = [each for each in live if each.kind == "link" and each.label]
        assert not disguised, disguised


def check_view(view: dict[str, Any]) -> None:
    """Assert that Slack takes the modal."""
    sent = json.loads(json.dumps(view, allow_nan=False))
    view_definition(sent, kind="modal")
    _check_with_sdk(sent["blocks"])
    SdkView(**sent).validate_json()
    live = live_in_message("", sent["blocks"])
    assert not [each for each in live if each.kind in PINGS]


def _check_with_sdk(blocks: list[dict[str, Any]]) -> None:
    for block in blocks:
        # The SDK knows no charts and no containers yet, and no file_input inside an input block.
        if (
            block["type"] in ("data_visualization", "container")
            or block.get("element", {}).get("type") == "file_input"
        ):
            continue
        parsed = SdkBlock.parse(json.loads(json.dumps(block)))
        assert parsed is not None, block["type"]
        parsed.validate_json()
