"""What people do to an answer: Slack's Stop, “Try again”, “Share”, and their vote on two answers."""

import logging
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.chat.compare import Comparisons
from bot.domain.place import Requester
from bot.runtime.background_tasks import BackgroundTasks
from handlers.blocks.chat.answer import FAILED_BLOCK, build_shared
from handlers.blocks.chat.two_answers import build_voted, read_choice
from handlers.blocks.replies import build_reply
from handlers.delivery.dead_buttons import pressed_value, report_press
from handlers.delivery.poster import Poster
from handlers.delivery.question_tasks import QuestionTasks
from handlers.errors import report_errors
from handlers.slack_errors import CALL_ERRORS, reason_of

logger = logging.getLogger(__name__)

Body = dict[str, Any]


class AnswerListeners:
    """Each method handles one route of `register`."""

    def __init__(
        self, questions: QuestionTasks, comparisons: Comparisons, poster: Poster, tasks: BackgroundTasks
    ) -> None:
        self._questions = questions
        self._comparisons = comparisons
        self._poster = poster
        self._tasks = tasks

    async def session_stopped(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Stop the answer in whose thread, or direct messages, a person pressed Slack's Stop.

        Source: docs.slack.dev/reference/events/agent_session_stopped.
        """
        await ack()
        if requester.place.thread or requester.place.is_direct:
            self._questions.stop(requester.place, requester.user)

    async def try_again(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Ask a question again that failed, or whose answer ended early."""
        await ack()
        asked = self._try_again(requester, body)
        self._tasks.spawn(report_press(asked, body, self._poster, once=True), "button")

    async def _try_again(self, requester: Requester, body: Body) -> None:
        url = body["response_url"]
        await self._questions.try_again(pressed_value(body), requester, self._poster.respond_to(url))
        if not body["container"].get("is_ephemeral") or body["actions"][0].get("block_id") != FAILED_BLOCK:
            return
        # Slack does not say what an ephemeral message shows, so it is replaced as a whole.
        try:
            await self._poster.respond_to(url, replace=True)(build_reply("I ask the same question again."))
        except CALL_ERRORS as error:
            logger.info("a button that was pressed stays: %s", reason_of(error))

    async def share(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Post a private answer in the channel in which it was asked for."""
        await ack()
        respond = self._poster.respond_to(body["response_url"])
        self._tasks.spawn(report_errors(self._share(requester, body), respond), "button")

    async def _share(self, requester: Requester, body: Body) -> None:
        url = body["response_url"]
        key = pressed_value(body)
        place = await self._questions.share(key, requester, self._poster.respond_to(url))
        # The button is gone with the private answer.
        await self._poster.respond_to(url, replace=True)(build_shared(place.channel))

    async def compared(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Store the person's vote on a comparison, and show them alone which model is which."""
        await ack()
        respond = self._poster.respond_to(body["response_url"])
        self._tasks.spawn(report_errors(self._compared(requester, body), respond), "vote")

    async def _compared(self, requester: Requester, body: Body) -> None:
        key, choice = read_choice(pressed_value(body))
        comparison = await self._comparisons.vote(requester, key, choice)
        await self._poster.respond_to(body["response_url"])(build_voted(comparison, choice))
