"""A question on its way to a model and the answer on its way back into Slack.

The answer is posted once, whole: nothing is left behind that waits for an answer if the process dies in between.
"""

import logging
from dataclasses import replace

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat import Chat
from bot.domain import ModelRef, Place
from handlers.blocks.answer import answer_messages, ask_messages
from handlers.blocks.said import said
from handlers.errors import Tell, slack_code
from handlers.poster import NO_WAY_IN, Poster

logger = logging.getLogger(__name__)


class Questions:
    """Asks a model and posts what it says."""

    def __init__(self, chat: Chat, poster: Poster, client: AsyncWebClient) -> None:
        self._chat = chat
        self._poster = poster
        self._client = client

    async def ask_in_channel(
        self, place: Place, user: str, question: str, model: ModelRef, privately: Tell
    ) -> None:
        """Post question and answer in the channel; the thread under them goes on with the same model.

        An answer that was paid for is not lost where the bot may not post: it is told `privately`.
        """
        reply = await self._chat.ask(place, question, model)
        first, *rest = ask_messages(
            user, model.name, question, reply.answer, history_dropped=reply.history_dropped
        )
        try:
            ts = await self._poster.say(place, first)
        except SlackApiError as error:
            if slack_code(error) not in NO_WAY_IN:
                raise
            for message in (
                first,
                *rest,
                said("I am not in this channel, so only you see this. /invite me to it."),
            ):
                await privately(message)
            return
        thread = replace(place, thread=place.thread or ts)
        for message in rest:
            await self._poster.say(thread, message)
        await self._chat.remember(thread, reply)

    async def answer_in_thread(self, place: Place, question: str, model: ModelRef) -> None:
        """Answer in the thread of a message that Slack already shows."""
        await self._show_thinking(place, model)
        reply = await self._chat.ask(place, question, model)
        for message in answer_messages(model.name, reply.answer, history_dropped=reply.history_dropped):
            await self._poster.say(place, message)
        await self._chat.remember(place, reply)

    async def _show_thinking(self, place: Place, model: ModelRef) -> None:
        """Slack takes the status away when the answer is posted; a workspace without it loses nothing."""
        try:
            await self._client.assistant_threads_setStatus(
                channel_id=place.channel, thread_ts=place.thread, status=f"is asking {model.name}…"
            )
        except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
            logger.debug("no thinking status: %s", error)
