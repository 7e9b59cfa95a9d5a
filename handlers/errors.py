"""Where an error becomes words: the one @app.error, and the same for work that goes on after the acknowledgement.

A BotError says what happened and what to do. Anything else is a fault of ours: it is logged with a short
reference, and the person is shown that reference and nothing else.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError

from bot.errors import BotError, SlackError
from handlers.blocks.message import Message
from handlers.blocks.notices import error_message, unexpected_message

logger = logging.getLogger(__name__)

Tell = Callable[[Message], Awaitable[object]]


def words(error: Exception) -> Message:
    """What a person is told of an error; what is not ours to explain is logged with the reference they see."""
    if isinstance(error, SlackApiError):
        error = in_words(error) or error
    if isinstance(error, BotError):
        return error_message(error)
    reference = secrets.token_hex(3)
    logger.error("unexpected error, reference %s", reference, exc_info=error)
    return unexpected_message(reference)


def in_words(error: SlackApiError) -> SlackError | None:
    """Slack's refusals that a person can do something about; None for the others, which are ours to mend."""
    match slack_code(error):
        case "not_in_channel" | "channel_not_found":
            return SlackError("I am not in this channel.", "Invite me with /invite, then try again.")
        case "is_archived":
            return SlackError("This channel is archived.", "Use another one.")
        case "expired_trigger_id" | "invalid_trigger_id":
            return SlackError("Slack gave up waiting before I could open the form.", "Try again.")
        case "missing_scope":
            needed = str(error.response.data.get("needed") or "a scope")
            return SlackError(
                f"The app lacks the scope {needed}.",
                "Ask the person who installed Tunebot to add it and to install the app again.",
            )
        case "ratelimited":
            return SlackError("Slack asks me to slow down.", "Try again in a minute.")
    return None


def slack_code(error: SlackApiError) -> str:
    """Slack's own word for a refusal; empty where not Slack's API answered but, say, a 503's page."""
    data = getattr(error.response, "data", None)
    return str(data.get("error") or "") if isinstance(data, dict) else ""


def slack_status(error: SlackApiError) -> int:
    """The HTTP status of a refusal, 200 for most."""
    return int(getattr(error.response, "status_code", 200))


def retry_after(error: SlackApiError) -> float | None:
    """The seconds for which Slack asks for a pause; None where the refusal is about something else."""
    if slack_code(error) != "ratelimited" and slack_status(error) != 429:
        return None
    asked = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
    return float(asked) if asked.isdecimal() else 1.0


async def guarded(work: Awaitable[None], tell: Tell) -> None:
    """Run the work; whatever goes wrong is told through `tell`, which may itself fail when Slack is away."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - this is the boundary at which every error must become words
        await explain(error, tell)


async def explain(error: Exception, tell: Tell) -> None:
    """Tell of an error, if Slack can be reached."""
    message = words(error)
    try:
        await tell(message)
    except (SlackApiError, aiohttp.ClientError, TimeoutError) as failure:
        logger.warning("could not tell a person of an error: %s", failure)


async def on_error(error: Exception, body: dict[str, Any]) -> BoltResponse:
    """What raised before anything was acknowledged. An empty 200 keeps Slack from delivering the same again."""
    words(error)
    logger.error("a request of type %s failed before it was handled", body.get("type") or body.get("command"))
    return BoltResponse(status=200, body="")
