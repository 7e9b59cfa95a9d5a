"""Posts and edits every message of the bot, with the same safe settings and within Slack's rate limits.

Links are not unfurled and names are not parsed, so other people's text stays text. Slack's errors pass as
SlackApiError; the caller decides what they mean.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.domain.place import Place
from handlers.blocks.message import Block, Message, has_chart, plain_forms
from handlers.delivery.rate_limits import Method, RateLimits
from handlers.errors import Respond
from handlers.slack_errors import (
    BAD_MESSAGE,
    CALL_ERRORS,
    CANNOT_POST,
    ThreadDeleted,
    reason_of,
    retry_after,
    slack_code,
)
from handlers.transport.proxies import proxy_for

logger = logging.getLogger(__name__)

_NO_UNFURL: Final[dict[str, Any]] = {"unfurl_links": False, "unfurl_media": False}
_TRIES: Final = 3
# slack-sdk ignores its own time-out where clients share a session; the session's default is five minutes.
CALL_SECONDS: Final = 30.0
_STATUS_SECONDS: Final = 3.0  # a status that comes later is of no use


async def _nothing() -> None:
    return None


def _left_the_thread(answer: AsyncSlackResponse) -> bool:
    """Return whether Slack says that it posted a reply outside of its thread; unknown is no."""
    shown = answer.get("message")
    return isinstance(shown, dict) and bool(shown.get("ts")) and not shown.get("thread_ts")


class Poster:
    """Posts, edits and shows ephemeral messages with one shared client and one set of rate limits.

    `post` and `edit` wait where Slack asks for a pause, since a person waits for the message; with
    `wait_for_pause=False` they raise instead. Both raise TimeoutError after `seconds` without an answer.
    """

    def __init__(
        self, client: AsyncWebClient, limits: RateLimits | None = None, seconds: float = CALL_SECONDS
    ) -> None:
        self._client = client
        self._seconds = seconds
        self.limits = limits or RateLimits()
        # slack-sdk would repeat a 429 by itself while others go on calling; with our own limits all of them pause.
        self._strict_client = AsyncWebClient(
            token=client.token,
            base_url=client.base_url,
            session=client.session,
            retry_handlers=[],
        )
        self._strict_client.proxy = client.proxy

    async def post(
        self,
        place: Place,
        message: Message,
        *,
        metadata: dict[str, Any] | None = None,
        before: Callable[[], Awaitable[None]] = _nothing,
        wait_for_pause: bool = True,
        broadcast: bool = False,
        in_thread_only: bool = False,
    ) -> str:
        """Post in the channel, or in the thread where the place has one; return the message's `ts`.

        With `broadcast`, a reply in a thread is also shown in the channel. With `in_thread_only`, a reply does not
        stay in the channel where Slack posts it there, because the thread's first message was deleted.
        `before` is awaited after all waiting, right before the message is sent. Where Slack refuses the message
        itself, its text is sent without blocks.
        """

        async def send(message: Message) -> str:
            async with self.limits.posting(place.channel):
                await before()
                async with asyncio.timeout(self._seconds):
                    answer = await self._strict_client.chat_postMessage(
                        channel=place.channel,
                        text=message.text,
                        blocks=list(message.blocks),
                        thread_ts=place.thread or None,
                        reply_broadcast=(broadcast and bool(place.thread)) or None,
                        metadata=metadata,
                        parse="none",
                        **_NO_UNFURL,
                    )
            if in_thread_only and place.thread and _left_the_thread(answer):
                await self._take_back(place.channel, str(answer["ts"]))
                raise ThreadDeleted(answer)
            return str(answer["ts"])

        return await self._send_accepted(Method.POST, send, message, wait_for_pause)

    async def _take_back(self, channel: str, ts: str) -> None:
        """Delete what Slack posted in the channel in place of a thread whose first message was deleted.

        Source: https://github.com/slack-go/slack/issues/1571.
        """
        try:
            await self.delete(channel, ts)
        except CALL_ERRORS as error:
            logger.warning("a message for a deleted thread stays in the channel: %s", reason_of(error))

    async def edit(
        self,
        channel: str,
        ts: str,
        message: Message,
        *,
        metadata: dict[str, Any] | None = None,
        wait_for_pause: bool = True,
        as_it_is: bool = False,
    ) -> None:
        """Replace the message, always with text and blocks: an update without blocks would remove them.

        Where Slack refuses the message itself, its text replaces it without blocks, unless it is taken `as_it_is`.
        """

        async def send(message: Message) -> str:
            async with self.limits.editing(), asyncio.timeout(self._seconds):
                await self._strict_client.chat_update(
                    channel=channel,
                    ts=ts,
                    text=message.text,
                    blocks=list(message.blocks),
                    metadata=metadata,
                    parse="none",
                )
            return ts

        if as_it_is:
            await self._send(Method.EDIT, partial(send, message), wait_for_pause)
        else:
            await self._send_accepted(Method.EDIT, send, message, wait_for_pause)

    async def delete(self, channel: str, ts: str) -> None:
        """Delete a message of the bot. Raises SlackApiError, NETWORK_ERRORS."""
        async with asyncio.timeout(self._seconds):
            await self._strict_client.chat_delete(channel=channel, ts=ts)

    async def start_stream(self, place: Place, reader: str) -> str:
        """Begin a streamed message without words in a thread, and return its `ts`.

        In a channel Slack requires the person whose question is answered:
        docs.slack.dev/reference/methods/chat.startStream. The streaming methods raise SlackApiError and
        NETWORK_ERRORS; after a refusal for its rate, a method pauses for everybody.
        """
        answer = await self._stream(
            Method.START_STREAM,
            self._strict_client.chat_startStream(
                channel=place.channel,
                thread_ts=place.thread,
                recipient_user_id=reader,
                recipient_team_id=place.team,
            ),
        )
        return str(answer["ts"])

    async def append_stream(self, channel: str, ts: str, markdown: str) -> None:
        """Add Markdown to a streamed message."""
        await self._stream(
            Method.APPEND_STREAM,
            self._strict_client.chat_appendStream(channel=channel, ts=ts, markdown_text=markdown),
        )

    async def stop_stream(
        self,
        channel: str,
        ts: str,
        markdown: str = "",
        blocks: Sequence[Block] = (),
        metadata: dict[str, Any] | None = None,
        *,
        status: str = "active",
    ) -> None:
        """Add the last words and blocks to a streamed message and end it; the agent's session gets the status."""
        await self._stream(
            Method.STOP_STREAM,
            self._strict_client.chat_stopStream(
                channel=channel,
                ts=ts,
                markdown_text=markdown or None,
                blocks=list(blocks) or None,
                metadata=metadata,
                session_status=status,
            ),
        )

    async def set_session_status(self, place: Place, status: str, title: str = "") -> None:
        """Set the status of the agent's session in a thread: `processing`, `active`, ...; name it if it is new.

        Source: docs.slack.dev/reference/methods/agents.sessions.setStatus. Raises SlackApiError, NETWORK_ERRORS.
        """
        async with asyncio.timeout(_STATUS_SECONDS):
            await self._strict_client.agents_sessions_setStatus(
                channel_id=place.channel, thread_ts=place.thread or None, status=status, title=title or None
            )

    async def _stream(self, method: Method, call: Awaitable[AsyncSlackResponse]) -> AsyncSlackResponse:
        try:
            async with asyncio.timeout(self._seconds):
                return await call
        except SlackApiError as error:
            if (seconds := retry_after(error)) is not None:
                self.limits.pause(method, seconds)
            raise

    async def _send_accepted(
        self, method: Method, send: Callable[[Message], Awaitable[str]], message: Message, wait_for_pause: bool
    ) -> str:
        """Send the message, or the first of its plain forms that Slack accepts."""
        forms = [message, *plain_forms(message)]
        if has_chart(message):  # The caller draws it without the chart first.
            forms = [message]
        for form in forms:
            try:
                return await self._send(method, partial(send, form), wait_for_pause)
            except SlackApiError as error:
                if form is forms[-1] or slack_code(error) not in BAD_MESSAGE:
                    raise
                logger.error("Slack refuses a message (%s), sending its text alone", slack_code(error))
        raise AssertionError("the last form returns or raises")

    async def _send(self, method: Method, send: Callable[[], Awaitable[str]], wait_for_pause: bool) -> str:
        for left in reversed(range(_TRIES if wait_for_pause else 1)):
            try:
                return await send()
            except SlackApiError as error:
                seconds = retry_after(error)
                if seconds is not None:
                    self.limits.pause(method, seconds)
                if seconds is None or not left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def post_ephemeral(self, place: Place, user: str, message: Message) -> bool:
        """Show a message to one person: in the channel, or directly where the bot cannot post in the channel.

        Returns whether it was in the channel. Raises SlackApiError, NETWORK_ERRORS.
        """
        forms = [message, *plain_forms(message)]
        for form in forms:
            try:
                async with self.limits.posting_ephemeral(place.channel):
                    await self._client.chat_postEphemeral(
                        channel=place.channel,
                        user=user,
                        text=form.text,
                        blocks=list(form.blocks),
                        thread_ts=place.thread or None,
                        parse="none",
                    )
                return True
            except SlackApiError as error:
                code = slack_code(error)
                if code in CANNOT_POST:
                    break
                if form is forms[-1] or code not in BAD_MESSAGE:
                    raise
                logger.error("Slack refuses a message (%s), showing its text alone", code)
        await self.post(Place(place.team, await self.direct_channel(user)), message)
        return False

    def respond_ephemeral(self, place: Place, user: str) -> Respond:
        """Return a Respond that shows ephemeral messages to this person in this place."""

        async def respond(message: Message) -> None:
            await self.post_ephemeral(place, user, message)

        return respond

    def respond_to(self, response_url: str, *, replace: bool = False) -> Respond:
        """Return a Respond that answers a command or a button, visible only to the person who used it.

        With `replace`, the answer takes the place of the message with the button, if the person sees it.
        The Respond raises NETWORK_ERRORS, also where Slack refuses the text alone.
        A response URL takes five messages within 30 minutes:
        docs.slack.dev/interactivity/handling-user-interaction#message_responses.
        """

        async def respond(message: Message) -> None:
            # Bolt's own `respond` opens a connection for each message, which takes longer than all other steps.
            webhook = AsyncWebhookClient(response_url, session=self._client.session)
            webhook.proxy = proxy_for(response_url)
            answer = await webhook.send(
                text=message.text,
                blocks=list(message.blocks),
                response_type="ephemeral",
                replace_original=replace,
                **_NO_UNFURL,
            )
            # A response URL answers `ok` as plain text, and reports a refusal with status 200 too.
            if answer.status_code != HTTPStatus.OK or "false" in answer.body:
                logger.warning(
                    "Slack refused a response, sending its text alone: %s %s", answer.status_code, answer.body
                )
                answer = await webhook.send(
                    text=message.text, response_type="ephemeral", replace_original=replace, **_NO_UNFURL
                )
                if answer.status_code != HTTPStatus.OK or "false" in answer.body:
                    raise ConnectionError(f"a response URL takes no message: {answer.body}")

        return respond

    async def direct_channel(self, user: str) -> str:
        """Return the id of the channel for direct messages with a person."""
        answer = await self._client.conversations_open(users=user)
        return str(answer["channel"]["id"])
