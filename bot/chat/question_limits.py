"""Limits how many questions a person and a thread may send to paid models, so that nobody spends unnoticed.

The questions are counted in the database: a restart, or a crash that comes again and again, does not begin the
count anew. A question that is asked again after a crash is not counted twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from bot.errors import TooManyQuestions
from bot.ports.questions import AskedTimes

PERSON_WINDOW: Final = timedelta(minutes=1)
THREAD_WINDOW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class QuestionLimits:
    """The most questions of a person in a minute and of a thread in an hour; 0 means no limit."""

    person_per_minute: int = 0
    thread_per_hour: int = 0

    def check(self, asked: AskedTimes, now: datetime) -> None:
        """Raise TooManyQuestions if one more question is over a limit."""
        if seconds := _wait(asked.person, self.person_per_minute, PERSON_WINDOW, now):
            raise TooManyQuestions(
                f"You asked {_questions(self.person_per_minute)} within a minute, and I send no more to a model "
                "for one person, since each one costs money.",
                f"Please ask this one again in {_words(seconds)}.",
            )
        if seconds := _wait(asked.thread, self.thread_per_hour, THREAD_WINDOW, now):
            raise TooManyQuestions(
                f"This thread had {_questions(self.thread_per_hour)} within an hour, and I send no more to a "
                "model from one thread, since each one costs money.",
                f"Please ask this one again in {_words(seconds)}, or in a new thread.",
            )


NO_LIMITS: Final = QuestionLimits()


def _wait(times: Sequence[datetime], most: int, window: timedelta, now: datetime) -> float:
    """Return the seconds until one more is within the limit, 0 if it is now."""
    # A time after now was stored before the clock was put back: it must not keep anybody out.
    counted = [time for time in times if now - window < time <= now]
    if not most or len(counted) < most:
        return 0.0
    return (counted[-most] + window - now).total_seconds()


def _questions(number: int) -> str:
    return "one question" if number == 1 else f"{number:,} questions"


def _words(seconds: float) -> str:
    whole = max(1, ceil(seconds))
    if whole < 120:
        return "a second" if whole == 1 else f"{whole} seconds"
    return f"{ceil(whole / 60)} minutes"
