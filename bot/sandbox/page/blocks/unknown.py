"""What this page does not know is shown as what it is, so that nobody takes a gap for the bot's silence."""

import json

from bot.sandbox.page.markup import tag
from bot.sandbox.page.surface import Surface
from bot.sandbox.slack.records import Json


def draw_unknown(block: Json, surface: Surface) -> None:
    """A box with the block's or element's type and its JSON."""
    with tag("div", classes="unknown", role="note"):
        tag("p", f"This page cannot draw “{block.get('type', '')}”. Slack may; here is its JSON:")
        tag("pre", json.dumps(block, indent=2, ensure_ascii=False))
