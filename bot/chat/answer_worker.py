"""Sees each question through, from the moment it is on paper until its answer stands in Slack and is kept.

A question is asked once and its answer told once, also where the process dies in between: the next one takes up
whatever is still open. Only a question that has no answer on paper is asked again, and only while it is young.
"""

import asyncio
import logging
import textwrap
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Final

from bot.chat.chat_service import ChatService, exchange
from bot.domain.chat import ModelAnswer, Question
from bot.errors import BotError, RetryLater, SlackError, StorageError, Unconfirmed
from bot.ports.clock import Clock
from bot.ports.questions import AnswerPoster, OpenQuestion, QuestionStore
from bot.runtime.backoff import Backoff

logger = logging.getLogger(__name__)

# Later than this nobody expects the answer any more; it would be paid for, and come out of the blue.
ASKED_AGAIN_WITHIN: Final = timedelta(minutes=15)
BACKOFF: Final = Backoff()

_QUOTED: Final = 800

_Step = Callable[[OpenQuestion], Awaitable[bool]]


class AnswerWorker:
    """The use cases on questions that a person was told are being asked."""

    def __init__(
        self,
        store: QuestionStore,
        chat: ChatService,
        clock: Clock,
        backoff: Backoff = BACKOFF,
        asked_again_within: timedelta = ASKED_AGAIN_WITHIN,
    ) -> None:
        self._store = store
        self._chat = chat
        self._clock = clock
        self._backoff = backoff
        self._asked_again_within = asked_again_within

    async def add(self, question: Question) -> OpenQuestion | None:
        """Write it down; after this a crash cannot lose it. None if this delivery was taken before."""
        return await self._store.add(question)

    async def process(self, asked: OpenQuestion, to: AnswerPoster) -> None:
        """Go on from wherever it stands, until it is settled: ask, write the answer down, post it, keep it."""
        key = asked.question.key
        try:
            answer = asked.answer or await self._answer(asked, to)
            await self._until_done(key, partial(self._post, answer, to))
        except Exception as error:  # noqa: BLE001 - whatever stands in the way of an answer must become words
            await self._explain(key, error, to)

    async def open_questions(self) -> list[OpenQuestion]:
        """What an earlier process did not settle, oldest first."""
        return list(await self._store.open_questions())

    async def _answer(self, asked: OpenQuestion, to: AnswerPoster) -> ModelAnswer:
        """The model's answer, on paper. Raises BotError."""
        question = asked.question
        age = self._clock.now() - asked.asked_at
        # What was begun without an answer are words on why there is none: it was refused, and is not asked again.
        if asked.unconfirmed is not None or age > self._asked_again_within:
            raise _interrupted(question)
        model = question.model or await self._chat.model_for(question.place, question.named)
        await to.show_asking(question, model)
        answer = await self._chat.ask(question.place, question.text, model)

        async def write_down(_: OpenQuestion) -> bool:
            await self._store.store_answer(question.key, answer)
            return True

        await self._until_done(question.key, write_down)
        return answer

    async def _post(self, answer: ModelAnswer, to: AnswerPoster, asked: OpenQuestion) -> bool:
        """Post the next message of the answer; True once it was the last."""
        key = asked.question.key
        posted = await to.post(asked, answer, partial(self._store.record_attempt, key))
        if posted.last:
            await self._store.settle(key, exchange(posted.thread, asked.question.text, answer))
        else:
            await self._store.posted(key, posted.thread)
        return posted.last

    async def _explain(self, key: str, error: Exception, to: AnswerPoster) -> None:
        """Say why there is no answer and settle it, also where not even that can be said."""

        async def explain(asked: OpenQuestion) -> bool:
            try:
                await to.explain(asked, error, partial(self._store.record_attempt, key))
            except (RetryLater, StorageError):
                raise
            except Exception:
                logger.exception("nobody could be told why %s has no answer: %s", key, error)
            await self._store.settle(key)
            return True

        await self._until_done(key, explain)

    async def _until_done(self, key: str, step: _Step) -> None:
        """Take steps until one is the last, with pauses where Slack or the database fails."""
        failures, done = 0, False
        while not done:
            try:
                asked = await self._store.question(key)
                done = asked is None or await self._taken(asked, step)
                failures = 0
            except (RetryLater, StorageError) as error:
                logger.info("%s waits: %s", key, error)
                least = error.seconds if isinstance(error, RetryLater) else 1.0
                await asyncio.sleep(self._backoff.pause(failures, self._backoff.longest, least=least))
                failures += 1

    async def _taken(self, asked: OpenQuestion, step: _Step) -> bool:
        try:
            return await step(asked)
        except Unconfirmed:
            raise
        except SlackError:
            await self._store.refused(asked.question.key)
            raise


def _interrupted(question: Question) -> BotError:
    text = textwrap.shorten(question.text, _QUOTED, placeholder="…")
    return BotError(
        f"I was interrupted before I could answer your question: “{text}”.",
        "Ask it again if you still want to know.",
    )
