"""Asks the model of a question once, within its limits and budgets, and stores the answer with its cost.

A limited number of questions is at Google at a time; the others wait in a queue that is fair to each person.
Of all posts, only those are made here that show that the answer is being written.
"""

import asyncio
import logging
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from bot.chat.chat_service import ChatService
from bot.chat.compare import AskingSteps, Comparisons, RunningComparison
from bot.chat.feedback_service import FeedbackService
from bot.chat.question_limits import NO_LIMITS, THREAD_WINDOW, QuestionLimits
from bot.chat.question_steps import QuestionSteps
from bot.chat.running_answers import End, Ended, RunningAnswer
from bot.domain.chat import Answer, Finish, ModelAnswer, ModelRef, Question
from bot.domain.comparison import call_key
from bot.errors import BotError, Interrupted, NotFoundAtGoogle, StorageError
from bot.ports.clock import Clock
from bot.ports.questions import AnswerPoster, LiveRecord, OpenQuestion, QuestionStore
from bot.runtime.fair_queue import FairQueue, QueueFull
from bot.runtime.ordered_work import WorkTurn
from bot.spending.question_costs import QuestionBudgets

logger = logging.getLogger(__name__)

# Less than the connections for questions, so that a question whose turn it is never waits for a connection.
ASKED_AT_ONCE: Final = 60
ASKED_AT_ONCE_BY_ONE: Final = 12
# A question has up to 40,000 characters and is held in memory while it waits.
MOST_WAITING: Final = 1000

_QUOTED: Final = 800


class QuestionAsking:
    """Takes a stored question, asks its model, and stores the answer."""

    def __init__(
        self,
        store: QuestionStore,
        chat: ChatService,
        clock: Clock,
        steps: QuestionSteps,
        asked_again_within: timedelta,
        queue: FairQueue,
        limits: QuestionLimits,
        feedback: FeedbackService | None,
        budgets: QuestionBudgets | None,
        missing: Callable[[ModelRef], Awaitable[None]] | None,
        comparisons: Comparisons | None,
    ) -> None:
        self._store = store
        self._chat = chat
        self._clock = clock
        self._steps = steps
        self._asked_again_within = asked_again_within
        self._queue = queue
        self._limits = limits
        self._feedback = feedback
        self._budgets = budgets
        self._missing = missing
        self._comparisons = comparisons

    async def count_lost(self) -> None:
        """Count the calls of an earlier process whose answers it did not store. Raises StorageError."""
        if self._budgets is not None:
            await self._budgets.count_lost()

    async def answer(
        self, running: RunningAnswer, asked: OpenQuestion, to: AnswerPoster, turn: WorkTurn, live: LiveRecord
    ) -> ModelAnswer:
        """Ask the model and store its answer. Raises BotError, and Ended for a question that was withdrawn."""
        try:
            return await self._asked_and_stored(running, asked, to, turn, live)
        finally:
            if self._budgets is not None:
                self._budgets.release(asked.question)

    async def answer_unposted(self, question: Question) -> ModelAnswer:
        """Ask a question that is posted nowhere, and store its answer. Raises BotError."""
        try:
            return await self._asked_unposted(question)
        finally:
            if self._budgets is not None:
                self._budgets.release(question)

    async def _asked_unposted(self, question: Question) -> ModelAnswer:
        budgets = self._budgets
        model = await self._chat.model_for(question.asker, question.named)
        await self._count(question)
        if budgets is not None:
            await budgets.check(question)
        async with self._turn(question), self._sending(question):
            try:
                answer = await self._chat.asking.ask(
                    question.place,
                    question.text,
                    model,
                    question.settings,
                    alone=True,
                    before_send=partial(self._before_send, question, model),
                )
            except NotFoundAtGoogle:
                await self._note_missing(model)
                raise
        return await self._stored(question, answer, budgets)

    async def _asked_and_stored(
        self, running: RunningAnswer, asked: OpenQuestion, to: AnswerPoster, turn: WorkTurn, live: LiveRecord
    ) -> ModelAnswer:
        key = asked.question.key
        while True:
            try:
                answer = await self._ask(running, asked, to, turn, live)
                break
            except Ended as ended:
                if ended.why is End.STOPPED:
                    raise BotError("This question was stopped before an answer came.") from None
                if ended.why is not End.CHANGED:
                    raise
                running.begin_again()
            asked = await self._store.question(key) or asked
        running.answered = True
        # The two answers of a comparison are stored with their costs already.
        return await self._stored(asked.question, answer, None if answer.sides else self._budgets)

    async def _stored(
        self, question: Question, answer: ModelAnswer, budgets: QuestionBudgets | None
    ) -> ModelAnswer:
        """Store an answer with its cost; returns it with what is to say of a budget, and of settings, once."""
        cost = budgets.cost(question, answer) if budgets is not None else None
        if note := await self._budget_note(question):
            answer = replace(answer, note=note)
        told_once = not question.private and not question.is_unposted and not answer.sides
        if answer.left_out and told_once and not await self._chat.first_left_out(question.place, answer):
            answer = replace(answer, left_out=())

        async def store(_: OpenQuestion) -> bool:
            await self._store.store_answer(question.key, answer, cost)
            return True

        await self._steps.until_done(question.key, store)
        return answer

    async def _ask(
        self, running: RunningAnswer, asked: OpenQuestion, to: AnswerPoster, turn: WorkTurn, live: LiveRecord
    ) -> ModelAnswer:
        question, budgets = asked.question, self._budgets
        if asked.failure is not None:
            raise BotError(asked.failure.message, asked.failure.hint)
        age = self._clock.now() - asked.asked_at
        # An attempted post without a stored answer was an explanation: the model is not asked again.
        if asked.unconfirmed is not None or age > self._asked_again_within:
            left = await self._comparisons.left_by(question) if self._comparisons is not None else None
            if left is None:
                raise interrupted(question)
            return await self._ratable(question, left)
        async with running.may_end():
            # Counted before it waits for its turn: who is over the limit is told at once, and fills no queue.
            if turn.must_wait:
                await self._count(question)
                await turn.wait()
            requester = question.asker
            if question.model is not None:
                await self._chat.check_ask(requester, question.model)
            model = question.model or await self._chat.model_for(requester, question.named)
            await self._chat.check_settings(model, question.settings)
            await self._count(question)
            if budgets is not None:
                await budgets.check(question)
            comparison = None
            if question.compare and self._comparisons is not None:
                await self._count(replace(question, key=f"{question.key}:compared"))
                comparison = await self._comparisons.begin(question, model)
        if comparison is not None:
            async with to.show_live(asked, model, live):
                return await self._compare(running, question, comparison, to)
        async with AsyncExitStack() as stack:
            async with running.may_end():
                await stack.enter_async_context(self._turn(question, to))
            show = await stack.enter_async_context(to.show_live(asked, model, live))

            is_sent = False

            async def before_send(*sent: Any) -> None:
                nonlocal is_sent
                await self._before_send(question, model, *sent)
                is_sent = True

            def hear(words: str) -> None:
                running.received.append(words)
                show(words)

            await stack.enter_async_context(self._sending(question))
            try:
                async with running.may_end():
                    answer = await self._chat.asking.ask(
                        question.place,
                        question.text,
                        model,
                        question.settings,
                        hear,
                        alone=question.stands_alone,
                        before_send=before_send,
                    )
            except NotFoundAtGoogle:
                await self._note_missing(model)
                raise
            except Ended as ended:
                if ended.why is not End.STOPPED or not is_sent:
                    raise
                # What was received was paid for.
                return ModelAnswer(model, Answer("".join(running.received), Finish.STOPPED))
        return await self._ratable(question, answer)

    async def _before_send(self, question: Question, model: ModelRef, *sent: Any) -> None:
        """Check right before a question is sent what may have changed while it waited, and reserve its cost.

        Meanwhile its model may be shared with the person no longer. Raises NoSuchJob, Forbidden, OverBudget.
        """
        await self._chat.check_ask(question.asker, model)
        if self._budgets is not None:
            await self._budgets.reserve(question, *sent, endpoint=model.endpoint)

    async def _compare(
        self, running: RunningAnswer, question: Question, comparison: RunningComparison, to: AnswerPoster
    ) -> ModelAnswer:
        """Ask the two models of a comparison. Raises BotError if both fail, and Ended."""
        assert self._comparisons is not None
        comparisons, budgets = self._comparisons, self._budgets
        halves = [replace(question, key=call_key(question.key, index)) for index in range(2)]

        async def reserve(index: int, *sent: Any) -> None:
            if budgets is not None:
                *values, is_base = sent
                endpoint = comparison.comparison.sides[index].model.endpoint
                await budgets.reserve(halves[index], *values, endpoint=endpoint, is_base=is_base)

        async def keep(index: int, answer: ModelAnswer) -> None:
            cost = budgets.cost(halves[index], answer) if budgets is not None else None

            async def store(_: OpenQuestion) -> bool:
                await comparisons.keep(question.key, index, answer, cost)
                return True

            await self._steps.until_done(question.key, store)

        @asynccontextmanager
        async def sending(index: int) -> AsyncIterator[None]:
            async with self._turn(question, to), self._sending(halves[index]):
                yield

        steps = AskingSteps(sending, reserve, keep, self._note_missing)
        try:
            # Around both, too: what a person ends is cancelled inside, where nobody can say why.
            async with self._sending(*halves):
                try:
                    async with running.may_end():
                        return await self._ratable(question, await comparisons.ask(question, comparison, steps))
                except Ended as ended:
                    if ended.why is not End.STOPPED or not comparison.has_begun:
                        raise
                    return await comparisons.stop(comparison, steps)
        finally:
            if budgets is not None:
                for half in halves:
                    budgets.release(half)

    def _sending(self, *questions: Question) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._budgets is None else self._budgets.sending(*questions)

    async def _ratable(self, question: Question, answer: ModelAnswer) -> ModelAnswer:
        return answer if self._feedback is None else await self._feedback.ratable(question, answer)

    async def _note_missing(self, model: ModelRef) -> None:
        try:
            if self._missing is not None:
                await self._missing(model)
        except StorageError as error:
            logger.info("that a model is missing could not be written down: %s", error)

    async def _budget_note(self, question: Question) -> str:
        """Return what to say of a budget that is nearly used up; a database that fails says nothing of it."""
        try:
            return await self._budgets.note(question) if self._budgets is not None else ""
        except StorageError as error:
            logger.info("the budgets for questions could not be read: %s", error)
            return ""

    async def _count(self, question: Question) -> None:
        """Count the question once. Raises TooManyQuestions, StorageError."""
        if self._limits != NO_LIMITS:
            await self._store.count(question, THREAD_WINDOW, self._limits.check)

    @asynccontextmanager
    async def _turn(self, question: Question, to: AnswerPoster | None = None) -> AsyncIterator[None]:
        """Wait for the turn of the question's person, and say that it waits. Raises BotError if too many wait."""
        person = f"{question.place.team} {question.user}"
        note = None
        if to is not None and self._queue.must_wait(person):
            note = asyncio.create_task(to.show_waiting(question))
        try:
            async with self._queue.turn(person):
                if note is not None:
                    # An earlier text must not replace the one that says that the model is being asked.
                    await note
                yield
        except QueueFull:
            raise BotError(
                "I cannot take your question now: too many others wait for their answers.",
                "Ask it again in a few minutes.",
            ) from None
        finally:
            if note is not None:
                note.cancel()


def interrupted(question: Question) -> Interrupted:
    """Return why there is no answer to a question: no process had time to give one."""
    return Interrupted(
        f"I was interrupted before I could answer your question: “{_quoted(question)}”.",
        "Ask it again if you still want to know.",
    )


def half_posted(question: Question) -> BotError:
    """Return why the rest of an answer is missing."""
    return BotError(
        f"I posted only a part of the answer to your question: “{_quoted(question)}”. I was interrupted, and the "
        "rest is not in my database, which was restored from a backup.",
        "Ask it again if you still want to know.",
    )


def _quoted(question: Question) -> str:
    return textwrap.shorten(question.text, _QUOTED, placeholder="…")
