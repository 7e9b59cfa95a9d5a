"""Does the work of a pressed button, and removes buttons that can do nothing any more.

Those are all buttons for a model that was deleted, and one that works once, after it has worked or when it comes
too late. The card of a job is drawn again with its state; replies, lists and choices keep theirs until then.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from bot.errors import JobDeleted, Outdated
from handlers.blocks.jobs.card_buttons import BUTTONS_BLOCK
from handlers.blocks.message import Block, Message
from handlers.delivery.poster import Poster
from handlers.errors import report
from handlers.slack_errors import CALL_ERRORS

logger = logging.getLogger(__name__)


async def report_press(
    work: Awaitable[None], body: dict[str, Any], poster: Poster, *, too_late: bool = False, once: bool = False
) -> None:
    """Do the work of a button in a message, and show any error of it to the person alone.

    Where the button's job was deleted, its buttons leave the message, too. With `too_late`, Outdated means that
    the pressed button can do nothing any more, and with `once` so does its success: then it leaves the message.
    The payload is described at docs.slack.dev/reference/interaction-payloads/block_actions-payload.
    """
    try:
        await work
    except JobDeleted as error:
        await report(error, poster.respond_to(body["response_url"]))
        await _remove(body, partial(without_buttons, key=error.key), poster)
    except Outdated as error:
        await report(error, poster.respond_to(body["response_url"]))
        if too_late or once:
            await _remove(body, partial(without_pressed, pressed=body["actions"][0]), poster)
    except Exception as error:  # noqa: BLE001 - no error may pass this boundary without a message
        await report(error, poster.respond_to(body["response_url"]))
    else:
        if once:
            await _remove(body, partial(without_pressed, pressed=body["actions"][0]), poster)


def pressed_value(body: dict[str, Any]) -> str:
    """Return the value of the button that a person pressed, empty for one without a value."""
    return str(body["actions"][0].get("value") or "")


def without_buttons(blocks: Sequence[Block], key: str) -> list[Block]:
    """Return a message's blocks without the buttons whose value holds the job's key."""
    return _without(blocks, lambda element: key in str(element.get("value") or ""))


def without_pressed(blocks: Sequence[Block], pressed: Block) -> list[Block]:
    """Return a message's blocks without the button of this action and value."""
    names = ("action_id", "value")
    return _without(blocks, lambda element: all(element.get(name) == pressed.get(name) for name in names))


def _without(blocks: Sequence[Block], is_dead: Callable[[Block], bool]) -> list[Block]:
    kept: list[Block] = []
    for block in blocks:
        if block.get("type") == "actions":
            elements = [each for each in block["elements"] if not is_dead(each)]
            if elements:
                kept.append({**block, "elements": elements})
        elif is_dead(block.get("accessory") or {}):
            kept.append({name: value for name, value in block.items() if name != "accessory"})
        else:
            kept.append(block)
    return kept


async def _remove(body: dict[str, Any], without: Callable[[Sequence[Block]], list[Block]], poster: Poster) -> None:
    shown, container = body.get("message") or {}, body.get("container") or {}
    before = shown.get("blocks") or []
    after = without(before)
    # A card may have been drawn again since Slack sent its blocks, so these must not replace it.
    is_card = any(block.get("block_id") == BUTTONS_BLOCK for block in before)
    if is_card or after == before or not after:
        return
    message = Message(str(shown.get("text") or ""), tuple(after))
    try:
        if container.get("is_ephemeral"):
            await poster.respond_to(body["response_url"], replace=True)(message)
        else:
            # Where Slack refuses these blocks, the message stays as it is: its text alone must not replace it.
            await poster.edit(container["channel_id"], container["message_ts"], message, as_it_is=True)
    except CALL_ERRORS as error:
        logger.info("the buttons of a deleted job could not be removed: %s", error)
