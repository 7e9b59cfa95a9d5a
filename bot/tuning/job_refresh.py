"""Polls jobs that Google has confirmed and writes what is new; an answer without news costs no write.

A fingerprint of each job's last answer is kept in memory only; after a restart the first answer is compared with
the job's row. The error of one job never hides the news of another.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from bot.domain.jobs import BY_CEILING, JobState, TuningJob
from bot.domain.operations import Operation
from bot.errors import BotError, GoogleError, NotFoundAtGoogle
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.clock import Clock
from bot.ports.job_store import Change, JobStore
from bot.ports.notifier import NoticeKind
from bot.runtime.clocks import SteadyTime
from bot.tuning.cancellation import Cancellations
from bot.tuning.ceiling import NO_CEILING, Ceiling
from bot.tuning.job_service import JobService
from bot.tuning.searches import Searches
from bot.tuning.transitions import (
    apply_operation,
    ask_to_cancel,
    mark_stuck,
    not_shown,
    past_deadline,
    poll_failed,
)

logger = logging.getLogger(__name__)

LOST_AFTER: Final = timedelta(minutes=30)  # how long Google must say that it has no such job before it is lost
STUCK_AFTER: Final = timedelta(hours=2)  # how long a job may go without a new step or state

# Polling so many jobs costs about half of the requests of a round; then no stuck job is polled a second time.
_MANY: Final = 600
_RECORDED_AT_ONCE: Final = 50
_SEARCHED: Final = 4  # so many missing jobs one poll searches for: each may cost a whole list
# How many cancellations one poll repeats; among many jobs hardly any requests are left for them.
_CANCELS: Final = 8
_CANCELS_AMONG_MANY: Final = 2


class JobRefresher:
    """Polls jobs. `stuck_after`: how long one may stay at a step; `lost_after`: how long it may be unknown."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        jobs: JobStore,
        job_service: JobService,
        cancellations: Cancellations,
        clock: Clock,
        wake_sender: Callable[[], None],
        *,
        lost_after: timedelta = LOST_AFTER,
        stuck_after: timedelta = STUCK_AFTER,
        ceiling: Ceiling = NO_CEILING,
    ) -> None:
        self._backends = backends
        self._jobs = jobs
        self._job_service = job_service
        self._cancellations = cancellations
        self._clock = clock
        self._steady = SteadyTime(clock)
        self._wake_sender = wake_sender
        self._lost_after = lost_after
        self._stuck_after = stuck_after
        self._ceiling = ceiling
        self._fingerprints: dict[str, int] = {}
        self._searches = Searches(clock, lost_after)

    async def refresh(self, team: str, key: str) -> TuningJob:
        """Poll one job now and bring its card up to date, whether or not anything changed.

        Raises NoSuchJob, GoogleError, StorageError.
        """
        job = await self._job_service.get(team, key)
        if job.state is JobState.SUBMITTING:
            await self._job_service.starts.recover(job)
        elif not job.state.ended and not job.unsent:
            await self.poll(job.backend, [job])
        await self._change(key, lambda current: Change(current, notices=[NoticeKind.CARD]))
        return await self._job_service.get(team, key)

    async def poll(self, backend: str, jobs: Sequence[TuningJob]) -> None:
        """Poll confirmed jobs of one backend and write what is new. Raises BotError if no job could be polled."""
        offered = offered_backend(self._backends, backend)
        polled = await offered.poll(jobs)
        for count, job in enumerate(jobs, start=1):
            await self._record(job, polled[job.key])
            if count % _RECORDED_AT_ONCE == 0:
                # An answer without news awaits nothing; this lets the loop acknowledge Slack's requests.
                await asyncio.sleep(0)
        missing = [job for job in jobs if isinstance(polled[job.key], NotFoundAtGoogle)]
        await self._search_missing(offered, missing)
        cancelled = [job for job in jobs if job.cancelled_by and _still_runs(polled[job.key])]
        await self._cancellations.ask_again(cancelled, _CANCELS if len(jobs) <= _MANY else _CANCELS_AMONG_MANY)
        for job in jobs:
            await self._check_ceiling(offered, job, polled[job.key])
        if len(jobs) <= _MANY:
            await self._check_stuck(offered, [job for job in jobs if isinstance(polled[job.key], Operation)])

    async def _check_ceiling(self, backend: TuningBackend, job: TuningJob, seen: Operation | BotError) -> None:
        """Cancel a job that has reached the limit of a running tuning, once, as a person would."""
        now = self._clock.now()
        if job.cancelled_by or not backend.profile.can_cancel or not isinstance(seen, Operation):
            return
        if not self._ceiling.reached(job, seen, self._steady.now()):
            return
        logger.warning("%s has reached the limit of a running tuning", job.key)
        after = await self._change(job.key, partial(ask_to_cancel, user=BY_CEILING, now=now))
        if after is not None and after.cancelled_by == BY_CEILING and not after.state.ended:
            await self._cancellations.ask(after)

    async def record_failure(self, key: str, error: BotError) -> None:
        """Write to the job that polling it failed, unless its row says so already. Raises StorageError."""
        fingerprint = hash(str(error))
        if self._fingerprints.get(key) != fingerprint:
            await self._change(key, partial(poll_failed, error=error))
            self._fingerprints[key] = fingerprint

    async def _record(self, job: TuningJob, seen: Operation | BotError) -> None:
        try:
            if isinstance(seen, BotError):
                await self.record_failure(job.key, seen)
            else:
                await self._record_operation(job, seen)
        except BotError:
            # The database failed, and it would fail for every other job.
            raise
        except Exception:
            logger.exception("what Google returned for %s could not be written", job.key)

    async def _search_missing(self, backend: TuningBackend, jobs: Sequence[TuningJob]) -> None:
        """Search in another way for some of the jobs that Google says it does not have.

        Only when both ways have shown none of a job for as long as `lost_after` is the job lost: to give up a paid
        job is worse than another search.
        """
        by_key = {job.key: job for job in jobs}
        for key in self._searches.oldest_first(list(by_key))[:_SEARCHED]:
            job = by_key[key]
            try:
                found = await backend.find(key)
            except GoogleError as error:
                logger.info("the search for %s failed: %s", key, error)
                self._searches.searched(key)
                continue
            if found is not None:
                await self._record_operation(job, found)
                continue
            where = backend.where_to_look(key)
            seconds, now = self._searches.searched(key), self._clock.now()
            change = partial(not_shown, seconds=seconds, grace=self._lost_after, where=where, now=now)
            after = await self._change(key, change)
            if after is not None and after.state.ended:
                self._forget(key)

    async def _record_operation(self, job: TuningJob, seen: Operation) -> None:
        now = self._clock.now()
        problem = self._cancellations.problem(job.key)
        fingerprint = _fingerprint(seen, problem)
        self._searches.forget(job.key)
        self._jobs.mark_checked(job.key, now)
        if self._fingerprints.get(job.key) == fingerprint:
            return
        await self._change(job.key, partial(apply_operation, seen=seen, now=now, problem=problem))
        self._fingerprints[job.key] = fingerprint
        if seen.state.ended:
            self._forget(job.key)

    async def _check_stuck(self, backend: TuningBackend, jobs: Sequence[TuningJob]) -> None:
        """Mark the first job without progress as stuck, after polling it alone also shows no progress.

        Polling many jobs does not read the losses of each, and some jobs show their steps only by their losses.
        """
        now = self._clock.now()
        late = next((job for job in jobs if past_deadline(job, now, self._stuck_after)), None)
        if late is None:
            return
        alone = (await backend.poll([late]))[late.key]
        if isinstance(alone, Operation):
            await self._record(late, alone)
            await self._change(late.key, partial(mark_stuck, now=now, deadline=self._stuck_after))

    def _forget(self, key: str) -> None:
        self._fingerprints.pop(key, None)
        self._searches.forget(key)
        self._cancellations.forget(key)

    async def _change(self, key: str, step: Callable[[TuningJob], Change | None]) -> TuningJob | None:
        job = await self._jobs.change(key, step)
        self._wake_sender()
        return job


def _still_runs(seen: Operation | BotError) -> bool:
    """Return whether Google runs the job and has not begun to cancel it."""
    return isinstance(seen, Operation) and not seen.state.ended and not seen.google_state.endswith("CANCELLING")


def _fingerprint(seen: Operation, problem: str) -> int:
    """Return a number that changes when the operation or the problem on the card changes.

    Of the snapshots only their number and the last one count; a change of an earlier one is written with the next
    step. The last one counts as text, because the NaN of a diverged tuning is not equal to itself.
    """
    facts = (
        *(seen.name, seen.state, seen.google_state, seen.tuned_model, seen.endpoint),
        *(seen.total_steps, seen.completed_steps, seen.epoch, seen.waits_for, seen.started_at, seen.ended_at),
        *(seen.failure, seen.data_stats, len(seen.snapshots), repr(seen.snapshots[-1:]), problem),
    )
    return hash(facts)
