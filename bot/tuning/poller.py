"""The APScheduler job that looks at every open job whose turn it is and lets `JobService` write down what is new.

The scheduler holds no state of ours: each round reads the open jobs from the store, so a restart goes on where the
last process stopped. One backend's or one job's error never ends a round, nor hides another job.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.domain.jobs import JobState, TuningJob
from bot.errors import BotError, GoogleUnavailable, StorageError
from bot.ports.clock import Clock
from bot.ports.stores import JobStore
from bot.runtime.metrics import Metrics
from bot.tuning.job_refresh import JobRefresher
from bot.tuning.job_service import JobService
from bot.tuning.poll_schedule import PollSchedule

logger = logging.getLogger(__name__)

# Google's answers have time-outs of their own; this ends one that trickles for ever.
_LOOK_SECONDS: Final = 120.0
_RECOVERED_AT_ONCE: Final = 4
_JITTER: Final = 0.1  # of the pace
LATE_SECONDS: Final = 300.0

_POLL: Final = "poll"


class Poller:
    """Runs a round every `seconds`, never two at once; `late_after` seconds without one are a problem."""

    def __init__(
        self,
        job_service: JobService,
        refresher: JobRefresher,
        jobs: JobStore,
        clock: Clock,
        metrics: Metrics,
        seconds: float,
        late_after: float = LATE_SECONDS,
    ) -> None:
        self._job_service = job_service
        self._refresher = refresher
        self._jobs = jobs
        self._clock = clock
        self._metrics = metrics
        self._seconds = seconds
        self._late_after = max(late_after, 3 * seconds)
        self._turns = PollSchedule(seconds)
        self._born = clock.now()
        self._finished = time.monotonic()
        self._scheduler = AsyncIOScheduler(timezone="UTC", logger=_quiet_logger())
        # Without a grace of None APScheduler skips a round that is more than a second late.
        self._scheduler.add_job(
            self.round,
            "interval",
            seconds=seconds,
            jitter=seconds * _JITTER,
            id=_POLL,
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
        self._idle = asyncio.Event()
        self._idle.set()
        self._running: asyncio.Task[object] | None = None
        self._stopping = False
        self._nudge_timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start the clockwork in the running loop."""
        self._finished = time.monotonic()
        self._scheduler.start()
        self._wind()

    async def stop(self, seconds: float) -> None:
        """Start no further round, wait for the running one, and after `seconds` cut it short."""
        self._stopping = True
        if self._nudge_timer is not None:
            self._nudge_timer.cancel()
        self._scheduler.pause()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            logger.info("cut the polling round short: it goes on after the next start")
            if self._running is not None:
                self._running.cancel()
            await self._idle.wait()
        self._scheduler.shutdown(wait=False)

    def problem(self) -> str:
        """Why polling does not go on, or nothing."""
        late = time.monotonic() - self._finished
        return f"no round of polling has ended for {late:.0f} seconds" if late > self._late_after else ""

    async def round(self) -> None:
        """Look at every open job whose turn it is, all backends side by side."""
        self._idle.clear()
        self._running = asyncio.current_task()
        try:
            with self._metrics.round(self._seconds) as seconds:
                await self._round()
                if (took := seconds()) > self._seconds:
                    logger.info("a polling round took %.1f s, %.1f s after the last one", took, self._seconds)
        except BotError as error:
            logger.error("the polling round was cut short: %s", error)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        finally:
            self._running = None
            self._idle.set()
            self._wind()

    async def _round(self) -> None:
        jobs = await self._jobs.open_jobs()
        self._metrics.open_jobs(jobs)
        due = self._turns.due(jobs, self._clock.now(), self._clock.now() - self._born)
        by_backend: defaultdict[str, list[str]] = defaultdict(list)
        for job in due:
            by_backend[job.backend].append(job.key)
        ended = await asyncio.gather(
            *(self._look(backend, keys) for backend, keys in by_backend.items()), return_exceptions=True
        )
        self._raise_first(ended)
        self._finished = time.monotonic()

    async def _look(self, backend: str, keys: Sequence[str]) -> None:
        jobs = [job for job in await self._jobs.with_keys(keys) if not job.state.ended]
        confirmed = [job for job in jobs if job.state is not JobState.SUBMITTING]
        gate = asyncio.Semaphore(_RECOVERED_AT_ONCE)
        ended = await asyncio.gather(
            self._look_at(backend, confirmed),
            *(self._recover(job, gate) for job in jobs if job.state is JobState.SUBMITTING),
            return_exceptions=True,
        )
        self._raise_first(ended)

    async def _look_at(self, backend: str, jobs: Sequence[TuningJob]) -> None:
        if not jobs:
            return
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._refresher.poll(backend, jobs)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told on the cards and the round goes on
            told = _in_words(error, f"a look at {len(jobs)} jobs of {backend}")
            for job in jobs:
                await self._refresher.record_failure(job.key, told)

    async def _recover(self, job: TuningJob, gate: asyncio.Semaphore) -> None:
        try:
            async with gate, asyncio.timeout(_LOOK_SECONDS):
                await self._job_service.recover(job)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - the next job must be looked up whatever happens to this one
            await self._refresher.record_failure(job.key, _in_words(error, f"the search for {job.key}"))

    @staticmethod
    def _raise_first(ended: Sequence[object]) -> None:
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    def _wind(self) -> None:
        """See to it that rounds go on when the machine's clock was set back, by which the scheduler goes."""
        if self._nudge_timer is not None:
            self._nudge_timer.cancel()
        if not self._stopping and self._scheduler.running:
            loop = asyncio.get_running_loop()
            self._nudge_timer = loop.call_later(2 * self._seconds + 1.0, self._nudge)

    def _nudge(self) -> None:
        if self._idle.is_set():
            logger.warning("no polling round began when it should have; was the clock set back?")
            self._scheduler.modify_job(_POLL, next_run_time=datetime.now(UTC))
        self._wind()


def _in_words(error: Exception, what: str) -> BotError:
    if isinstance(error, BotError):
        return error
    if isinstance(error, TimeoutError):
        return GoogleUnavailable(f"Google did not answer within {_LOOK_SECONDS:.0f} seconds.")
    logger.error("%s failed unexpectedly", what, exc_info=error)
    return BotError("Google's answer could not be read.", "An administrator finds the reason in the log.")


def _quiet_logger() -> logging.Logger:
    """APScheduler warns of every round that an overrun skips; the measures tell of overruns."""
    quiet = logging.getLogger("apscheduler.tunebot")
    quiet.setLevel(logging.ERROR)
    return quiet
