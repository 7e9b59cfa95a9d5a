"""Looks at jobs that Google has confirmed: what is new is written down, what is not costs no write.

What the last look at each job showed is remembered in memory only; after a restart the first look is compared with
the job's row instead. One job's problem never hides another's news.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.domain.jobs import JobState, Operation, TuningJob
from bot.errors import BotError, NotFoundAtGoogle
from bot.ports.backends import TuningBackend
from bot.ports.clock import Clock
from bot.ports.notifier import NoticeKind
from bot.ports.registry import offered_backend
from bot.ports.stores import Change, JobStore
from bot.tuning.cancellation import Cancellations
from bot.tuning.job_service import JobService
from bot.tuning.transitions import apply_operation, mark_stuck, past_deadline, poll_failed

logger = logging.getLogger(__name__)

LOST_AFTER: Final = timedelta(minutes=10)  # how long a confirmed job may answer 404 before it counts as lost
STUCK_AFTER: Final = timedelta(hours=2)  # how long a job may go without a new step or state

# A look at so many jobs takes about half of the requests that a round may cost; none is left for doubts then.
_MANY: Final = 600
_NOTED_AT_ONCE: Final = 50
# Cancellations that a look sends to Google again; among many jobs there are hardly any requests left for them.
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
    ) -> None:
        self._backends = backends
        self._jobs = jobs
        self._job_service = job_service
        self._cancellations = cancellations
        self._clock = clock
        self._wake_sender = wake_sender
        self._lost_after = lost_after
        self._stuck_after = stuck_after
        self._shown: dict[str, int] = {}
        self._absent: dict[str, datetime] = {}

    async def refresh(self, team: str, key: str) -> TuningJob:
        """Poll one job now and bring its card up to date, whether or not anything changed.

        Raises NoSuchJob, GoogleError, StorageError.
        """
        job = await self._job_service.get(team, key)
        if job.state is JobState.SUBMITTING:
            await self._job_service.recover(job)
        elif not job.state.ended:
            await self.poll(job.backend, [job])
        await self._change(key, lambda current: Change(current, notices=[NoticeKind.CARD]))
        return await self._job_service.get(team, key)

    async def poll(self, backend: str, jobs: Sequence[TuningJob]) -> None:
        """Poll confirmed jobs of one backend and write what is new. Raises BotError if no job could be polled."""
        offered = offered_backend(self._backends, backend)
        seen = await offered.poll(jobs)
        for count, job in enumerate(jobs, start=1):
            await self._note(job, seen[job.key])
            if count % _NOTED_AT_ONCE == 0:
                # What shows nothing new waits for nothing, and Slack must be acknowledged in between.
                await asyncio.sleep(0)
        wanted = [job for job in jobs if job.cancelled_by and _goes_on(seen[job.key])]
        await self._cancellations.ask_again(wanted, _CANCELS if len(jobs) <= _MANY else _CANCELS_AMONG_MANY)
        if len(jobs) <= _MANY:
            await self._doubt(offered, [job for job in jobs if isinstance(seen[job.key], Operation)])

    async def record_failure(self, key: str, error: BotError) -> None:
        """Write to the job that polling it failed, unless its row says so already. Raises StorageError."""
        now = self._clock.now()
        lost = False
        if isinstance(error, NotFoundAtGoogle):
            # Google may answer so for a job that it made a moment ago, and giving up on a paid job is worse than
            # asking once more; what counts is for how long this process has heard nothing else.
            lost = now - self._absent.setdefault(key, now) >= self._lost_after
        gist = hash(str(error))
        if lost or self._shown.get(key) != gist:
            await self._change(key, partial(poll_failed, error=error, now=now, lost=lost))
            self._shown[key] = gist
        if lost:
            self._forget(key)

    async def _note(self, job: TuningJob, seen: Operation | BotError) -> None:
        try:
            if isinstance(seen, BotError):
                await self.record_failure(job.key, seen)
            else:
                await self._saw(job, seen)
        except BotError:
            # The database refuses, which it would do for every other job, too.
            raise
        except Exception:
            logger.exception("what a look at %s showed could not be written down", job.key)

    async def _saw(self, job: TuningJob, seen: Operation) -> None:
        now = self._clock.now()
        problem = self._cancellations.problem(job.key)
        gist = _gist(seen, problem)
        self._absent.pop(job.key, None)
        self._jobs.mark_checked(job.key, now)
        if self._shown.get(job.key) == gist:
            return
        await self._change(job.key, partial(apply_operation, seen=seen, now=now, problem=problem))
        self._shown[job.key] = gist
        if seen.state.ended:
            self._forget(job.key)

    async def _doubt(self, backend: TuningBackend, seen: Sequence[TuningJob]) -> None:
        """Call the first job that stands still stuck, once a look at it alone shows nothing new either.

        A look at many jobs does not read the losses of each, by which alone some of them show their steps.
        """
        now = self._clock.now()
        still = next((job for job in seen if past_deadline(job, now, self._stuck_after)), None)
        if still is None:
            return
        alone = (await backend.poll([still]))[still.key]
        if isinstance(alone, Operation):
            await self._note(still, alone)
            await self._change(still.key, partial(mark_stuck, now=now, deadline=self._stuck_after))

    def _forget(self, key: str) -> None:
        self._shown.pop(key, None)
        self._absent.pop(key, None)
        self._cancellations.forget(key)

    async def _change(self, key: str, step: Callable[[TuningJob], Change | None]) -> None:
        await self._jobs.change(key, step)
        self._wake_sender()


def _goes_on(seen: Operation | BotError) -> bool:
    """Whether Google runs the job and does not say that it is stopping it."""
    return isinstance(seen, Operation) and not seen.state.ended and not seen.google_state.endswith("CANCELLING")


def _gist(seen: Operation, problem: str) -> int:
    """Differs where a look shows something new, or where other words of problem belong on the card.

    Of the losses only how many there are and the last one count; should an earlier one change after it, that is
    written with the next step. As text, since the NaN of a tuning that diverged never equals itself.
    """
    told = (
        *(seen.name, seen.state, seen.google_state, seen.tuned_model, seen.endpoint),
        *(seen.total_steps, seen.completed_steps, seen.epoch, seen.started_at, seen.ended_at),
        *(seen.failure, seen.data_stats, len(seen.snapshots), repr(seen.snapshots[-1:]), problem),
    )
    return hash(told)
