"""The thumbs under an answer, the form of a correction, and the button that switches feedback on."""

from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.feedback_service import FeedbackService
from bot.domain.feedback import Vote
from bot.domain.place import Requester
from bot.errors import BadArgument, BotError
from bot.runtime.background_tasks import BackgroundTasks
from handlers.blocks.chat.feedback import (
    build_correction_form,
    build_switched,
    build_thanks,
    read_correction_form,
    read_vote,
)
from handlers.blocks.datasets.check_views import build_error_view
from handlers.delivery.dead_buttons import pressed_value, report_press
from handlers.delivery.poster import Poster
from handlers.errors import report_errors
from handlers.start_flow.corrections_upload import CorrectionsUpload

Body = dict[str, Any]


class FeedbackListeners:
    """Each method without a leading underscore handles one route of `register`.

    A thumb's payload is that of docs.slack.dev/reference/block-kit/block-elements/feedback-buttons-element.
    """

    def __init__(
        self,
        feedback: FeedbackService,
        corrections: CorrectionsUpload,
        poster: Poster,
        client: AsyncWebClient,
        tasks: BackgroundTasks,
    ) -> None:
        self._feedback = feedback
        self._corrections = corrections
        self._poster = poster
        self._client = client
        self._tasks = tasks

    async def vote(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Store the vote; a thumb down also opens the form of a correction."""
        await ack()
        respond = self._poster.respond_to(body["response_url"])
        self._tasks.spawn(report_errors(self._vote(requester, body), respond), "vote")

    async def _vote(self, requester: Requester, body: Body) -> None:
        key, vote = read_vote(pressed_value(body))
        answer = await self._feedback.vote(requester, key, vote)
        if vote is Vote.UP:
            await self._poster.respond_to(body["response_url"])(build_thanks())
        else:
            await self._client.views_open(
                trigger_id=body["trigger_id"], view=build_correction_form(requester, answer)
            )

    async def correction(self, ack: AsyncAck, sender: Requester, body: Body) -> None:
        """Store a correction before the acknowledgement, so that the form stays open where that fails."""
        try:
            form = read_correction_form(body["view"], sender)
            await self._feedback.correct(form.requester, form.key, form.question, form.text)
        except BadArgument as error:
            await ack(response_action="errors", errors={error.field: error.message})
        except BotError as error:
            await ack(response_action="update", view=build_error_view(error, sender))
        else:
            await ack()

    async def switch_on(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Switch feedback on, after the reason beside the button was read."""
        await ack()
        respond = self._poster.respond_to(body["response_url"])
        self._tasks.spawn(report_errors(self._switch_on(requester, body), respond), "feedback")

    async def _switch_on(self, requester: Requester, body: Body) -> None:
        await self._feedback.set_switch(requester, on=True)
        respond = self._poster.respond_to(body["response_url"], replace=True)
        await respond(build_switched(on=True, by=requester.user))

    async def again(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Open the form to tune a model again on its file and the corrections."""
        await ack()
        key = pressed_value(body) or "-"
        opening = self._corrections.open_again(body["trigger_id"], requester, key=key)
        self._tasks.spawn(report_press(opening, body, self._poster), "again")
