"""An AnswerPoster in place of Slack: it records what a person would see, and fails on demand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from bot.domain.chat import ModelAnswer, ModelRef, Question
from bot.ports.notifier import RecordAttempt
from bot.ports.questions import LiveRecord, OpenQuestion, Posted, ShowWords


@dataclass
class RecordingAnswerPoster:
    """An AnswerPoster whose next posts raise `problems`, and after `free` of them wait for `gate`.

    `pieces` is how many messages an answer takes, `time_passes` is called before each post,
    `attempts` how many posts were stored as attempted, `before` what an earlier process posted.
    """

    pieces: int = 1
    shown: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    problems: list[Exception] = field(default_factory=list)
    states: list[OpenQuestion] = field(default_factory=list)
    gate: asyncio.Event | None = None
    free: int = 0
    attempts: int = 0
    before: Posted | None = None
    time_passes: Callable[[], None] = lambda: None

    async def show_waiting(self, question: Question) -> None:
        self.shown.append("waiting")

    async def show_fault(self, question: Question) -> None:
        self.shown.append("a fault")

    @asynccontextmanager
    async def show_live(
        self, asked: OpenQuestion, model: ModelRef, record: LiveRecord
    ) -> AsyncIterator[ShowWords]:
        self.shown.append(f"asking {model.name}")
        yield self.words.append

    async def posted_before(self, asked: OpenQuestion) -> Posted | None:
        return self.before

    async def post(
        self, asked: OpenQuestion, answer: ModelAnswer, record_attempt: RecordAttempt, live: LiveRecord
    ) -> Posted:
        place = asked.thread or asked.question.place
        await self._meet(asked, record_attempt)
        self.shown.append(f"{answer.answer.text} {asked.posted + 1}/{self.pieces}")
        return Posted(replace(place, thread=place.thread or "1.1"), last=asked.posted + 1 == self.pieces)

    async def withdraw(self, asked: OpenQuestion) -> None:
        self.shown.append("withdrawn")

    async def explain(
        self, asked: OpenQuestion, error: Exception, record_attempt: RecordAttempt, live: LiveRecord
    ) -> None:
        await self._meet(asked, record_attempt)
        self.shown.append(str(error))

    async def _meet(self, asked: OpenQuestion, record_attempt: RecordAttempt) -> None:
        self.time_passes()
        self.states.append(asked)
        await record_attempt(asked.question.place)
        self.attempts += 1
        if self.gate is not None and len(self.states) > self.free:
            await self.gate.wait()
        if self.problems:
            raise self.problems.pop(0)
