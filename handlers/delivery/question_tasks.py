"""Starts and resumes the tasks that answer questions.

A question is in the database before Slack receives the acknowledgement; `bot/chat/answer_worker.py` carries it on,
also after a restart. Where an answer goes is decided in `handlers/delivery/answer_posts.py`.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from bot.chat.answer_worker import AnswerWorker
from bot.domain.chat import Question, as_edited
from bot.domain.place import Place, Requester
from bot.errors import BotError, Outdated, StorageError
from bot.ports.clock import Clock
from bot.ports.questions import OpenQuestion
from bot.runtime.background_tasks import BackgroundTasks
from handlers.delivery.answer_posts import SlackAnswerPoster
from handlers.delivery.idempotent_poster import IdempotentPoster
from handlers.delivery.live_pace import LiveAnswers
from handlers.delivery.poster import Poster
from handlers.errors import Respond, report

logger = logging.getLogger(__name__)

# So many questions are kept in memory while the database cannot be used.
MOST_KEPT: Final = 200


@dataclass(slots=True)
class _Held:
    """A question in memory, as its message reads after the edit at Slack's time `edited`."""

    question: Question
    edited: str = ""
    is_withdrawn: bool = False


# How long a process that is being stopped tries to say that it loses a question.
_LAST_WORDS_SECONDS: Final = 1.0


class QuestionTasks:
    """Stores questions and answers each of them in a task."""

    def __init__(
        self,
        answer_worker: AnswerWorker,
        idempotent_poster: IdempotentPoster,
        poster: Poster,
        tasks: BackgroundTasks,
        clock: Clock,
        live: LiveAnswers | None = None,
    ) -> None:
        self._answer_worker = answer_worker
        self._idempotent_poster = idempotent_poster
        self._poster = poster
        self._tasks = tasks
        self._clock = clock
        self._live = live or LiveAnswers(poster)
        self._kept: dict[str, _Held] = {}

    async def accept(self, question: Question, respond: Respond, *, keep: bool = True) -> bool:
        """Write the question to the database and start to answer it; then it is safe to acknowledge it.

        A question that was accepted before, answered or not, is left alone. Nothing is raised: errors go to
        `respond`, and so does what only the person who typed a command or filled in a form may see.
        Returns false if the database cannot be used: then the question is held in memory until it can, and Slack
        may deliver it again. Without `keep` it is not held, and nobody is told.
        """
        if question.key in self._kept:
            return False  # Slack delivers it again while it is held; it may have been edited since.
        try:
            opened = await self._answer_worker.add(question)
        except StorageError as error:
            if keep:
                self._keep(question, error, respond)
            return False
        except BotError as error:
            self._tasks.spawn(report(error, respond), question.key)
            return True
        if opened is not None:
            self._spawn(opened, respond if question.quoted else None)
        return True

    def _keep(self, question: Question, error: StorageError, respond: Respond) -> None:
        """Tell the person that the question must wait, and answer it once it is stored.

        A killed process loses what it holds in memory, so the person is not promised an answer.
        """
        if question.key in self._kept:
            return  # Slack delivers a mention as two events.
        if len(self._kept) >= MOST_KEPT:
            self._tasks.spawn(report(error, respond), question.key)
            return
        held = self._kept[question.key] = _Held(question)
        self._tasks.spawn(self._store_later(held, error, respond), f"kept {question.key}")

    async def _store_later(self, held: "_Held", error: StorageError, respond: Respond) -> None:
        waits = StorageError(
            error.message,
            "I hold your question in memory and answer it as soon as I can store it. If no answer comes within 15 "
            "minutes, ask it again.",
        )
        opened: OpenQuestion | None = None
        try:
            # The answer must not overtake the message that it comes later.
            async with asyncio.TaskGroup() as both:
                both.create_task(report(waits, respond))
                try:
                    opened = await self._answer_worker.add_later(lambda: held.question)
                    if opened is not None and held.is_withdrawn:
                        await self._answer_worker.withdraw(held.question.place.team, held.question.key)
                        opened = replace(opened, withdrawn=True)
                except StorageError as last:
                    lost = StorageError(last.message, "I could not keep your question: ask it again.")
                    both.create_task(report(lost, respond))
        except asyncio.CancelledError:
            stopped = StorageError(
                error.message, "I am being stopped and cannot keep your question: ask it again."
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await report(stopped, respond)
            raise
        finally:
            del self._kept[held.question.key]
        if opened is not None:
            self._spawn(opened, respond if held.question.quoted else None)

    async def try_again(self, key: str, requester: Requester, respond: Respond) -> None:
        """Ask a question once more whose answer failed or ended early. Raises BotError."""
        question = await self._answer_worker.try_again(key, requester)
        # Who presses the button is the one who asks, with the rights and the limits of that person.
        opened = await self._answer_worker.add(replace(question, user=requester.user))
        if opened is None:
            raise Outdated("This question was asked again already.")
        self._spawn(opened, respond if question.quoted else None)

    async def share(self, key: str, requester: Requester, respond: Respond) -> Place:
        """Post a person's private answer where it was asked for, once; return that place. Raises BotError."""
        opened = await self._answer_worker.share(key, requester)
        self._spawn(opened, respond)
        return opened.question.place

    def stop(self, place: Place, user: str) -> int:
        """Stop the answers in a thread, or the person's own in a channel; return how many."""
        return self._answer_worker.stop(place, user)

    async def change(self, question: Question, edited: str) -> None:
        """Change a question as its message was edited, at Slack's time `edited`. Raises StorageError."""
        if (held := self._kept.get(question.key)) is not None and held.edited <= edited:
            held.question, held.edited = as_edited(held.question, question), edited
        await self._answer_worker.change(question, edited)

    async def withdraw(self, team: str, key: str, edited: str = "") -> None:
        """Forget a question whose message was deleted, or is no longer a question. Raises StorageError."""
        if (held := self._kept.get(key)) is not None and (not edited or held.edited <= edited):
            held.is_withdrawn = True
        await self._answer_worker.withdraw(team, key, edited)

    def answers_in(self, place: Place) -> bool:
        """Return whether a question in this thread is being answered now."""
        return bool(place.thread) and self._answer_worker.answers_in(place)

    async def resume(self) -> None:
        """Go on with the questions of an earlier process; their response URLs are lost."""
        for opened in await self._answer_worker.open_questions():
            logger.info("resuming %s", opened.question.key)
            self._spawn(opened, None, resumed=True)

    def _spawn(self, opened: OpenQuestion, respond: Respond | None, *, resumed: bool = False) -> None:
        poster = SlackAnswerPoster(
            self._idempotent_poster, self._poster, self._clock, respond, self._live, resumed=resumed
        )
        self._tasks.spawn(self._answer_worker.process(opened, poster), opened.question.key)
