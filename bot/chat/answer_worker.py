"""Processes each question from the moment it is stored until its answer is posted and the conversation stored.

The model is asked once and each message posted once, also if the process dies in between: the next process
continues each open question. Only a question without a stored answer is asked again, and only for fifteen minutes.
How the model is asked is in `bot/chat/question_asking.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final

from bot.chat.chat_service import ChatService
from bot.chat.compare import Comparisons
from bot.chat.feedback_service import FeedbackService
from bot.chat.model_asking import exchange
from bot.chat.question_asking import (
    ASKED_AT_ONCE,
    ASKED_AT_ONCE_BY_ONE,
    MOST_WAITING,
    QuestionAsking,
    half_posted,
)
from bot.chat.question_limits import NO_LIMITS, QuestionLimits
from bot.chat.question_steps import QuestionSteps
from bot.chat.running_answers import End, Ended, RunningAnswers
from bot.domain.backoff import DEFAULT_BACKOFF, Backoff
from bot.domain.chat import ModelAnswer, ModelRef, Question, second_try
from bot.domain.place import Place, Requester
from bot.errors import BotError, Interrupted, Outdated, RetryLater, StorageError
from bot.ports.clock import Clock
from bot.ports.questions import AnswerFailure, AnswerPoster, LiveRecord, OpenQuestion, Posted, QuestionStore
from bot.runtime.clocks import SteadyTime
from bot.runtime.fair_queue import FairQueue
from bot.runtime.logs import log_event
from bot.runtime.ordered_work import OrderedWork
from bot.spending.question_costs import QuestionBudgets

logger = logging.getLogger(__name__)

# After this time the person no longer expects an answer, and it would cost money.
ASKED_AGAIN_WITHIN: Final = timedelta(minutes=15)

# Nobody waits longer for the words on why there is no answer, and nobody paid for them.
_EXPLAINED_WITHIN: Final = timedelta(days=1)

_LONGEST_STORE_PAUSE: Final = 5.0


class AnswerWorker:
    """The use cases on stored questions."""

    def __init__(
        self,
        store: QuestionStore,
        chat: ChatService,
        clock: Clock,
        backoff: Backoff = DEFAULT_BACKOFF,
        asked_again_within: timedelta = ASKED_AGAIN_WITHIN,
        queue: FairQueue | None = None,
        limits: QuestionLimits = NO_LIMITS,
        feedback: FeedbackService | None = None,
        budgets: QuestionBudgets | None = None,
        missing: Callable[[ModelRef], Awaitable[None]] | None = None,
        comparisons: Comparisons | None = None,
    ) -> None:
        """Without `feedback`, nobody can vote on an answer; without `budgets`, nobody counts what one costs.

        Without `comparisons`, a question goes to one model only.
        """
        self._store = store
        self._chat = chat
        self._clock = clock
        self._steady = SteadyTime(clock)
        self._backoff = backoff
        self._asked_again_within = asked_again_within
        self._threads = OrderedWork()
        self._running = RunningAnswers()
        self._steps = QuestionSteps(store, clock, backoff)
        self._asking = QuestionAsking(
            store,
            chat,
            clock,
            self._steps,
            asked_again_within,
            queue or FairQueue(ASKED_AT_ONCE, ASKED_AT_ONCE_BY_ONE, MOST_WAITING),
            limits,
            feedback,
            budgets,
            missing,
            comparisons,
        )

    async def add(self, question: Question) -> OpenQuestion | None:
        """Store the question, so that a crash cannot lose it. Returns None if Slack delivered it before.

        Raises StorageError.
        """
        return await self._store.add(question)

    async def add_later(self, held: Callable[[], Question]) -> OpenQuestion | None:
        """Store the question, as it reads then, once the database can be used; returns what `add` returns.

        Raises StorageError when that takes so long that nobody expects an answer any more.
        """
        failures, began = 0, self._clock.monotonic()
        while True:
            await asyncio.sleep(self._backoff.pause(failures, _LONGEST_STORE_PAUSE))
            try:
                return await self.add(held())
            except StorageError:
                if self._clock.monotonic() - began > self._asked_again_within.total_seconds():
                    raise
                failures += 1

    async def process(self, asked: OpenQuestion, to: AnswerPoster) -> None:
        """Continue until the question is settled: ask the model, store the answer, post it. Never raises.

        An answer cost money, so its question is settled only when all of it is posted. The questions of one
        thread are answered in the order in which they came, each with the answers before it.
        """
        key, place = asked.question.key, asked.question.place
        async with AsyncExitStack() as turns:
            running = await turns.enter_async_context(self._running.running(asked.question))
            turn = turns.enter_context(self._threads.join(key if asked.question.stands_alone else place))

            def opened(thread: Place) -> None:
                """Let what is written under the unfinished answer to a command wait for the whole answer."""
                if not place.thread and running.thread is None:
                    running.thread = thread
                    turns.enter_context(self._threads.join(thread))

            live = StoredLive(self._store, key, opened)
            running.answered = asked.answer is not None
            if asked.withdrawn and not asked.posted:
                await self._steps.until_done(key, partial(self._withdraw, to), to)
                return
            if asked.live and asked.live[0].ts:
                opened(replace(asked.live[0].place, thread=asked.live[0].ts))
            if asked.answer is None and (before := await self._posted_before(asked, to)) is not None:
                await turn.wait()
                if before.last:
                    await self._steps.until_done(key, self._settle)
                else:
                    await self._explain(key, half_posted(asked.question), to, live)
                return
            try:
                answer = asked.answer or await self._asking.answer(running, asked, to, turn, live)
            except Ended:
                running.answered = True
                await self._steps.until_done(key, partial(self._withdraw, to))
            except Exception as error:  # noqa: BLE001 - the person must get an explanation of any error
                running.answered = True
                _note_failure(asked.question, error)
                await self._keep_failure(key, error)
                await turn.wait()
                await self._explain(key, error, to, live)
            else:
                await turn.wait()
                await self._steps.until_done(key, partial(self._post, answer, to, live), to)

    async def ask_unposted(self, question: Question) -> ModelAnswer:
        """Ask a question whose answer goes to a program that waits for it. Raises BotError.

        In all else it is like the others: it counts in the limits, the budgets, the costs and the audit log.
        """
        await self.add(question)
        try:
            answer = await self._asking.answer_unposted(question)
        except Exception as error:
            _note_failure(question, error)
            await self._steps.until_done(question.key, self._settle)
            raise
        await self._steps.until_done(question.key, self._settle)
        return answer

    def stop(self, place: Place, user: str) -> int:
        """Stop the answers in a thread, or the person's own in a channel; return how many."""
        return self._running.stop(place, user)

    async def change(self, question: Question, edited: str) -> None:
        """Change a question as its message was edited: it is asked so, or its thread keeps it so.

        `edited` is Slack's `ts` of the event; an older edit that comes later changes nothing. Raises StorageError.
        """
        for key in await self._store.change(question, edited):
            self._running.end(key, End.CHANGED)

    async def withdraw(self, team: str, key: str, edited: str = "") -> None:
        """Forget a question whose message was deleted, or is no longer a question. Raises StorageError."""
        for unanswered in await self._store.withdraw(team, key, edited):
            self._running.end(unanswered, End.WITHDRAWN)

    async def _withdraw(self, to: AnswerPoster, asked: OpenQuestion) -> bool:
        await to.withdraw(asked)
        await self._store.settle(asked.question.key)
        return True

    def answers_in(self, place: Place) -> bool:
        """Return whether a question in this thread is being answered now."""
        return self._threads.busy(place)

    async def _posted_before(self, asked: OpenQuestion, to: AnswerPoster) -> Posted | None:
        """Return what an earlier process posted of an answer that this database does not have."""
        found: Posted | None = None

        async def look(newest: OpenQuestion) -> bool:
            nonlocal found
            found = await to.posted_before(newest)
            return True

        await self._steps.until_done(asked.question.key, look, to)
        return found

    async def _settle(self, asked: OpenQuestion) -> bool:
        await self._store.settle(asked.question.key)
        return True

    async def share(self, key: str, requester: Requester) -> OpenQuestion:
        """Store that the person's private answer is posted in the channel. Raises Outdated, StorageError."""
        shared = await self._store.share(key, requester.team, requester.user)
        if shared is None:
            raise Outdated("I do not have this answer any more: it was shared already, or is over a week old.")
        return shared

    async def try_again(self, key: str, requester: Requester) -> Question:
        """Return the question to ask once more, of one that failed or whose answer ended early.

        Its key is always the same, so that it is asked once however often a person presses the button. Raises
        Outdated where it is no longer kept or belongs to another channel, a private one to another person,
        StorageError.
        """
        # Before its key is used up: who may ask nothing must not take the second try from those who may.
        await self._chat.check_person(requester)
        failed, place = await self._store.failed(key), requester.place
        same = (
            failed is not None
            and failed.place.team == place.team
            and (failed.user == requester.user if failed.private else failed.place.channel == place.channel)
        )
        if failed is None or not same:
            raise Outdated("I no longer have this question.", "Ask it again.")
        return replace(failed, key=second_try(key))

    async def open_questions(self) -> list[OpenQuestion]:
        """Return the questions that an earlier process did not settle, oldest first. Raises StorageError.

        Of those that are posted nowhere, nobody waits for the answer any more: they are settled.
        """
        await self._asking.count_lost()
        left = list(await self._store.open_questions())
        for asked in left:
            if asked.question.is_unposted:
                await self._store.settle(asked.question.key)
        return [asked for asked in left if not asked.question.is_unposted]

    async def _post(self, answer: ModelAnswer, to: AnswerPoster, live: LiveRecord, asked: OpenQuestion) -> bool:
        """Post the next message of the answer. Returns whether it was the last one."""
        key = asked.question.key
        if asked.withdrawn and not asked.posted:
            return await self._withdraw(to, asked)
        posted = await to.post(asked, answer, partial(self._store.record_attempt, key), live)
        if posted.gone:
            return await self._withdraw(to, asked)
        if posted.last:
            # A private answer has no thread that could go on.
            question = asked.question
            turns = None if question.private else exchange(posted.thread, question.text, answer, key)
            await self._store.settle(key, turns, keep=answer.unfinished)
        else:
            await self._store.posted(key, posted.thread)
        return posted.last

    async def _keep_failure(self, key: str, error: Exception) -> None:
        """Store why there is no answer: the next process says the same, and asks no model."""
        if not isinstance(error, BotError):
            return  # It is a fault of ours, which the next version may not have.
        if isinstance(error, Interrupted):
            return  # The next process finds the same by itself.
        failure = AnswerFailure(error.message, error.hint)

        async def store(asked: OpenQuestion) -> bool:
            if asked.failure is None:
                await self._store.store_failure(key, failure)
            return True

        await self._steps.until_done(key, store)

    async def _explain(self, key: str, error: Exception, to: AnswerPoster, live: LiveRecord) -> None:
        """Post why there is no answer and settle the question, also if Slack never accepts that post."""

        async def explain(asked: OpenQuestion) -> bool:
            if asked.withdrawn:
                return await self._withdraw(to, asked)
            try:
                await to.explain(asked, error, partial(self._store.record_attempt, key), live)
            except StorageError:
                raise
            except Exception as refusal:
                now = self._steady.now()
                gone = isinstance(refusal, RetryLater) and refusal.final and asked.refusals.end(now)
                if not gone and now - asked.asked_at < _EXPLAINED_WITHIN:
                    raise
                logger.warning("gave up to post why %s has no answer: %s", key, refusal)
            await self._store.settle(key, keep=True)
            return True

        await self._steps.until_done(key, explain, to)


@dataclass(slots=True)
class StoredLive:
    """The LiveRecord of one question; `opened` is told the thread under a message once there is one."""

    store: QuestionStore
    key: str
    opened: Callable[[Place], None]
    place: Place | None = None

    async def begin(self, place: Place) -> None:
        self.place = place
        await self.store.begin_live(self.key, place)

    async def name(self, ts: str) -> None:
        if self.place is not None:
            self.opened(replace(self.place, thread=self.place.thread or ts))
        await self.store.name_live(self.key, ts)

    async def forget(self) -> None:
        await self.store.forget_live(self.key)

    async def keep(self, number: int) -> None:
        await self.store.keep_live(self.key, number)


def _note_failure(question: Question, error: Exception) -> None:
    """Log that a question has no answer, by the class of the error: its words may be those of a person."""
    place, why = question.place, type(error).__name__
    who = {"team": place.team, "channel": place.channel, "user": question.user}
    log_event(logger, "question.failed", question=question.key, why=why, **who)
