"""Questions with the bot's own parts before Slack's stand-in, without Google: tests store its answers."""

from dataclasses import dataclass, field

import aiohttp

from bot.chat.answer_worker import AnswerWorker
from bot.domain.chat import Answer, Conversation, ModelAnswer, ModelRef, Question
from bot.domain.place import Place
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.sandbox.slack import Channel
from handlers.blocks.message import Message
from handlers.delivery.idempotent_poster import IdempotentPoster
from handlers.delivery.late_posts import LatePosts
from handlers.delivery.post_finder import PostFinder
from handlers.delivery.question_tasks import QuestionTasks
from storage.conversations import SqliteChatStore
from storage.questions import SqliteQuestions
from tests.support.slack_harness import SETTLES_IN, SHORT_BACKOFF, SlackHarness
from tests.support.waiting import DEADLINE_SECONDS, wait_until
from tests.support.workspace_people import open_chat

MODEL = ModelRef("vertex", "projects/1/endpoints/2", "counter")


@dataclass
class QuestionHarness:
    """Questions before Slack's stand-in; `responses` is what the response URL received."""

    at: SlackHarness
    responses: list[str] = field(default_factory=list)
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)
    response_url_fails: bool = False

    @property
    def store(self) -> SqliteQuestions:
        return self.at.stores.questions

    @property
    def chats(self) -> SqliteChatStore:
        return self.at.stores.chats

    def questions(self, store: SqliteQuestions | None = None) -> QuestionTasks:
        """Return the questions of a process that has just started."""
        at = self.at
        chat = open_chat(at.stores, {})
        answer_worker = AnswerWorker(store or self.store, chat, SYSTEM_CLOCK, SHORT_BACKOFF)
        slack = at.connection
        # Another process does not remember where this one has looked for posts.
        finder = PostFinder(slack.client, own_user=slack.identity.user)
        late = LatePosts(slack.poster, finder, self.tasks, [SETTLES_IN])
        idempotent_poster = IdempotentPoster(slack.poster, finder, SYSTEM_CLOCK, late, SETTLES_IN)
        return QuestionTasks(answer_worker, idempotent_poster, slack.poster, self.tasks, SYSTEM_CLOCK)

    def question(self, key: str, channel: Channel | None = None, thread: str = "") -> Question:
        """Return a question that was asked by a command, or in a thread."""
        place = Place(self.at.slack.workspace.team_id, (channel or self.at.channel).id, thread)
        return Question(key, place, self.at.ada.id, "seven", model=MODEL, quoted=not thread)

    async def respond(self, message: Message) -> None:
        """Post to the response URL. Raises ClientConnectionError if it fails."""
        if self.response_url_fails:
            raise aiohttp.ClientConnectionError("the response URL is gone")
        self.responses.append(message.text)

    async def answered(self, question: Question, text: str = "eight") -> None:
        """Store the question with its answer, and let a new process post it."""
        assert await self.store.add(question)
        await self.store.store_answer(question.key, ModelAnswer(MODEL, Answer(text)))
        await self.questions().resume()

    async def settled(self, within: float = DEADLINE_SECONDS) -> None:
        """Wait until no question is open."""

        async def none_open() -> bool:
            return not await self.store.open_questions()

        await wait_until(none_open, "the last answer", within)

    async def conversation(self, channel: str, ts: str) -> Conversation | None:
        return await self.chats.conversation(Place(self.at.slack.workspace.team_id, channel, ts))
