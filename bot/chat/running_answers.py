"""The questions that are being answered now, so that a person can stop, change or withdraw one of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.chat import Question
from bot.domain.place import Place


class End(StrEnum):
    """Why a question is not answered further."""

    STOPPED = "stopped"  # a person stopped it
    CHANGED = "changed"  # its message was edited: the new text is asked
    WITHDRAWN = "withdrawn"  # its message was deleted


class Ended(Exception):
    """The question is not answered further. It never leaves the worker."""

    def __init__(self, why: End) -> None:
        super().__init__(why)
        self.why = why


@dataclass(slots=True)
class RunningAnswer:
    """One question; `thread` is where its answer is written, as soon as that is known."""

    question: Question
    thread: Place | None = None
    received: list[str] = field(default_factory=list)
    answered: bool = False
    _why: End | None = None
    _scope: asyncio.Timeout | None = None

    def end(self, why: End) -> None:
        """End what waits or is received now, and what would come next; this closes the connection to Google."""
        self._why = why
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    def begin_again(self) -> None:
        """Forget the words of the old text of the question."""
        self._why = None
        self.received.clear()

    @asynccontextmanager
    async def may_end(self) -> AsyncIterator[None]:
        """Run the block until `end` is called. Raises Ended."""
        try:
            async with asyncio.timeout(None) as self._scope:
                if self._why is not None:
                    raise Ended(self._why)
                yield
        except TimeoutError:
            if self._why is None:
                raise
            raise Ended(self._why) from None
        finally:
            self._scope = None


class RunningAnswers:
    """All questions of this process that are not settled, by their keys."""

    def __init__(self) -> None:
        self._running: dict[str, RunningAnswer] = {}

    @asynccontextmanager
    async def running(self, question: Question) -> AsyncIterator[RunningAnswer]:
        """Hold the question inside the block."""
        mine = self._running[question.key] = RunningAnswer(
            question, question.place if question.place.thread else None
        )
        try:
            yield mine
        finally:
            del self._running[question.key]

    def end(self, key: str, why: End) -> bool:
        """End one question. Returns false where it is not running."""
        found = self._running.get(key)
        if found is not None:
            found.end(why)
        return found is not None

    def stop(self, place: Place, user: str) -> int:
        """Stop all answers in a thread, or those in a channel for which this person waits; return how many."""
        stopped = [each for each in self._running.values() if _is_meant(each, place, user)]
        for each in stopped:
            each.end(End.STOPPED)
        return len(stopped)


def _is_meant(running: RunningAnswer, place: Place, user: str) -> bool:
    if running.answered:
        return False  # It is only posted now.
    if place.thread:
        return running.thread == place
    question = running.question
    return question.user == user and (question.place.team, question.place.channel) == (place.team, place.channel)
