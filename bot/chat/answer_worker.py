"""Processes each question from the moment it is stored until its answer is posted and the conversation stored.

The model is asked once and each message posted once, also if the process dies in between: the next process
continues each open question. Only a question without a stored answer is asked again, and only for fifteen minutes.
A limited number of questions is at Google at a time; the others wait in a queue that is fair to each person.
"""

import asyncio
import logging
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from bot.chat.chat_service import ChatService, exchange
from bot.chat.compare import AskingSteps, Comparisons, RunningComparison
from bot.chat.feedback_service import FeedbackService
from bot.chat.question_limits import NO_LIMITS, THREAD_WINDOW, QuestionLimits
from bot.chat.running_answers import End, Ended, RunningAnswer, RunningAnswers
from bot.domain.chat import Answer, Finish, ModelAnswer, ModelRef, Question
from bot.domain.comparison import call_key
from bot.domain.place import Place, Requester
from bot.errors import BotError, NotFoundAtGoogle, Outdated, RetryLater, SlackError, StorageError, Unconfirmed
from bot.ports.clock import Clock
from bot.ports.questions import AnswerPoster, Failure, LiveRecord, OpenQuestion, Posted, QuestionStore
from bot.runtime.backoff import DEFAULT_BACKOFF, Backoff
from bot.runtime.fair_queue import FairQueue, QueueFull
from bot.runtime.logs import log_event
from bot.runtime.ordered_work import OrderedWork, Turn
from bot.spending.question_costs import QuestionBudgets

logger = logging.getLogger(__name__)

# After this time the person no longer expects an answer, and it would cost money.
ASKED_AGAIN_WITHIN: Final = timedelta(minutes=15)

# Less than the connections for questions, so that a question whose turn it is never waits for a connection.
ASKED_AT_ONCE: Final = 60
ASKED_AT_ONCE_BY_ONE: Final = 12
# A question has up to 40,000 characters and is held in memory while it waits.
MOST_WAITING: Final = 1000
# Nobody waits longer for the words on why there is no answer, and nobody paid for them.
_EXPLAINED_WITHIN: Final = timedelta(days=1)

_QUOTED: Final = 800
_LONGEST_STORE_PAUSE: Final = 5.0

_Step = Callable[[OpenQuestion], Awaitable[bool]]


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
        self._backoff = backoff
        self._asked_again_within = asked_again_within
        self._limits = limits
        self._feedback = feedback
        self._budgets = budgets
        self._missing = missing
        self._comparisons = comparisons
        self._threads = OrderedWork()
        self._running = RunningAnswers()
        self._queue = queue or FairQueue(ASKED_AT_ONCE, ASKED_AT_ONCE_BY_ONE, MOST_WAITING)

    async def add(self, question: Question) -> OpenQuestion | None:
        """Store the question, so that a crash cannot lose it. Returns None if Slack delivered it before.

        Raises StorageError.
        """
        return await self._store.add(question)

    async def add_later(self, question: Question) -> OpenQuestion | None:
        """Store the question as soon as the database can be used, and return as `add` does.

        Raises StorageError when that takes so long that nobody expects an answer any more.
        """
        failures, began = 0, self._clock.now()
        while True:
            await asyncio.sleep(self._backoff.pause(failures, _LONGEST_STORE_PAUSE))
            try:
                return await self.add(question)
            except StorageError:
                if self._clock.now() - began > self._asked_again_within:
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
            if asked.live and asked.live[0].ts:
                opened(replace(asked.live[0].place, thread=asked.live[0].ts))
            if asked.answer is None and (before := await self._posted_before(asked, to)) is not None:
                await turn.wait()
                if before.last:
                    await self._until_done(key, self._settle)
                else:
                    await self._explain(key, _half_posted(asked.question), to, live)
                return
            try:
                answer = asked.answer or await self._answer(running, asked, to, turn, live)
            except Ended:
                running.answered = True
                await self._until_done(key, partial(self._withdraw, to))
            except Exception as error:  # noqa: BLE001 - the person must get an explanation of any error
                running.answered = True
                _note_failure(asked.question, error)
                await self._keep_failure(key, error)
                await turn.wait()
                await self._explain(key, error, to, live)
            else:
                await turn.wait()
                await self._until_done(key, partial(self._post, answer, to, live), to)

    async def ask_unposted(self, question: Question) -> ModelAnswer:
        """Ask a question whose answer goes to a program that waits for it. Raises BotError.

        In all else it is like the others: it counts in the limits, the budgets, the costs and the audit log.
        """
        await self.add(question)
        try:
            answer = await self._answer_unposted(question)
        except Exception as error:
            _note_failure(question, error)
            await self._until_done(question.key, self._settle)
            raise
        finally:
            if self._budgets is not None:
                self._budgets.release(question)
        await self._until_done(question.key, self._settle)
        return answer

    async def _answer_unposted(self, question: Question) -> ModelAnswer:
        budgets = self._budgets
        model = await self._chat.model_for(Requester(question.user, question.place), question.named)
        await self._count(question)
        if budgets is not None:
            await budgets.check(question)
        async with self._turn(question), self._sending(question):
            try:
                answer = await self._chat.ask(
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

    def stop(self, place: Place, user: str) -> int:
        """Stop the answers in a thread, or the person's own in a channel; return how many."""
        return self._running.stop(place, user)

    async def change(self, place: Place, key: str, text: str) -> None:
        """Respect that the message of a question was edited: the new text is asked, or stands in the thread.

        Raises StorageError.
        """
        if await self._store.change_text(key, text):
            self._running.end(key, End.CHANGED)
        else:
            await self._store.change_turn(place.team, key, text)

    async def withdraw(self, place: Place, key: str) -> None:
        """Respect that the message of a question was deleted. Raises StorageError."""
        asked = await self._store.question(key)
        if asked is not None and asked.answer is None:
            self._running.end(key, End.WITHDRAWN)
        else:
            await self._store.forget_turns(place.team, key)

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

        await self._until_done(asked.question.key, look, to)
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
        return replace(failed, key=f"again:{key}")

    async def open_questions(self) -> list[OpenQuestion]:
        """Return the questions that an earlier process did not settle, oldest first. Raises StorageError.

        Of those that are posted nowhere, nobody waits for the answer any more: they are settled.
        """
        if self._budgets is not None:
            await self._budgets.count_lost()
        left = list(await self._store.open_questions())
        for asked in left:
            if asked.question.is_unposted:
                await self._store.settle(asked.question.key)
        return [asked for asked in left if not asked.question.is_unposted]

    async def _answer(
        self, running: RunningAnswer, asked: OpenQuestion, to: AnswerPoster, turn: Turn, live: LiveRecord
    ) -> ModelAnswer:
        """Ask the model and store its answer. Raises BotError, and Ended for a question that was withdrawn."""
        try:
            return await self._asked_and_stored(running, asked, to, turn, live)
        finally:
            if self._budgets is not None:
                self._budgets.release(asked.question)

    async def _asked_and_stored(
        self, running: RunningAnswer, asked: OpenQuestion, to: AnswerPoster, turn: Turn, live: LiveRecord
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
        """Store an answer with its cost; returns it with what is to say of a budget."""
        cost = budgets.cost(question, answer) if budgets is not None else None
        if note := await self._budget_note(question):
            answer = replace(answer, note=note)

        async def store(_: OpenQuestion) -> bool:
            await self._store.store_answer(question.key, answer, cost)
            return True

        await self._until_done(question.key, store)
        return answer

    async def _ask(
        self, running: RunningAnswer, asked: OpenQuestion, to: AnswerPoster, turn: Turn, live: LiveRecord
    ) -> ModelAnswer:
        question, budgets = asked.question, self._budgets
        if asked.failure is not None:
            raise BotError(asked.failure.message, asked.failure.hint)
        age = self._clock.now() - asked.asked_at
        # An attempted post without a stored answer was an explanation: the model is not asked again.
        if asked.unconfirmed is not None or age > self._asked_again_within:
            left = await self._comparisons.left_by(question) if self._comparisons is not None else None
            if left is None:
                raise _interrupted(question)
            return await self._ratable(question, left)
        async with running.may_end():
            # Counted before it waits for its turn: who is over the limit is told at once, and fills no queue.
            if turn.must_wait:
                await self._count(question)
                await turn.wait()
            requester = Requester(question.user, question.place)
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

            def hear(words: str) -> None:
                running.received.append(words)
                show(words)

            await stack.enter_async_context(self._sending(question))
            try:
                async with running.may_end():
                    answer = await self._chat.ask(
                        question.place,
                        question.text,
                        model,
                        question.settings,
                        hear,
                        alone=question.stands_alone,
                        before_send=partial(self._before_send, question, model),
                    )
            except NotFoundAtGoogle:
                await self._note_missing(model)
                raise
            except Ended as ended:
                if ended.why is not End.STOPPED:
                    raise
                # What was received was paid for.
                return ModelAnswer(model, Answer("".join(running.received), Finish.STOPPED))
        return await self._ratable(question, answer)

    async def _before_send(self, question: Question, model: ModelRef, *sent: Any) -> None:
        """Check right before a question is sent what may have changed while it waited, and reserve its cost.

        Meanwhile its model may be shared with the person no longer. Raises NoSuchJob, Forbidden, OverBudget.
        """
        await self._chat.check_ask(Requester(question.user, question.place), model)
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

            await self._until_done(question.key, store)

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

    async def _post(self, answer: ModelAnswer, to: AnswerPoster, live: LiveRecord, asked: OpenQuestion) -> bool:
        """Post the next message of the answer. Returns whether it was the last one."""
        key = asked.question.key
        posted = await to.post(asked, answer, partial(self._store.record_attempt, key), live)
        if posted.last:
            # A private answer has no thread that could go on.
            private = asked.question.private
            turns = None if private else exchange(posted.thread, asked.question.text, answer, key)
            await self._store.settle(key, turns, keep=answer.unfinished)
        else:
            await self._store.posted(key, posted.thread)
        return posted.last

    async def _keep_failure(self, key: str, error: Exception) -> None:
        """Store why there is no answer: the next process says the same, and asks no model."""
        if not isinstance(error, BotError):
            return  # It is a fault of ours, which the next version may not have.
        failure = Failure(error.message, error.hint)

        async def store(asked: OpenQuestion) -> bool:
            if asked.failure is None:
                await self._store.store_failure(key, failure)
            return True

        await self._until_done(key, store)

    async def _explain(self, key: str, error: Exception, to: AnswerPoster, live: LiveRecord) -> None:
        """Post why there is no answer and settle the question, also if Slack never accepts that post."""

        async def explain(asked: OpenQuestion) -> bool:
            try:
                await to.explain(asked, error, partial(self._store.record_attempt, key), live)
            except StorageError:
                raise
            except Exception as refusal:
                now = self._clock.now()
                gone = isinstance(refusal, RetryLater) and refusal.final and asked.refusals.end(now)
                if not gone and now - asked.asked_at < _EXPLAINED_WITHIN:
                    raise
                logger.warning("gave up to post why %s has no answer: %s", key, refusal)
            await self._store.settle(key, keep=True)
            return True

        await self._until_done(key, explain, to)

    async def _until_done(self, key: str, step: _Step, to: AnswerPoster | None = None) -> None:
        """Repeat the step until it returns true, with pauses while Slack or the database fails.

        With `to`, the person waits for what the step posts, and is told once of a fault of ours.
        """
        failures, done, told = 0, False, False
        asked: OpenQuestion | None = None
        while not done:
            try:
                asked = await self._store.question(key)
                done = asked is None or await self._attempt(asked, step)
                failures = 0
            except (RetryLater, StorageError) as error:
                logger.info("%s waits: %s", key, error)
                least = error.seconds if isinstance(error, RetryLater) else 1.0
                if asked is not None and asked.refusals.end(self._clock.now()):
                    least = self._backoff.after_fault
                await asyncio.sleep(self._backoff.pause(failures, self._backoff.longest, least=least))
                failures += 1
            except Exception:
                # A fault of ours must not lose what was paid for; the next version of the bot may post it.
                logger.exception("could not continue with %s", key)
                if to is not None and asked is not None and not told:
                    told = True
                    await to.show_fault(asked.question)
                await asyncio.sleep(self._backoff.after_fault)

    async def _attempt(self, asked: OpenQuestion, step: _Step) -> bool:
        key = asked.question.key
        try:
            return await step(asked)
        except Unconfirmed as error:
            if error.final:
                await self._store.count_refusal(key)
            raise
        except SlackError as error:
            await self._store.refused(key, final=isinstance(error, RetryLater) and error.final)
            raise


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


def _interrupted(question: Question) -> BotError:
    return BotError(
        f"I was interrupted before I could answer your question: “{_quoted(question)}”.",
        "Ask it again if you still want to know.",
    )


def _half_posted(question: Question) -> BotError:
    return BotError(
        f"I posted only a part of the answer to your question: “{_quoted(question)}”. I was interrupted, and the "
        "rest is not in my database, which was restored from a backup.",
        "Ask it again if you still want to know.",
    )


def _quoted(question: Question) -> str:
    return textwrap.shorten(question.text, _QUOTED, placeholder="…")
