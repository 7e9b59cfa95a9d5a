"""How often a job is looked at: often while it is young, once a minute after the first half hour.

Time is cut into slots as long as a job's interval, counted from the poller's start, and a job is looked at in the
first round of each slot. So jobs of one age are looked at together, in the requests of one round, and since every
process starts at another moment, several of them do not ask Google in step. Pure: it reads no clock.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.domain.jobs import OpenJob

# Up to this age, at least so many seconds between two looks.
_PACES: Final = ((timedelta(minutes=2), 0.0), (timedelta(minutes=10), 15.0), (timedelta(minutes=30), 30.0))
_SLOWEST: Final = 60.0


def poll_interval(age: timedelta, shortest: float) -> float:
    """Seconds between two looks at a job of this age."""
    return max(shortest, next((seconds for until, seconds in _PACES if age < until), _SLOWEST))


class PollSchedule:
    """Whose turn it is in a round."""

    def __init__(self, shortest: float) -> None:
        self._shortest = shortest
        self._looked: dict[str, float] = {}

    def due(self, jobs: Sequence[OpenJob], now: datetime, since_start: timedelta) -> list[OpenJob]:
        """The jobs to look at now; each counts as looked at, and jobs that are not among `jobs` are forgotten.

        A clock that was set back starts another slot, as one that goes on does.
        """
        elapsed = since_start.total_seconds()
        looked: dict[str, float] = {}
        due: list[OpenJob] = []
        for job in jobs:
            last = self._looked.get(job.key)
            slot = poll_interval(now - job.created_at, self._shortest)
            every_round = slot <= self._shortest
            if last is None or every_round or last // slot != elapsed // slot:
                due.append(job)
                last = elapsed
            looked[job.key] = last
        self._looked = looked
        return due
