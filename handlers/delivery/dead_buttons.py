"""Does the work of a pressed button, and removes buttons for a model that was deleted.

The card of a job is drawn again when its model is deleted; the replies under it, lists and choices keep their
buttons until then.
"""

import logging
from collections.abc import Awaitable, Sequence
from typing import Any

from bot.errors import JobDeleted
from handlers.blocks.jobs.card_buttons import BUTTONS_BLOCK
from handlers.blocks.message import Block, Message
from handlers.delivery.poster import Poster
from handlers.errors import report
from handlers.slack_errors import CALL_ERRORS

logger = logging.getLogger(__name__)


async def report_press(work: Awaitable[None], body: dict[str, Any], poster: Poster) -> None:
    """Do the work of a button in a message, and show any error of it to the person alone.

    Where the button's job was deleted, its buttons leave the message, too. The payload is described at
    docs.slack.dev/reference/interaction-payloads/block_actions-payload.
    """
    try:
        await work
    except JobDeleted as error:
        await report(error, poster.respond_to(body["response_url"]))
        await _remove(error.key, body, poster)
    except Exception as error:  # noqa: BLE001 - no error may pass this boundary without a message
        await report(error, poster.respond_to(body["response_url"]))


def pressed_value(body: dict[str, Any]) -> str:
    """Return the value of the button that a person pressed, empty for one without a value."""
    return str(body["actions"][0].get("value") or "")


def without_buttons(blocks: Sequence[Block], key: str) -> list[Block]:
    """Return a message's blocks without the buttons whose value holds the job's key."""
    kept: list[Block] = []
    for block in blocks:
        if block.get("type") == "actions":
            elements = [each for each in block["elements"] if key not in str(each.get("value") or "")]
            if elements:
                kept.append({**block, "elements": elements})
        elif key in str((block.get("accessory") or {}).get("value") or ""):
            kept.append({name: value for name, value in block.items() if name != "accessory"})
        else:
            kept.append(block)
    return kept


async def _remove(key: str, body: dict[str, Any], poster: Poster) -> None:
    shown, container = body.get("message") or {}, body.get("container") or {}
    before = shown.get("blocks") or []
    after = without_buttons(before, key)
    # A card may have been drawn again since Slack sent its blocks, so these must not replace it.
    is_card = any(block.get("block_id") == BUTTONS_BLOCK for block in before)
    if is_card or after == before or not after:
        return
    message = Message(str(shown.get("text") or ""), tuple(after))
    try:
        if container.get("is_ephemeral"):
            await poster.respond_to(body["response_url"], replace=True)(message)
        else:
            await poster.edit(container["channel_id"], container["message_ts"], message)
    except CALL_ERRORS as error:
        logger.info("the buttons of a deleted job could not be removed: %s", error)
