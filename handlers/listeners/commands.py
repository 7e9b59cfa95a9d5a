"""The slash commands: acknowledge, then do the work in a task of our own. A question is on paper before that."""

from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.domain.chat import Question
from bot.domain.place import Place
from bot.domain.requests import StartRequest
from bot.errors import BotError
from bot.runtime.background_tasks import BackgroundTasks
from handlers.delivery.answer_posts import Questions
from handlers.delivery.poster import Poster
from handlers.errors import Tell, explain, guarded
from handlers.listeners.tune_command import CommandRunner
from handlers.start_flow.check_modal import CheckModal
from handlers.syntax.commands import OpenForm, Start, TuneCommand, only_reads, parse_ask, parse_tune


class Commands:
    """`/tune` and `/ask`."""

    def __init__(
        self, forms: CheckModal, verbs: CommandRunner, questions: Questions, poster: Poster, tasks: BackgroundTasks
    ) -> None:
        self._forms = forms
        self._verbs = verbs
        self._questions = questions
        self._poster = poster
        self._tasks = tasks

    async def tune(self, ack: AsyncAck, command: dict[str, Any]) -> None:
        await ack()
        tell = self._poster.answering(command["response_url"])
        # What opens a form has three seconds; what waits for Google must make nobody else wait.
        start = self._tasks.queue if only_reads(str(command.get("text") or "")) else self._tasks.spawn
        start(guarded(self._tune(command, tell), tell), "/tune")

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

    async def ask(self, ack: AsyncAck, command: dict[str, Any]) -> None:
        """The question is written down before the acknowledgement, so that a crash cannot lose it."""
        tell = self._poster.answering(command["response_url"])
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
