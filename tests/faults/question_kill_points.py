"""A question through the real use cases, a real database file, a real backend and Slack's own client, in a process
that kills itself at a chosen step of it; see `kill_points` for what a step is.

    python -m tests.faults.question_kill_points DIRECTORY FIRST EVERY < addresses.json
"""

import asyncio
import faulthandler
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from bot.backends import open_google
from bot.chat.answer_worker import AnswerWorker
from bot.chat.compare import Comparisons
from bot.domain.backoff import Backoff
from bot.domain.chat import ModelRef, Question
from bot.domain.place import Place
from bot.ports.questions import OpenQuestion
from bot.runtime.clocks import SYSTEM_CLOCK
from handlers.blocks.message import Message
from handlers.delivery.answer_posts import SlackAnswerPoster
from handlers.delivery.live_pace import LiveAnswers
from handlers.delivery.rate_limits import RateLimits
from handlers.transport.slack_connection import open_slack
from storage import open_stores
from storage.comparisons import SqliteComparisons
from storage.conversations import SqliteChatStore
from storage.questions import SqliteQuestions
from tests.faults.kill_points import CHILD_SECONDS, KilledAtStep, options
from tests.support.slack_harness import slack_settings
from tests.support.workspace_people import open_access, open_chat

# A question has fewer steps where a busy machine shows more words at a time.
RUNS_THROUGH: Final = 3
# Longer than the stand-in is busy with a post whose sender has died.
SETTLES_IN: Final = timedelta(seconds=0.3)


class StandInAddresses(msgspec.Struct):
    """Where a process finds the stand-ins, and the place of each question in Slack."""

    project: str
    token: str
    google: str
    slack: str
    bot_token: str
    team: str
    channel: str
    user: str
    endpoint: str
    # The thread of each step's question; none means that `/ask` asked it.
    threads: list[str] = []
    # The other model of a comparison, by its endpoint; none means that one model is asked.
    compare: str = ""

    def place(self, key: str) -> Place:
        """Return where the question with this key is asked."""
        number = int(key.removeprefix("ask-"))
        return Place(self.team, self.channel, self.threads[number] if self.threads else "")


@dataclass(frozen=True, slots=True)
class BotParts:
    """The parts of one process of the bot that answer a question."""

    addresses: StandInAddresses
    worker: AnswerWorker
    questions: SqliteQuestions
    comparisons: SqliteComparisons
    chats: SqliteChatStore
    answer_poster: SlackAnswerPoster

    async def accept(self, key: str) -> None:
        """Do what `/ask` or a mention does: the row, the acknowledgement, the answer."""
        place = self.addresses.place(key)
        model = ModelRef("vertex", self.addresses.endpoint, "counter")
        opened = await self.worker.add(
            Question(
                key,
                place,
                self.addresses.user,
                key,
                model=model,
                quoted=not place.thread,
                compare=self.addresses.compare,
            )
        )
        await asyncio.sleep(0)  # Slack receives its acknowledgement here.
        if opened is not None:
            await self.process(opened)

    async def process(self, opened: OpenQuestion) -> None:
        """Answer a question that is in the database."""
        await self.worker.process(opened, self.answer_poster)


@asynccontextmanager
async def open_parts(file: Path, addresses: StandInAddresses) -> AsyncIterator[BotParts]:
    """Open the database, the backend and the connection to Slack."""
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(file, SYSTEM_CLOCK))
        reach = options(addresses.project, addresses.token, addresses.google)
        # A question is not sent again when a slow machine takes long to connect.
        reach = replace(reach, retry_policy=replace(reach.retry_policy, connect=20.0))
        google = await stack.enter_async_context(open_google(["vertex"], reach))
        slack = await stack.enter_async_context(
            open_slack(
                slack_settings(addresses.slack, addresses.bot_token),
                SYSTEM_CLOCK,
                limits=RateLimits(post_seconds=0.01),
                call_seconds=2.0,
                settles_in=SETTLES_IN,
            )
        )
        chat = open_chat(stores, google.backends)

        async def respond(message: Message) -> None:
            await asyncio.sleep(0)  # a response URL takes it

        answer_poster = SlackAnswerPoster(
            slack.idempotent_poster,
            slack.poster,
            SYSTEM_CLOCK,
            respond,
            LiveAnswers(slack.poster, append_seconds=0.0),
        )
        comparisons = Comparisons(chat, open_access(stores), stores.comparisons)
        worker = AnswerWorker(stores.questions, chat, SYSTEM_CLOCK, Backoff(first=0.05), comparisons=comparisons)
        yield BotParts(addresses, worker, stores.questions, stores.comparisons, stores.chats, answer_poster)


def key_of(step: int) -> str:
    """Return the key of the question in the run that ends at this step."""
    return f"ask-{step:05d}"


async def run(directory: Path, addresses: StandInAddresses, step: int) -> None:
    """Ask the question, and end the process at this step, if the question has so many."""
    key = key_of(step)
    async with open_parts(directory / f"{key}.db", addresses) as parts:
        killed = KilledAtStep(parts.accept(key), step)
        await killed.in_all_tasks()


def main() -> None:
    """Fork one process for each step, one after the other, until some in a row ran through."""
    directory = Path(sys.argv[1])
    addresses = msgspec.json.decode(sys.stdin.buffer.read(), type=StandInAddresses)
    ran_through = 0
    for step in itertools.count(int(sys.argv[2]), int(sys.argv[3])):
        child = os.fork()
        if not child:
            faulthandler.dump_traceback_later(CHILD_SECONDS, exit=True)
            asyncio.run(run(directory, addresses, step))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ended_with = os.waitstatus_to_exitcode(status)
        ran_through = 0 if ended_with == -signal.SIGKILL else ran_through + 1
        if ended_with not in (0, -signal.SIGKILL) or ran_through == RUNS_THROUGH:
            sys.exit(ended_with)


if __name__ == "__main__":
    main()
