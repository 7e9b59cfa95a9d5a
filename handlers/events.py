"""Mentions, replies in a model's thread, and direct messages.

Slack delivers events more than once, and a mention that carries a file sometimes only as a `message`: whichever
copy comes first is answered, by the message's channel and `ts`. An `app_mention` that has no files lets the
`message` go first.
"""

import asyncio
from dataclasses import replace
from typing import Any, Final

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.chat import Chat
from bot.domain import Place, StartRequest
from bot.ports import Journal
from bot.tasks import Tasks
from handlers.access import Identity
from handlers.arguments import Ask, OpenForm, Start, parse_mention
from handlers.blocks.message import Message
from handlers.blocks.start_prompt import start_prompt
from handlers.errors import Tell, guarded
from handlers.files import SCHEME
from handlers.poster import Poster
from handlers.questions import Questions
from handlers.tokens import undo_markup
from handlers.verbs import Verbs

TWIN_SECONDS: Final = 0.7  # how long an app_mention without files leaves its `message` time to come
_SPOKEN = {None, "file_share", "thread_broadcast"}  # the subtypes of `message` that are a person speaking

Event = dict[str, Any]


class Events:
    """What people say, as far as it is said to the bot."""

    def __init__(
        self,
        identity: Identity,
        verbs: Verbs,
        questions: Questions,
        chat: Chat,
        poster: Poster,
        journal: Journal,
        tasks: Tasks,
    ) -> None:
        self._identity = identity
        self._verbs = verbs
        self._questions = questions
        self._chat = chat
        self._poster = poster
        self._journal = journal
        self._tasks = tasks

    async def app_mention(self, ack: AsyncAck, event: Event, body: dict[str, Any]) -> None:
        await ack()
        self._spawn(event, body, addressed=True, after=0.0 if event.get("files") else TWIN_SECONDS)

    async def message(self, ack: AsyncAck, event: Event, body: dict[str, Any]) -> None:
        await ack()
        if event.get("subtype") not in _SPOKEN or event.get("bot_id") or not event.get("user"):
            return
        mentioned = f"<@{self._identity.user}>" in str(event.get("text") or "")
        self._spawn(event, body, addressed=mentioned or event.get("channel_type") == "im")

    async def other(self, ack: AsyncAck) -> None:
        """Acknowledge what nobody handles; Slack would send it again."""
        await ack()

    def _spawn(self, event: Event, body: dict[str, Any], *, addressed: bool, after: float = 0.0) -> None:
        place = Place(str(body["team_id"]), str(event["channel"]), str(event.get("thread_ts") or ""))
        thread = Place(place.team, place.channel, place.thread or str(event["ts"]))
        tell = self._tell_in(thread)

        async def hear() -> None:
            await asyncio.sleep(after)
            await self._heard(event, place, thread, addressed, tell)

        self._tasks.spawn(guarded(hear(), tell), "message")

    async def _heard(self, event: Event, place: Place, thread: Place, addressed: bool, tell: Tell) -> None:
        if not addressed and not await self._chat.answers_in(place):
            return
        if not await self._journal.first_time(f"message:{place.channel}:{event['ts']}"):
            return
        text, user = str(event.get("text") or ""), str(event["user"])
        files: list[dict[str, Any]] = event.get("files") or []
        if not addressed:
            await self._questions.answer_in_thread(thread, undo_markup(text), await self._chat.model_for(place))
            return
        said = parse_mention(text, self._identity.user, has_file=bool(files))
        match said:
            case Ask(question=question, model=name):
                model = await self._chat.model_for(place, name)
                await self._questions.answer_in_thread(thread, question, model)
            case Start() | OpenForm():
                request = said.request if isinstance(said, Start) else StartRequest()
                if files and not request.file:
                    request = replace(request, file=SCHEME + str(files[0]["id"]))
                await tell(start_prompt(request, str(files[0].get("name") or "") if files else ""))
            case _:
                await tell(await self._verbs.run(said, place, user))

    def _tell_in(self, thread: Place) -> Tell:
        async def tell(message: Message) -> None:
            await self._poster.say(thread, message)

        return tell
