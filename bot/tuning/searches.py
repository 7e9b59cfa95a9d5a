"""Searches Google for a start without an answer, and measures for how long, by no clock that can be changed.

A search adds the time since the last search of this process, at most a share of the grace time. So a verdict needs
several searches within the grace time, a process that did not search adds nothing, and a restart costs a little
time and never shortens it: the sum is in the job's row.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Final

from bot.domain.jobs import TuningJob
from bot.errors import GoogleError, GoogleUnavailable, Interrupted
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.clock import Clock
from bot.ports.job_store import Change, JobStore
from bot.tuning.transitions import adopt, end_cancelled, fail, look_failed, not_shown

logger = logging.getLogger(__name__)

# The grace time needs more searches than this, because the first search of a process adds nothing.
LEAST_SEARCHES: Final = 5
MOST_RESUMES: Final = 5  # a start that ended so many processes is not begun again
LOOK_SECONDS: Final = 60.0
QUICK_LOOK_SECONDS: Final = 5.0  # a person waits for it


class Searches:
    """Keeps in memory when each job was searched for; `grace` is the time that a verdict needs."""

    def __init__(self, clock: Clock, grace: timedelta) -> None:
        self._clock = clock
        self._most = grace.total_seconds() / LEAST_SEARCHES
        self._searched: dict[str, float] = {}

    def due(self, key: str) -> bool:
        """Return whether so much time has passed since the last search that another one is worth its requests."""
        last = self._searched.get(key)
        return last is None or self._clock.monotonic() - last >= self._most / 2

    def searched(self, key: str) -> float:
        """Count a search now; return the seconds that it adds."""
        now = self._clock.monotonic()
        last = self._searched.get(key, now)
        self._searched[key] = now
        return min(now - last, self._most)

    def oldest_first(self, keys: list[str]) -> list[str]:
        """Return the keys whose search is due, those that were searched for longest ago first."""
        return sorted(filter(self.due, keys), key=lambda key: self._searched.get(key, float("-inf")))

    def forget(self, key: str) -> None:
        """Delete what is kept about a job that was found or has ended."""
        self._searched.pop(key, None)


class StartSearch:
    """Searches Google for starts without an answer; `change` writes a step to the job's row."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        jobs: JobStore,
        clock: Clock,
        change: Callable[[str, Callable[[TuningJob], Change | None]], Awaitable[TuningJob | None]],
        grace: timedelta,
        doubt_after: timedelta,
    ) -> None:
        self._backends = backends
        self._jobs = jobs
        self._clock = clock
        self._change = change
        self._grace = grace
        self._doubt_after = doubt_after
        self._measured = Searches(clock, grace)

    async def look(self, job: TuningJob) -> None:
        """Adopt the job if Google shows it; if not, end one that was not sent, and one that was after a while."""
        backend = offered_backend(self._backends, job.backend)
        thorough = self._measured.due(job.key)
        where = backend.where_to_look(job.key)
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                found = await backend.find(job.key, thorough=thorough)
        except (GoogleError, TimeoutError) as caught:
            error = (
                caught if isinstance(caught, GoogleError) else GoogleUnavailable("Google did not answer in time.")
            )
            seconds = self._measured.searched(job.key) if thorough else 0.0
            change = partial(look_failed, error=error, seconds=seconds, grace=self._doubt_after, where=where)
            await self._change(job.key, partial(change, now=self._clock.now()))
            return
        now = self._clock.now()
        if found is not None:
            self._measured.forget(job.key)
            await self._change(job.key, partial(adopt, seen=found, now=now))
        elif thorough and job.unsent and job.cancelled_by:
            self._measured.forget(job.key)
            await self._change(job.key, partial(end_cancelled, now=now))
        elif thorough and job.unsent:
            self._measured.forget(job.key)
            given_up = Interrupted(
                f"The start was interrupted {MOST_RESUMES} times before it was sent, and Google shows no such "
                "job: nothing was started, and nothing is billed.",
                "Ask an administrator to look into the log, then start it again with /tune.",
            )
            await self._change(job.key, partial(fail, error=given_up, now=now))
        elif thorough:
            seconds = self._measured.searched(job.key)
            change = partial(not_shown, seconds=seconds, grace=self._grace, where=where, now=now)
            await self._change(job.key, change)

    async def adopt_if_shown(self, job: TuningJob) -> bool:
        """Follow the job of a start that another process may have sent, if Google shows it.

        A backup that was restored may be older than the start. Returns whether it is known now if Google has such
        a job. Raises StorageError.
        """
        if self._jobs.is_of_this_process(job.key):
            return True
        try:
            async with asyncio.timeout(QUICK_LOOK_SECONDS):
                found = await offered_backend(self._backends, job.backend).find(job.key)
        except (GoogleError, TimeoutError) as error:
            logger.info("cannot look at Google for %s now: %s", job.key, error)
            return False
        if found is not None:
            logger.warning("Google shows %s, which was %s here: following it", job.key, job.state)
            await self._change(job.key, partial(adopt, seen=found, now=self._clock.now()))
        return True
