"""A question through the real use cases, a real database file, a real backend and Slack's own client, in a process
that kills itself at a chosen step of it; see `kill_points` for what a step is.

    python -m tests.faults.question_kill_points DIRECTORY < told.json
"""

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from slack_sdk.web.async_client import AsyncWebClient

from bot.app import SYSTEM_CLOCK
from bot.backends import open_google
from bot.chat.answer_worker import AnswerWorker
from bot.chat.chat_service import ChatService
from bot.domain.chat import ModelRef, Question
from bot.domain.place import Place
from bot.ports.questions import OpenQuestion
from bot.runtime.backoff import Backoff
from handlers.blocks.message import Message
from handlers.delivery.answer_posts import SlackAnswerPoster
from handlers.delivery.idempotent_poster import IdempotentPoster
from handlers.delivery.live_answer import LiveAnswers
from handlers.delivery.post_finder import PostFinder
from handlers.delivery.poster import Poster
from handlers.delivery.rate_limits import RateLimits
from storage import open_stores
from storage.conversations import SqliteChatStore
from storage.questions import SqliteQuestions
from tests.faults.kill_points import KilledAtStep, options
from tests.support.workspace_people import open_access

# Longer than the stand-in is busy with a post whose sender has died.
SETTLES_IN: Final = timedelta(seconds=0.3)


class StandInAddresses(msgspec.Struct):
    """What a process is told of the stand-ins, and the question's place in Slack."""

    project: str
    token: str
    google: str
    slack: str
    bot_token: str
    bot_user: str
    team: str
    channel: str
    user: str
    endpoint: str
    # The thread of each step's question; none means that `/ask` asked it.
    threads: list[str] = []

    def place(self, key: str) -> Place:
        """Where the question with this key is asked."""
        number = int(key.removeprefix("ask-"))
        return Place(self.team, self.channel, self.threads[number] if self.threads else "")


@dataclass(frozen=True, slots=True)
class BotParts:
    """What a process of the bot has of all this."""

    told: StandInAddresses
    asking: AnswerWorker
    store: SqliteQuestions
    chats: SqliteChatStore
    to: SlackAnswerPoster

    async def hear(self, key: str) -> None:
        """What `/ask` or a mention does: the row, the acknowledgement, the answer."""
        place = self.told.place(key)
        model = ModelRef("vertex", self.told.endpoint, "counter")
        asked = await self.asking.add(
            Question(key, place, self.told.user, key, model=model, quoted=not place.thread)
        )
        await asyncio.sleep(0)  # Slack is answered here
        if asked is not None:
            await self.go_on(asked)

    async def go_on(self, asked: OpenQuestion) -> None:
        await self.asking.process(asked, self.to)


@asynccontextmanager
async def open_parts(file: Path, told: StandInAddresses) -> AsyncIterator[BotParts]:
    """Open the database, the backend and the client."""
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(file, SYSTEM_CLOCK))
        reach = options(told.project, told.token, told.google)
        google = await stack.enter_async_context(open_google(["vertex"], reach))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        client = AsyncWebClient(token=told.bot_token, base_url=told.slack, session=session)
        chat = ChatService(google.backends, open_access(stores), stores.chats, stores.audit_log)
        poster = Poster(client, RateLimits(post_seconds=0.01), 2.0)

        async def respond(message: Message) -> None:
            await asyncio.sleep(0)  # a response URL takes it

        to = SlackAnswerPoster(
            IdempotentPoster(poster, PostFinder(client, 2.0, told.bot_user), SYSTEM_CLOCK, SETTLES_IN),
            poster,
            SYSTEM_CLOCK,
            respond,
            LiveAnswers(poster, append_seconds=0.0),
        )
        asking = AnswerWorker(stores.questions, chat, SYSTEM_CLOCK, Backoff(first=0.05))
        yield BotParts(told, asking, stores.questions, stores.chats, to)


def key_of(step: int) -> str:
    """The question's key in the run that ends at this step."""
    return f"ask-{step:05d}"


async def run(directory: Path, told: StandInAddresses, step: int) -> None:
    """Ask, and die at the step if the question has so many."""
    key = key_of(step)
    async with open_parts(directory / f"{key}.db", told) as here:
        killed = KilledAtStep(here.hear(key), step)
        await killed.in_all_tasks()


def main() -> None:
    """One fork after the other."""
    directory = Path(sys.argv[1])
    told = msgspec.json.decode(sys.stdin.buffer.read(), type=StandInAddresses)
    for step in itertools.count(1):
        child = os.fork()
        if not child:
            asyncio.run(run(directory, told, step))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
