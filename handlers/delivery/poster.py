"""How the bot speaks in Slack: every message leaves through here, with the same safe settings and at Slack's pace.

Nothing unfurls and nothing is parsed, so a link or a name in somebody's text stays text. Slack's own errors pass
through as SlackApiError; who called decides what they mean.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.domain.place import Place
from handlers.blocks.message import Message
from handlers.delivery.rate_limits import Method, RateLimits
from handlers.errors import Tell, retry_after, slack_code

logger = logging.getLogger(__name__)

# Slack's words for a channel that the bot cannot post in.
NO_ACCESS: Final = frozenset(
    {
        "not_in_channel",
        "channel_not_found",
        "is_archived",
        "restricted_action",
        "no_permission",
        "user_not_in_channel",
    }
)

_QUIET: Final[dict[str, Any]] = {"unfurl_links": False, "unfurl_media": False}
_TRIES: Final = 3
# The SDK has a time-out of its own, which it leaves out where clients share a session: then it is five minutes.
ANSWER_SECONDS: Final = 30.0

Begin = Callable[[], Awaitable[None]]


async def _at_once() -> None:
    return None


class Poster:
    """Posts, whispers and edits messages with one shared client, at one pace for all.

    `say` and `edit` wait where Slack asks for a pause, since a person waits for the message; with `patient=False`
    they raise instead, for those who have better things to do. No answer within `seconds` is a TimeoutError.
    """

    def __init__(
        self, client: AsyncWebClient, pace: RateLimits | None = None, seconds: float = ANSWER_SECONDS
    ) -> None:
        self._client = client
        self._seconds = seconds
        self.pace = pace or RateLimits()
        # The SDK would repeat a 429 by itself and leave everybody else knocking; here all heed the pause.
        self._strict_client = AsyncWebClient(
            token=client.token,
            base_url=client.base_url,
            session=client.session,
            retry_handlers=[],
        )

    async def say(
        self,
        place: Place,
        message: Message,
        *,
        metadata: dict[str, Any] | None = None,
        begin: Begin = _at_once,
        patient: bool = True,
    ) -> str:
        """Post in the channel, or in its thread where the place has one; returns the message's `ts`.

        `begin` is awaited when the message's turn has come, right before it is sent.
        """

        async def send() -> str:
            async with self.pace.posting(place.channel):
                await begin()
                async with asyncio.timeout(self._seconds):
                    answer = await self._strict_client.chat_postMessage(
                        channel=place.channel,
                        text=message.text,
                        blocks=list(message.blocks),
                        thread_ts=place.thread or None,
                        metadata=metadata,
                        parse="none",
                        **_QUIET,
                    )
            return str(answer["ts"])

        return await self._paced(Method.POST, send, patient)

    async def edit(self, channel: str, ts: str, message: Message, *, patient: bool = True) -> None:
        """Replace the message. Text and blocks go together: an update without blocks would remove them."""

        async def send() -> str:
            async with self.pace.editing(), asyncio.timeout(self._seconds):
                await self._strict_client.chat_update(
                    channel=channel, ts=ts, text=message.text, blocks=list(message.blocks), parse="none"
                )
            return ts

        await self._paced(Method.EDIT, send, patient)

    async def _paced(self, method: Method, send: Callable[[], Awaitable[str]], patient: bool) -> str:
        for left in reversed(range(_TRIES if patient else 1)):
            try:
                return await send()
            except SlackApiError as error:
                seconds = retry_after(error)
                if seconds is not None:
                    self.pace.pause(method, seconds)
                if seconds is None or not left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def post_ephemeral(self, place: Place, user: str, message: Message) -> None:
        """Show a message to one person only: in the channel, or directly where that does not let the bot in."""
        try:
            async with self.pace.whispering(place.channel):
                await self._client.chat_postEphemeral(
                    channel=place.channel,
                    user=user,
                    text=message.text,
                    blocks=list(message.blocks),
                    thread_ts=place.thread or None,
                    parse="none",
                )
        except SlackApiError as error:
            if slack_code(error) not in NO_ACCESS:
                raise
            await self.say(Place(place.team, await self.direct_channel(user)), message)

    def answering(self, response_url: str) -> Tell:
        """Answers a command or a button, up to five times in half an hour; only who typed or pressed sees them."""

        async def tell(message: Message) -> None:
            # Bolt's own `respond` opens a connection for each answer, which costs more than all the rest of it.
            door = AsyncWebhookClient(response_url, session=self._client.session)
            answer = await door.send(
                text=message.text,
                blocks=list(message.blocks),
                response_type="ephemeral",
                replace_original=False,
                **_QUIET,
            )
            # A response URL answers `ok` as plain text, and what it refuses without any error status.
            if answer.status_code != HTTPStatus.OK or "false" in answer.body:
                logger.warning(
                    "Slack refused an answer, sending its text alone: %s %s", answer.status_code, answer.body
                )
                await door.send(text=message.text, response_type="ephemeral", replace_original=False, **_QUIET)

        return tell

    async def direct_channel(self, user: str) -> str:
        """The channel of the direct messages with a person."""
        answer = await self._client.conversations_open(users=user)
        return str(answer["channel"]["id"])
