"""A question on its way to a model and the answer on its way back into Slack.

What a person asked is on paper before Slack hears that it arrived; what follows goes on after a restart, see
`bot/chat/answer_worker.py`. Here is only how Slack is spoken to: where the answer goes, and how it is found again.
"""

import logging
from dataclasses import replace

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.answer_worker import AnswerWorker
from bot.domain.chat import ModelAnswer, ModelRef, Question
from bot.domain.place import Place
from bot.errors import BotError
from bot.ports.notifier import RecordAttempt
from bot.ports.questions import OpenQuestion, Posted
from bot.runtime.background_tasks import BackgroundTasks
from handlers.blocks.chat.answer import answer_messages, ask_messages
from handlers.blocks.message import Message
from handlers.blocks.said import said
from handlers.delivery.idempotent_poster import IdempotentPoster, translated_slack_errors
from handlers.delivery.post_finder import answer_metadata
from handlers.delivery.poster import NO_ACCESS, Poster
from handlers.errors import Tell, explain, slack_code, words

logger = logging.getLogger(__name__)

_FAILED = (SlackApiError, aiohttp.ClientError, TimeoutError)


class Questions:
    """Takes what the surfaces hear, and sees to it in tasks."""

    def __init__(
        self,
        asking: AnswerWorker,
        once: IdempotentPoster,
        poster: Poster,
        client: AsyncWebClient,
        tasks: BackgroundTasks,
    ) -> None:
        self._asking = asking
        self._once = once
        self._poster = poster
        self._client = client
        self._tasks = tasks

    async def take(self, question: Question, tell: Tell) -> None:
        """Write it down; on return it is safe to acknowledge it, and it is being answered.

        A question that was taken before is left alone, also one that was answered. Nothing is raised: what goes
        wrong is told through `tell`, as is what only the person who typed a command or filled in a form is told.
        """
        try:
            asked = await self._asking.add(question)
        except BotError as error:
            self._tasks.spawn(explain(error, tell), question.key)
            return
        if asked is not None:
            self._see_through(asked, tell if question.quoted else None)

    async def take_up(self) -> None:
        """Go on with what an earlier process left open; its response URLs are gone with it."""
        for asked in await self._asking.open_questions():
            logger.info("taking up %s", asked.question.key)
            self._see_through(asked, None)

    def _see_through(self, asked: OpenQuestion, tell: Tell | None) -> None:
        to = SlackAnswerPoster(self._once, self._poster, self._client, tell)
        self._tasks.spawn(self._asking.process(asked, to), asked.question.key)


class SlackAnswerPoster:
    """The AnswerPoster of `bot.ports` for one question. `tell`, where there is one, reaches the person alone."""

    def __init__(self, once: IdempotentPoster, poster: Poster, client: AsyncWebClient, tell: Tell | None) -> None:
        self._once = once
        self._poster = poster
        self._client = client
        self._tell = tell

    async def show_asking(self, question: Question, model: ModelRef) -> None:
        """Slack takes the status away when the answer is posted; a workspace without it loses nothing."""
        if question.quoted:
            await self._tell_now(said(f"AnswerWorker {model.name}…"))
            return
        place = question.place
        try:
            await self._client.assistant_threads_setStatus(
                channel_id=place.channel, thread_ts=place.thread, status=f"is asking {model.name}…"
            )
        except _FAILED as error:
            logger.debug("no thinking status: %s", error)

    async def post(self, asked: OpenQuestion, answer: ModelAnswer, record_attempt: RecordAttempt) -> Posted:
        """Question and answer in the channel, or the answer in the thread of a message that shows the question."""
        with translated_slack_errors():
            place, ts = await self._found_or_posted(asked, answer, record_attempt)
        last = asked.posted + 1 >= len(_messages(asked.question, answer, place))
        return Posted(replace(place, thread=place.thread or ts), last)

    async def explain(self, asked: OpenQuestion, error: Exception, record_attempt: RecordAttempt) -> None:
        """Where the question stands for everyone to see, else for who asked alone."""
        question, trace = asked.question, answer_metadata(asked.question.key, "error")
        message = words(error)
        with translated_slack_errors():
            if not question.quoted:
                try:
                    earlier = asked.unconfirmed
                    if earlier is None or await self._once.find(trace, earlier, record_attempt) is None:
                        await self._once.post(question.place, message, trace, record_attempt)
                    return
                except SlackApiError as refusal:
                    if slack_code(refusal) not in NO_ACCESS:
                        raise
            if not await self._tell_now(message):
                await self._poster.post_ephemeral(question.place, question.user, message)

    async def _found_or_posted(
        self, asked: OpenQuestion, answer: ModelAnswer, record_attempt: RecordAttempt
    ) -> tuple[Place, str]:
        """Where the next message of the answer stands, and its `ts`."""
        question, trace = asked.question, answer_metadata(asked.question.key, str(asked.posted))
        earlier = asked.unconfirmed
        if earlier is not None and (ts := await self._once.find(trace, earlier, record_attempt)) is not None:
            logger.info("found message %d of the answer to %s", asked.posted, question.key)
            return earlier.place, ts
        place = asked.thread or question.place
        try:
            message = _messages(question, answer, place)[asked.posted]
            return place, await self._once.post(place, message, trace, record_attempt)
        except SlackApiError as error:
            if slack_code(error) not in NO_ACCESS:
                raise
        logger.info("no way into %s, answering %s directly", place.channel, question.key)
        direct = Place(place.team, await self._poster.direct_channel(question.user))
        message = _messages(question, answer, direct)[asked.posted]
        ts = await self._once.post(direct, message, trace, record_attempt)
        await self._tell_now(said("I cannot post in this channel, so I sent you the answer directly."))
        return direct, ts

    async def _tell_now(self, message: Message) -> bool:
        """Tell the person privately, if that is still possible. What failed once may by now be gone for good."""
        if self._tell is None:
            return False
        try:
            await self._tell(message)
        except _FAILED as error:
            logger.info("could not tell a person privately: %s", error)
            self._tell = None
        return self._tell is not None


def _messages(question: Question, answer: ModelAnswer, place: Place) -> list[Message]:
    """The whole answer. Where nobody sees the question beside it, it is quoted."""
    model, text, dropped = answer.model.name, answer.answer, answer.history_dropped
    if question.quoted or place.channel != question.place.channel:
        return ask_messages(question.user, model, question.text, text, history_dropped=dropped)
    return answer_messages(model, text, history_dropped=dropped)
