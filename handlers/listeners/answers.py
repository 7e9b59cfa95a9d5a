"""What people do to an answer: Slack's Stop, “Try again”, “Share”, and their vote on two answers."""

from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.chat.compare import Comparisons
from bot.domain.place import Requester
from bot.runtime.background_tasks import BackgroundTasks
from handlers.blocks.chat.answer import build_shared
from handlers.blocks.chat.two_answers import build_voted, read_choice
from handlers.delivery.dead_buttons import pressed_value, report_press
from handlers.delivery.poster import Poster
from handlers.delivery.question_tasks import QuestionTasks
from handlers.errors import report_errors

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
        respond = self._poster.respond_to(body["response_url"])
        asked = self._questions.try_again(pressed_value(body), requester, respond)
        self._tasks.spawn(report_press(asked, body, self._poster, once=True), "button")

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
