"""Mentions, replies in a thread with a model's answer, and direct messages.

Slack delivers events more than once, and a mention with a file sometimes only as a `message`. The first copy is
handled; the key is the message's channel and `ts`. An `app_mention` that may lack its file lets the `message` go
first.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.chat.chat_service import ChatService
from bot.chat.home_page import HomePages
from bot.domain.chat import Question
from bot.domain.place import Place, Requester
from bot.errors import BotError, NoSuchJob, StorageError
from bot.ports.stores import AuditLog
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.ordered_work import OrderedWork
from handlers.blocks.home.greeting import build_choice
from handlers.blocks.message import Message
from handlers.blocks.private_metadata import ModelPick
from handlers.blocks.replies import build_reply
from handlers.blocks.start.prompt import build_prompt
from handlers.delivery.poster import Poster
from handlers.delivery.question_tasks import QuestionTasks
from handlers.errors import Respond, report_errors
from handlers.listeners.tune_command import CommandRunner
from handlers.syntax.arguments import Arguments
from handlers.syntax.commands import Runner
from handlers.syntax.lexer import undo_markup
from handlers.syntax.spoken_to import is_for_the_model
from handlers.syntax.typed_text import TypedCommand, parse_mention
from handlers.transport.access import Identity, is_tombstone
from handlers.transport.attachments import read_attachments

MESSAGE_EVENT_SECONDS: Final = 0.7  # how long an app_mention without a file waits for the `message` with it
# The subtypes of `message` that a person wrote: docs.slack.dev/reference/events/message.
_CHANGED, _DELETED = "message_changed", "message_deleted"
_WRITTEN_BY_PEOPLE = {None, "file_share", "thread_broadcast"}

# What a person does for the channel. Any other command is answered by what all people of the channel may know.
_FOR_THE_CHANNEL: Final = frozenset(
    {
        Runner.USE,
        Runner.SETTINGS,
        Runner.HELP,
        Runner.QUIET,
        Runner.GREET,
        Runner.STOP,
        Runner.START,
        Runner.OPEN_FORM,
    }
)

Event = dict[str, Any]


class Events:
    """The messages that people write to the bot."""

    def __init__(
        self,
        identity: Identity,
        runner: CommandRunner,
        questions: QuestionTasks,
        chat: ChatService,
        pages: HomePages,
        poster: Poster,
        audit_log: AuditLog,
        tasks: BackgroundTasks,
    ) -> None:
        self._identity = identity
        self._runner = runner
        self._questions = questions
        self._chat = chat
        self._pages = pages
        self._poster = poster
        self._audit_log = audit_log
        self._tasks = tasks
        self._threads = OrderedWork()

    async def app_mention(self, ack: AsyncAck, requester: Requester, body: dict[str, Any]) -> None:
        """Handle a mention. A question is written to the database before the acknowledgement."""
        event: Event = body["event"]
        if event.get("files") or not self._may_lack_a_file(event):
            await self._handle(event, requester, addressed=True)
            await ack()
            return
        await ack()

        async def handle_later() -> None:
            await asyncio.sleep(MESSAGE_EVENT_SECONDS)
            # A question that could not be stored is kept in memory; its delivery was acknowledged.
            with suppress(StorageError):
                await self._handle(event, requester, addressed=True)

        self._tasks.spawn(handle_later(), "mention")

    async def message(self, ack: AsyncAck, requester: Requester, body: dict[str, Any]) -> None:
        """Handle a message. A question is written before the acknowledgement, until which Slack redelivers it.

        So is that a message was edited or deleted: what it said must not stay.
        """
        event: Event = body["event"]
        if (deleted := _deleted(event)) is not None:
            async with self._turn_in(_thread(requester.place, deleted)):
                await self._questions.withdraw(
                    requester.place.team, f"message:{requester.place.channel}:{deleted}"
                )
            await ack()
            return
        if event.get("subtype") == _CHANGED:
            changed = str((event.get("message") or {}).get("ts"))
            async with self._turn_in(_thread(requester.place, changed)):
                await self._respect(event, requester)
            await ack()
            return
        if event.get("subtype") in _WRITTEN_BY_PEOPLE:
            addressed = self._is_addressed(str(event.get("text") or ""), requester.place)
            await self._handle(event, requester, addressed=addressed)
        await ack()

    async def _respect(self, event: Event, requester: Requester) -> None:
        """Change or withdraw the question of a message that was edited. Raises StorageError."""
        place = requester.place
        message, before = event.get("message") or {}, event.get("previous_message") or {}
        text = str(message.get("text") or "")
        # Slack also tells of a preview that was added, or of a first reply.
        if text == str(before.get("text") or ""):
            return
        key = f"message:{place.channel}:{message.get('ts')}"
        edited = str(event.get("event_ts") or event.get("ts") or "")
        if (arguments := await self._asked_by(text, requester)) is not None:
            await self._questions.change(_question(key, place, requester.user, arguments), edited)
        else:
            # It is no longer a question; a command runs only where it is written as a new message.
            await self._questions.withdraw(place.team, key, edited)

    async def _asked_by(self, text: str, requester: Requester) -> Arguments | None:
        """Return what an edited message asks, None if nothing. Raises StorageError."""
        if not self._is_addressed(text, requester.place):
            return Arguments(question=undo_markup(text)) if is_for_the_model(text) else None
        typed = await self._parsed_with_names(text, requester)
        if not isinstance(typed, TypedCommand) or typed.runner is not Runner.ASK:
            return None
        return None if await self._named(typed, requester) else typed.arguments

    def _is_addressed(self, text: str, place: Place) -> bool:
        return f"<@{self._identity.user}>" in text or place.is_direct

    async def other(self, ack: AsyncAck) -> None:
        """Acknowledge an event that has no listener; Slack would send it again."""
        await ack()

    async def _handle(self, event: Event, requester: Requester, *, addressed: bool) -> None:
        """Write a question to the database before returning, and start a task for anything else.

        Raises StorageError if the question could not be written: then Slack delivers it again.
        """
        thread = _thread(requester.place, str(event["ts"]))
        async with self._turn_in(thread):
            await self._handle_in(thread, event, requester, addressed=addressed)

    @asynccontextmanager
    async def _turn_in(self, thread: Place) -> AsyncIterator[None]:
        """Wait for the questions, edits and deletions of this thread that Slack delivered before.

        A question makes the replies to it a conversation, and no question is asked with words deleted before it.
        """
        with self._threads.join(thread) as turn:
            await turn.wait()
            yield

    async def _handle_in(self, thread: Place, event: Event, requester: Requester, *, addressed: bool) -> None:
        """Handle a message whose answer belongs in this thread. Raises StorageError as `_handle`."""
        place = requester.place
        respond, key = self._respond_in(thread), f"message:{place.channel}:{event['ts']}"
        typed = await self._typed(event, requester, addressed)
        if typed is None:
            return
        if isinstance(typed, TypedCommand) and typed.runner is Runner.ASK:
            arguments = typed.arguments
            if place.is_direct and not arguments.model and await self._offers_models(key, requester, arguments):
                return
            question = _question(key, thread, requester.user, arguments)
            if not await self._questions.accept(question, respond):
                raise StorageError("The question is not stored yet.")
            if event.get("files") and await self._audit_log.first_time(f"{key}:file"):
                self._tasks.spawn(report_errors(_say_without_files(respond), respond), "file")
        else:
            runner = typed.runner if isinstance(typed, TypedCommand) else None
            overheard = not place.is_direct and runner not in _FOR_THE_CHANNEL
            answered = replace(requester, place=thread, overheard=overheard)
            # Any other refusal may name what only this person knows. Slack shows an ephemeral message only in a
            # thread that has an answer already.
            alone = self._poster.respond_ephemeral(place, requester.user)
            told = respond if overheard or place.is_direct else alone
            work = self._run(typed, key, event, answered, respond)
            self._tasks.spawn(report_errors(work, told), "message")

    async def _offers_models(self, key: str, requester: Requester, arguments: Arguments) -> bool:
        """Offer the models to choose from where none answers in these direct messages. Raises StorageError."""
        if not await self._chat.needs_choice(requester):
            return False
        models = await self._pages.models(requester)
        asked = ModelPick("", arguments.question, arguments.settings, arguments.compare, key)
        if models and await self._audit_log.first_time(key):
            respond, message = self._respond_in(requester.place), build_choice(models, asked)

            async def offer() -> None:
                await respond(message)

            self._tasks.spawn(report_errors(offer(), respond), "choice")
        return bool(models)

    async def _typed(self, event: Event, requester: Requester, addressed: bool) -> TypedCommand | BotError | None:
        """Return what the message means, None where it is not meant for the bot."""
        text = str(event.get("text") or "")
        if not addressed:
            if not is_for_the_model(text):
                return None
            # A question that is being answered makes its thread a conversation before the answer is there.
            try:
                place = requester.place
                begun = self._questions.answers_in(place) and not await self._chat.is_quiet(place)
                if not begun and not await self._chat.answers_in(requester):
                    return None
            except NoSuchJob as error:
                return error
            return TypedCommand(Runner.ASK, Arguments(question=undo_markup(text)))
        typed = await self._parsed_with_names(text, requester, has_file=bool(event.get("files")))
        if isinstance(typed, TypedCommand) and typed.runner is Runner.ASK:
            if (named := await self._named(typed, requester)) is not None:
                return named
            await self._chat.speak_again(requester)
        return typed

    async def _named(self, typed: TypedCommand, requester: Requester) -> TypedCommand | None:
        """Return the command that the words mean where they name a model, None where they are a question."""
        named = typed.if_named
        if named is not None and await self._chat.named.knows(requester, named.arguments.name):
            return named
        return None

    async def _parsed_with_names(
        self, text: str, requester: Requester, *, has_file: bool = False
    ) -> TypedCommand | BotError:
        """Parse a message; the name of a model may have several words without quotes.

        In direct messages a greeting is for the model, too: it may be the answer to what the model asked.
        """
        typed = self._parsed(text, has_file=has_file)
        if isinstance(typed, TypedCommand) and typed.runner is Runner.GREET and requester.place.is_direct:
            return TypedCommand(Runner.ASK, typed.arguments)
        if isinstance(typed, BotError) or len(typed.arguments.unquoted) < 2:
            return typed
        names = await self._chat.named.names_among(requester, typed.arguments.unquoted)
        return self._parsed(text, has_file=has_file, names=names)

    def _parsed(
        self, text: str, *, has_file: bool = False, names: Collection[str] = frozenset()
    ) -> TypedCommand | BotError:
        try:
            return parse_mention(text, self._identity.user, has_file=has_file, names=names)
        except BotError as error:
            return error

    async def _run(
        self,
        typed: TypedCommand | BotError,
        key: str,
        event: Event,
        requester: Requester,
        respond: Respond,
    ) -> None:
        if not await self._audit_log.first_time(key):
            return
        if isinstance(typed, BotError):
            raise typed
        if typed.runner in (Runner.START, Runner.OPEN_FORM):
            attached = read_attachments(event.get("files") or [])
            await respond(build_prompt(typed.arguments.request, attached))
        elif (message := await self._runner.run(typed, requester)) is not None:
            await respond(message)

    def _may_lack_a_file(self, event: Event) -> bool:
        """Return whether the text would start a tuning if a file were attached."""
        try:
            typed = parse_mention(str(event.get("text") or ""), self._identity.user, has_file=True)
        except BotError:
            return True
        return typed.runner in (Runner.START, Runner.OPEN_FORM)

    def _respond_in(self, thread: Place) -> Respond:
        async def respond(message: Message) -> None:
            await self._poster.post(thread, message)

        return respond


def _thread(place: Place, ts: str) -> Place:
    """Return the thread of a message: in direct messages question and answer follow each other without one.

    A thread for each would hide all answers.
    """
    flat = place.is_direct and not place.thread
    return place if flat else replace(place, thread=place.thread or ts)


def _deleted(event: Event) -> str | None:
    """Return the `ts` of the message that was deleted, None for any other event."""
    changed = event.get("message") or {}
    if event.get("subtype") == _CHANGED and is_tombstone(changed):
        return str(changed.get("ts"))
    return str(event.get("deleted_ts")) if event.get("subtype") == _DELETED else None


def _question(key: str, place: Place, user: str, typed: Arguments) -> Question:
    return Question(key, place, user, typed.question, typed.model, settings=typed.settings, compare=typed.compare)


async def _say_without_files(respond: Respond) -> None:
    await respond(build_reply("I ask the model with your words only: it does not get your file."))
