"""A person in Slack as the asking sees them: a AnswerPoster that writes down what is said, and fails on demand."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.domain.chat import ModelAnswer, ModelRef, Question
from bot.ports.notifier import RecordAttempt
from bot.ports.questions import OpenQuestion, Posted


@dataclass
class RecordingAnswerPoster:
    """What the person saw, and what the next posts meet: problems, and after `free` of them a gate.

    `pieces` is how many messages an answer takes, `time_passes` is called before each post,
    `begun` how many posts were begun on paper.
    """

    pieces: int = 1
    told: list[str] = field(default_factory=list)
    problems: list[Exception] = field(default_factory=list)
    states: list[OpenQuestion] = field(default_factory=list)
    gate: asyncio.Event | None = None
    free: int = 0
    begun: int = 0
    time_passes: Callable[[], None] = lambda: None

    async def show_waiting(self, question: Question) -> None:
        self.told.append("waiting")

    async def show_asking(self, question: Question, model: ModelRef) -> None:
        self.told.append(f"asking {model.name}")

    async def post(self, asked: OpenQuestion, answer: ModelAnswer, record_attempt: RecordAttempt) -> Posted:
        place = asked.thread or asked.question.place
        await self._meet(asked, record_attempt)
        self.told.append(f"{answer.answer.text} {asked.posted + 1}/{self.pieces}")
        return Posted(replace(place, thread=place.thread or "1.1"), last=asked.posted + 1 == self.pieces)

    async def explain(self, asked: OpenQuestion, error: Exception, record_attempt: RecordAttempt) -> None:
        await self._meet(asked, record_attempt)
        self.told.append(str(error))

    async def _meet(self, asked: OpenQuestion, record_attempt: RecordAttempt) -> None:
        self.time_passes()
        self.states.append(asked)
        await record_attempt(asked.question.place)
        self.begun += 1
        if self.gate is not None and len(self.states) > self.free:
            await self.gate.wait()
        if self.problems:
            raise self.problems.pop(0)
