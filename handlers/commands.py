"""The slash commands: acknowledge, then do the work in a task of our own. A question is on paper before that."""

import logging
from http import HTTPStatus
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from bot.domain import Place, Question, StartRequest
from bot.errors import BotError
from bot.tasks import Tasks
from handlers.arguments import OpenForm, Start, TuneCommand, parse_ask, parse_tune
from handlers.blocks.message import Message
from handlers.errors import Tell, explain, guarded
from handlers.forms import Forms
from handlers.questions import Questions
from handlers.verbs import Verbs

logger = logging.getLogger(__name__)


class Commands:
    """`/tune` and `/ask`."""

    def __init__(self, forms: Forms, verbs: Verbs, questions: Questions, tasks: Tasks) -> None:
        self._forms = forms
        self._verbs = verbs
        self._questions = questions
        self._tasks = tasks

    async def tune(self, ack: AsyncAck, command: dict[str, Any], respond: AsyncRespond) -> None:
        await ack()
        tell = whisper(respond)
        self._tasks.spawn(guarded(self._tune(command, tell), tell), "/tune")

    async def _tune(self, command: dict[str, Any], tell: Tell) -> None:
        place, user = place_of(command), str(command["user_id"])
        typed: TuneCommand = parse_tune(str(command.get("text") or ""))
        match typed:
            case OpenForm():
                await self._forms.open(command["trigger_id"], place, StartRequest())
            case Start(request=request):
                await self._forms.open_report(command["trigger_id"], place, user, request)
            case _:
                await tell(await self._verbs.run(typed, place, user))

    async def ask(self, ack: AsyncAck, command: dict[str, Any], respond: AsyncRespond) -> None:
        """The question is written down before the acknowledgement, so that a crash cannot lose it."""
        tell = whisper(respond)
        try:
            asked = parse_ask(str(command.get("text") or ""))
        except BotError as error:
            await ack()
            self._tasks.spawn(explain(error, tell), "/ask")
            return
        question = Question(
            key=f"command:{command['trigger_id']}",
            place=place_of(command),
            user=str(command["user_id"]),
            text=asked.question,
            named=asked.model,
            quoted=True,
        )
        await self._questions.take(question, tell)
        await ack()


def place_of(command: dict[str, Any]) -> Place:
    """A command knows its channel but no thread: Slack allows none there."""
    return Place(str(command["team_id"]), str(command["channel_id"]))


def whisper(respond: AsyncRespond) -> Tell:
    """Answers that only the person sees who typed the command."""

    async def tell(message: Message) -> None:
        answer = await respond(
            text=message.text, blocks=list(message.blocks), response_type="ephemeral", replace_original=False
        )
        # A response URL answers `ok` as plain text, and what it refuses without any error status.
        if answer.status_code != HTTPStatus.OK or "false" in answer.body:
            logger.warning(
                "Slack refused an answer, sending its text alone: %s %s", answer.status_code, answer.body
            )
            await respond(text=message.text, response_type="ephemeral", replace_original=False)

    return tell
