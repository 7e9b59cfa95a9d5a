"""Turns every error into a message: one handler for what fails before the acknowledgement, one for what fails
after it.

A BotError carries its own text. Any other error is a bug: it is logged with a short reference, and the person is
shown that reference and nothing else.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError

from bot.errors import BotError, StorageError
from handlers.blocks.message import Message
from handlers.blocks.replies import build_error, build_unexpected_error
from handlers.slack_errors import CALL_ERRORS, error_for_person

logger = logging.getLogger(__name__)

# Shows a message to one person: by a response URL, an ephemeral message, a view, or a reply.
Respond = Callable[[Message], Awaitable[object]]


def message_for(error: Exception) -> Message:
    """Return what a person is shown of an error; log a bug under the reference that the message names."""
    if isinstance(error, SlackApiError):
        error = error_for_person(error) or error
    if isinstance(error, BotError):
        return build_error(error)
    reference = secrets.token_hex(3)
    logger.error("unexpected error, reference %s", reference, exc_info=error)
    return build_unexpected_error(reference)


async def report_errors(work: Awaitable[None], respond: Respond) -> None:
    """Do the work, and report any error of it through `respond`."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - no error may pass this boundary without a message
        await report(error, respond)


async def report(error: Exception, respond: Respond) -> None:
    """Show the error to the person; log it where Slack cannot be reached."""
    message = message_for(error)
    try:
        await respond(message)
    except CALL_ERRORS as failure:
        logger.warning("could not show an error to a person: %s", failure)


async def on_error(error: Exception, body: dict[str, Any]) -> BoltResponse:
    """Log what a listener raised before it acknowledged; the empty 200 keeps Slack from a redelivery.

    An event that the database could not take is not acknowledged: Slack delivers it three more times within some
    minutes (docs.slack.dev/apis/events-api), and its key keeps it from being handled twice.
    """
    message_for(error)
    logger.error("a request of type %s failed before it was handled", body.get("type") or body.get("command"))
    deliver_again = isinstance(error, StorageError) and body.get("type") == "event_callback"
    return BoltResponse(status=503 if deliver_again else 200, body="")
