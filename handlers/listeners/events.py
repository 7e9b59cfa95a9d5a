"""Mentions, replies in a model's thread, and direct messages.

Slack delivers events more than once, and a mention that carries a file sometimes only as a `message`: whichever
copy comes first is answered, by the message's channel and `ts`. An `app_mention` that may have lost its file lets
the `message` go first.
"""

import asyncio
from dataclasses import replace
from typing import Any, Final

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.chat.chat_service import ChatService
from bot.domain.chat import Question
from bot.domain.place import Place
from bot.domain.requests import StartRequest
from bot.errors import BotError
from bot.ports.stores import AuditLog
from bot.runtime.background_tasks import BackgroundTasks
from handlers.blocks.message import Message
from handlers.blocks.start.prompt import start_prompt
from handlers.delivery.answer_posts import Questions
from handlers.delivery.poster import Poster
from handlers.errors import Tell, guarded
from handlers.listeners.tune_command import CommandRunner
from handlers.syntax.commands import Ask, Command, OpenForm, Start, TuneCommand, parse_mention
from handlers.syntax.lexer import undo_markup
from handlers.transport.access import Identity
from handlers.transport.slack_files import SCHEME

TWIN_SECONDS: Final = 0.7  # how long such an app_mention leaves its `message` time to come
_SPOKEN = {None, "file_share", "thread_broadcast"}  # the subtypes of `message` that are a person speaking

Event = dict[str, Any]


class Events:
    """What people say, as far as it is said to the bot."""

    def __init__(
        self,
        identity: Identity,
        verbs: CommandRunner,
        questions: Questions,
        chat: ChatService,
        poster: Poster,
        journal: AuditLog,
        tasks: BackgroundTasks,
    ) -> None:
        self._identity = identity
        self._verbs = verbs
        self._questions = questions
        self._chat = chat
        self._poster = poster
        self._journal = journal
        self._tasks = tasks

    async def app_mention(self, ack: AsyncAck, event: Event, body: dict[str, Any]) -> None:
        """A question is written down before the acknowledgement, as in a `message`."""
        if event.get("files") or not self._may_lack_a_file(event):
            await self._hear(event, body, addressed=True)
            await ack()
            return
        await ack()

        async def hear_later() -> None:
            await asyncio.sleep(TWIN_SECONDS)
            await self._hear(event, body, addressed=True)

        self._tasks.spawn(hear_later(), "mention")

    async def message(self, ack: AsyncAck, event: Event, body: dict[str, Any]) -> None:
        """A question is written down before the acknowledgement; until then Slack would deliver it again."""
        if event.get("subtype") in _SPOKEN and event.get("user") and not event.get("bot_id"):
            mentioned = f"<@{self._identity.user}>" in str(event.get("text") or "")
            await self._hear(event, body, addressed=mentioned or event.get("channel_type") == "im")
        await ack()

    async def other(self, ack: AsyncAck) -> None:
        """Acknowledge what nobody handles; Slack would send it again."""
        await ack()

    async def _hear(self, event: Event, body: dict[str, Any], *, addressed: bool) -> None:
        """On return a question is on paper, and whatever else was said is being done."""
        place = Place(str(body["team_id"]), str(event["channel"]), str(event.get("thread_ts") or ""))
        thread = Place(place.team, place.channel, place.thread or str(event["ts"]))
        tell, key = self._tell_in(thread), f"message:{place.channel}:{event['ts']}"
        said = await self._said(event, place, addressed)
        if isinstance(said, Ask):
            question = Question(key, thread, str(event["user"]), said.question, said.model)
            await self._questions.take(question, tell)
        elif said is not None:
            self._tasks.spawn(guarded(self._obey(said, key, event, place, tell), tell), "message")

    async def _said(self, event: Event, place: Place, addressed: bool) -> Command | BotError | None:
        """What it means; None where it is not meant for the bot."""
        text = str(event.get("text") or "")
        if not addressed:
            return Ask(undo_markup(text)) if await self._chat.answers_in(place) else None
        try:
            return parse_mention(text, self._identity.user, has_file=bool(event.get("files")))
        except BotError as error:
            return error

    async def _obey(self, said: TuneCommand | BotError, key: str, event: Event, place: Place, tell: Tell) -> None:
        if not await self._journal.first_time(key):
            return
        files: list[dict[str, Any]] = event.get("files") or []
        match said:
            case BotError():
                raise said
            case Start() | OpenForm():
                request = said.request if isinstance(said, Start) else StartRequest()
                if files and not request.file:
                    request = replace(request, file=SCHEME + str(files[0]["id"]))
                await tell(start_prompt(request, str(files[0].get("name") or "") if files else ""))
            case _:
                await tell(await self._verbs.run(said, place, str(event["user"])))

    def _may_lack_a_file(self, event: Event) -> bool:
        """Whether a file beside these words would be tuned on."""
        try:
            said = parse_mention(str(event.get("text") or ""), self._identity.user, has_file=True)
        except BotError:
            return True
        return isinstance(said, Start | OpenForm)

    def _tell_in(self, thread: Place) -> Tell:
        async def tell(message: Message) -> None:
            await self._poster.say(thread, message)

        return tell
