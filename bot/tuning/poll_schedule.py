"""How often a job is polled: often while it is young, once a minute from half an hour after its start was sent.

Time is divided into slots as long as a job's interval, counted from the poller's start, and a job is polled in the
first round of each slot. So jobs of one age share the requests of one round, and several processes, which start at
different times, do not poll Google at the same moment. Pure: it reads no clock.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.domain.jobs import OpenJob

# Up to this age, at least so many seconds between two polls.
_INTERVALS: Final = ((timedelta(minutes=2), 0.0), (timedelta(minutes=10), 15.0), (timedelta(minutes=30), 30.0))
_LONGEST_INTERVAL: Final = 60.0


def poll_interval(age: timedelta, shortest: float) -> float:
    """Return the seconds between two polls of a job of this age."""
    return max(shortest, next((seconds for until, seconds in _INTERVALS if age < until), _LONGEST_INTERVAL))


class PollSchedule:
    """Decides which jobs a round polls."""

    def __init__(self, shortest: float) -> None:
        self._shortest = shortest
        self._polled: dict[str, float] = {}

    def due(self, jobs: Sequence[OpenJob], now: datetime, since_start: timedelta) -> list[OpenJob]:
        """Return the jobs to poll now and count them as polled; jobs that are not in `jobs` are forgotten.

        A clock that was set back also begins a new slot.
        """
        elapsed = since_start.total_seconds()
        polled: dict[str, float] = {}
        due: list[OpenJob] = []
        for job in jobs:
            last = self._polled.get(job.key)
            slot = poll_interval(now - job.since, self._shortest)
            every_round = slot <= self._shortest
            if last is None or every_round or last // slot != elapsed // slot:
                due.append(job)
                last = elapsed
            polled[job.key] = last
        self._polled = polled
        return due
