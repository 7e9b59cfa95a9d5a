"""Posts that must stand in Slack once, and what Slack's refusals mean for whoever tries again.

An edit may be repeated; a post may not. So each post is begun on paper first, and what was begun and never
answered is looked for in Slack before anything is posted again.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.domain.place import Place
from bot.errors import RetryLater, Unconfirmed, Undeliverable
from bot.ports.clock import Clock
from bot.ports.notifier import PostAttempt, RecordAttempt
from handlers.blocks.message import Message
from handlers.delivery.post_finder import PostFinder
from handlers.delivery.poster import NO_ACCESS, Poster
from handlers.errors import retry_after, slack_code, slack_status

logger = logging.getLogger(__name__)

# How long Slack may still be busy with a post whose answer was lost: before that, "not there" is no answer.
SETTLES_IN: Final = timedelta(seconds=10)

# The app's own trouble with the workspace: whoever installed it can mend that, and then nothing must be lost.
_NOT_LET_IN = {"account_inactive", "invalid_auth", "missing_scope", "not_authed", "token_expired", "token_revoked"}
_PASSING = {"service_unavailable", "request_timeout", "team_added_to_org"}
# Slack says of these itself that some of what was asked may have been done.
_UNSURE = {"internal_error", "fatal_error"}
_BROKEN = (aiohttp.ClientError, TimeoutError, ConnectionError)


class IdempotentPoster:
    """Posts with a trace, and finds by it what may have been posted before."""

    def __init__(
        self, poster: Poster, traces: PostFinder, clock: Clock, settles_in: timedelta = SETTLES_IN
    ) -> None:
        self._poster = poster
        self._traces = traces
        self._clock = clock
        self._settles_in = settles_in

    async def find(
        self, trace: dict[str, Any], begun: PostAttempt, begin: RecordAttempt, *, but: str = ""
    ) -> str | None:
        """The `ts` of the post that was begun, or None if it certainly is not there and cannot come any more.

        Raises Unconfirmed. `but` is the `ts` of an older post that is not meant.
        """
        try:
            ts = await self._traces.find(trace, begun, but=but)
        except SlackApiError as error:
            if slack_code(error) in NO_ACCESS:
                # Were it there, it could neither be read nor edited: it is told where the person can be reached.
                return None
            why, pause = slack_code(error) or str(slack_status(error)), retry_after(error) or 1.0
            raise Unconfirmed(f"Slack does not show whether it has the message: {why}.", pause) from error
        except _BROKEN as error:
            raise Unconfirmed(str(_unreachable(error)), 1.0) from error
        age = self._clock.now() - begun.at
        if ts is None and age < timedelta():
            # The clock was set back since, so how long ago it was is not known: the wait begins anew.
            await begin(begun.place)
            age = timedelta()
        if ts is None and age < self._settles_in:
            raise Unconfirmed(
                "Slack may still be busy with the message.", (self._settles_in - age).total_seconds()
            )
        return ts

    async def post(self, place: Place, message: Message, trace: dict[str, Any], begin: RecordAttempt) -> str:
        """Post it and give its `ts`. Raises Unconfirmed where it may have arrived, SlackApiError where not."""
        try:
            return await self._poster.say(
                place, message, metadata=trace, begin=lambda: begin(place), patient=False
            )
        except aiohttp.ClientConnectorError:
            raise  # there was no connection, so nothing was sent
        except _BROKEN as error:
            raise Unconfirmed(f"Slack's answer was lost: {type(error).__name__}.", 1.0) from error
        except SlackApiError as error:
            code, status = slack_code(error), slack_status(error)
            if code in _UNSURE or (not code and status != 429):
                raise Unconfirmed(f"Slack failed at a post: {code or status}.", 1.0) from error
            raise


@contextmanager
def translated_slack_errors() -> Iterator[None]:
    """What Slack refuses inside the block, or leaves unanswered, becomes RetryLater or Undeliverable."""
    try:
        yield
    except SlackApiError as error:
        raise _translated(error) from error
    except _BROKEN as error:
        raise _unreachable(error) from error


def _unreachable(error: Exception) -> RetryLater:
    return RetryLater(f"Slack cannot be reached: {type(error).__name__}.", seconds=1.0)


def _translated(error: SlackApiError) -> RetryLater | Undeliverable:
    """What a refusal means for who tells: again later, or never."""
    code, status = slack_code(error), slack_status(error)
    if (seconds := retry_after(error)) is not None:
        return RetryLater("Slack asks for a pause.", seconds=seconds)
    if code in _NOT_LET_IN:
        logger.error("Slack does not let the app in: %s. Messages wait until that is mended.", code)
        return RetryLater(f"Slack does not let the app in: {code}.", seconds=30.0)
    if status >= 500 or not code or code in _PASSING or code in _UNSURE:
        return RetryLater(f"Slack fails: {code or status}.", seconds=1.0)
    return Undeliverable(f"Slack refuses the message: {code}.")
