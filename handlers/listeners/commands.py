"""The slash commands. Each is acknowledged at once, except that a question is written to the database before."""

from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.chat.chat_service import ChatService
from bot.domain.chat import Question
from bot.domain.place import Requester
from bot.errors import BotError
from bot.runtime.background_tasks import BackgroundTasks
from handlers.delivery.poster import Poster
from handlers.delivery.question_tasks import QuestionTasks
from handlers.errors import Respond, report, report_errors
from handlers.listeners.tune_command import CommandRunner
from handlers.start_flow.check_modal import CheckModal
from handlers.start_flow.corrections_upload import CorrectionsUpload
from handlers.start_flow.job_import import JobImport
from handlers.syntax.arguments import parse_ask
from handlers.syntax.commands import Runner
from handlers.syntax.typed_text import only_reads, parse_tune


class Commands:
    """`/tune` and `/ask`; the payload is described at docs.slack.dev/interactivity/implementing-slash-commands."""

    def __init__(
        self,
        check_modal: CheckModal,
        corrections: CorrectionsUpload,
        job_import: JobImport,
        runner: CommandRunner,
        questions: QuestionTasks,
        chat: ChatService,
        poster: Poster,
        tasks: BackgroundTasks,
    ) -> None:
        self._check_modal = check_modal
        self._corrections = corrections
        self._job_import = job_import
        self._runner = runner
        self._questions = questions
        self._chat = chat
        self._poster = poster
        self._tasks = tasks

    async def tune(self, ack: AsyncAck, requester: Requester, command: dict[str, Any]) -> None:
        await ack()
        respond = self._poster.respond_to(command["response_url"])
        # A form must open within three seconds, and a command that waits for Google must not delay others.
        start = self._tasks.queue if only_reads(str(command.get("text") or "")) else self._tasks.spawn
        start(report_errors(self._tune(requester, command, respond), respond), "/tune")

    async def _tune(self, requester: Requester, command: dict[str, Any], respond: Respond) -> None:
        typed = parse_tune(str(command.get("text") or ""))
        match typed.runner:
            case Runner.OPEN_FORM:
                await self._check_modal.open(command["trigger_id"], requester, typed.arguments.request)
            case Runner.START:
                await self._check_modal.open_report(command["trigger_id"], requester, typed.arguments.request)
            case Runner.AGAIN:
                await self._corrections.open_again(command["trigger_id"], requester, typed.arguments.name)
            case Runner.IMPORT if typed.arguments.name:
                await self._job_import.open(command["trigger_id"], requester, typed.arguments.name)
            case _:
                if (message := await self._runner.run(typed, requester)) is not None:
                    await respond(message)

    async def ask(self, ack: AsyncAck, requester: Requester, command: dict[str, Any]) -> None:
        """Write the question to the database before the acknowledgement, so that a crash cannot lose it."""
        respond = self._poster.respond_to(command["response_url"])
        try:
            text = str(command.get("text") or "")
            typed = parse_ask(text)
            if len(typed.unquoted) > 1:
                typed = parse_ask(text, await self._chat.named.names_among(requester, typed.unquoted))
        except BotError as error:
            await ack()
            self._tasks.spawn(report(error, respond), "/ask")
            return
        question = Question(
            key=f"command:{command['trigger_id']}",
            place=requester.place,
            user=requester.user,
            text=typed.question,
            named=typed.model,
            quoted=True,
            settings=typed.settings,
            private=typed.private,
            compare=typed.compare,
        )
        await self._questions.accept(question, respond)
        await ack()
