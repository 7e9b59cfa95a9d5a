"""Polls every open job that is due, in rounds that APScheduler starts.

The scheduler holds no state of ours: each round reads the open jobs from the store, so a new process continues
where the last one stopped. The error of one backend or one job never ends a round and never hides another job.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.domain.jobs import JobState, TuningJob
from bot.errors import BotError, GoogleUnavailable, StorageError
from bot.ports.clock import Clock
from bot.ports.job_store import JobStore
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.metrics import Metrics
from bot.tuning.job_refresh import JobRefresher
from bot.tuning.job_starts import JobStarts
from bot.tuning.poll_schedule import PollSchedule

logger = logging.getLogger(__name__)

# Every request has a time-out; this one also ends an answer that arrives byte by byte for ever.
_POLL_SECONDS: Final = 120.0
_RECOVERED_AT_ONCE: Final = 4
_JITTER: Final = 0.1  # a share of the interval
LATE_SECONDS: Final = 300.0

SWEEP_SECONDS: Final = 900.0

POLL_JOB: Final = "poll"
SWEEP_JOB: Final = "sweep"


class Poller:
    """Runs a round every `seconds`, never two at once; `late_after` seconds without a round are a problem."""

    def __init__(
        self,
        job_starts: JobStarts,
        refresher: JobRefresher,
        jobs: JobStore,
        clock: Clock,
        metrics: Metrics,
        seconds: float,
        late_after: float = LATE_SECONDS,
        scheduler: AsyncIOScheduler | None = None,
        starts: BackgroundTasks | None = None,
        sweep: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`starts` runs what may take longer than a round: resumed starts, and `sweep`, also once at the start."""
        self._job_starts = job_starts
        self._refresher = refresher
        self._jobs = jobs
        self._clock = clock
        self._metrics = metrics
        self._seconds = seconds
        self._late_after = max(late_after, 3 * seconds)
        self._schedule = PollSchedule(seconds)
        self._started_at = clock.now()
        self._finished = time.monotonic()
        self._scheduler = scheduler or AsyncIOScheduler(timezone="UTC", logger=_quiet_logger())
        # APScheduler skips a run later than its misfire grace time, 1 s by default; None means no limit:
        # https://apscheduler.readthedocs.io/en/3.x/userguide.html, "Missed job executions and coalescing".
        self._scheduler.add_job(
            self.round,
            "interval",
            seconds=seconds,
            jitter=seconds * _JITTER,
            id=POLL_JOB,
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
        self._sweep = sweep
        if sweep is not None:
            self._scheduler.add_job(
                self.sweep,
                "interval",
                seconds=SWEEP_SECONDS,
                id=SWEEP_JOB,
                next_run_time=datetime.now(UTC),
                misfire_grace_time=None,
                coalesce=True,
            )
        self._idle = asyncio.Event()
        self._idle.set()
        self._running: asyncio.Task[object] | None = None
        self._stopping = False
        # An empty one counts as false.
        self._starts = starts if starts is not None else BackgroundTasks()
        self._resumed: set[str] = set()
        self._sweeping = False
        self._watchdog: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start the rounds in the running event loop."""
        self._finished = time.monotonic()
        self._scheduler.start()
        self._arm_watchdog()

    async def stop(self, seconds: float) -> None:
        """Start no further round, wait for the running one and for resumed starts, cancel them after `seconds`."""
        self._stopping = True
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._scheduler.pause()
        await asyncio.gather(self._end_round(seconds), self._starts.drain(seconds))
        self._scheduler.shutdown(wait=False)

    async def _end_round(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            logger.info("cancelled the polling round; the next process polls these jobs again")
            if self._running is not None:
                self._running.cancel()
            await self._idle.wait()

    async def sweep(self) -> None:
        """Begin to compare Google's lists with the rows, unless the last comparison still runs."""
        if self._sweep is not None and not self._sweeping and not self._stopping:
            self._sweeping = True
            self._starts.queue(self._run_sweep(self._sweep), "sweep")

    async def _run_sweep(self, sweep: Callable[[], Awaitable[None]]) -> None:
        try:
            await sweep()
        except BotError as error:
            logger.warning("the comparison with Google's lists failed: %s", error)
        finally:
            self._sweeping = False

    def problem(self) -> str:
        """Return why polling has stopped, empty while it works."""
        late = time.monotonic() - self._finished
        return f"no round of polling has ended for {late:.0f} seconds" if late > self._late_after else ""

    async def round(self) -> None:
        """Poll every open job that is due, all backends at the same time."""
        self._idle.clear()
        self._running = asyncio.current_task()
        try:
            with self._metrics.round(self._seconds) as seconds:
                await self._round()
                if (took := seconds()) > self._seconds:
                    logger.info(
                        "a polling round took %.1f s, longer than its interval of %.1f s", took, self._seconds
                    )
        except BotError as error:
            logger.error("the polling round failed: %s", error)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        finally:
            self._running = None
            self._idle.set()
            self._arm_watchdog()

    async def _round(self) -> None:
        # Slack is asked for rights before a start gets its turn; the polls of running jobs must not wait for that.
        ended = await asyncio.gather(self._begin_turns(), self._poll_due(), return_exceptions=True)
        self._raise_first(ended)
        self._finished = time.monotonic()
        self._metrics.polled(self._clock.now())

    async def _begin_turns(self) -> None:
        for begun in await self._job_starts.begin_turns():
            self._starts.queue(self._start(begun), f"start {begun.key}")

    async def _poll_due(self) -> None:
        jobs = await self._jobs.open_jobs()
        self._metrics.open_jobs(jobs)
        at_google = [job for job in jobs if not job.state.in_bot]
        due = self._schedule.due(at_google, self._clock.now(), self._clock.now() - self._started_at)
        by_backend: defaultdict[str, list[str]] = defaultdict(list)
        for job in due:
            by_backend[job.backend].append(job.key)
        ended = await asyncio.gather(
            *(self._poll_backend(backend, keys) for backend, keys in by_backend.items()), return_exceptions=True
        )
        self._raise_first(ended)

    async def _poll_backend(self, backend: str, keys: Sequence[str]) -> None:
        jobs = [job for job in await self._jobs.with_keys(keys) if not job.state.ended and not job.state.in_bot]
        confirmed = [job for job in jobs if job.state is not JobState.SUBMITTING]
        unconfirmed = [job for job in jobs if job.state is JobState.SUBMITTING]
        for job in unconfirmed:
            if job.create_sent_at is None:
                self._resume(job)
        gate = asyncio.Semaphore(_RECOVERED_AT_ONCE)
        ended = await asyncio.gather(
            self._poll_confirmed(backend, confirmed),
            *(self._recover(job, gate) for job in unconfirmed if job.create_sent_at is not None),
            return_exceptions=True,
        )
        self._raise_first(ended)

    async def _poll_confirmed(self, backend: str, jobs: Sequence[TuningJob]) -> None:
        if not jobs:
            return
        try:
            async with asyncio.timeout(_POLL_SECONDS):
                await self._refresher.poll(backend, jobs)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - the cards show any error, and the round continues
            failure = _as_bot_error(error, f"polling {len(jobs)} jobs of {backend}")
            for job in jobs:
                await self._refresher.record_failure(job.key, failure)

    async def _recover(self, job: TuningJob, gate: asyncio.Semaphore) -> None:
        try:
            async with gate, asyncio.timeout(_POLL_SECONDS):
                await self._job_starts.recover(job)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - the error of one job must not stop the search for the next
            await self._refresher.record_failure(job.key, _as_bot_error(error, f"the search for {job.key}"))

    async def _start(self, job: TuningJob) -> None:
        """Start a job whose turn it is."""
        try:
            await self._job_starts.submit(job)
        except BotError as error:
            logger.warning("the start of %s could not be written down: %s", job.key, error)

    def _resume(self, job: TuningJob) -> None:
        """Begin a start again that no process has sent; one that runs in this process goes on undisturbed."""
        if job.key not in self._resumed:
            self._resumed.add(job.key)
            self._starts.queue(self._resume_start(job), f"resumed start {job.key}")

    async def _resume_start(self, job: TuningJob) -> None:
        try:
            await self._job_starts.recover(job)
        except StorageError as error:
            logger.warning("the start of %s could not be resumed: %s", job.key, error)
        except BotError as error:
            # Such as that its backend is not offered any more.
            await self._refresher.record_failure(job.key, error)
        finally:
            self._resumed.discard(job.key)

    @staticmethod
    def _raise_first(ended: Sequence[object]) -> None:
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    def _arm_watchdog(self) -> None:
        """Start the timer that runs a round if the scheduler, which goes by the machine's clock, does not."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        if not self._stopping and self._scheduler.running:
            loop = asyncio.get_running_loop()
            self._watchdog = loop.call_later(2 * self._seconds + 1.0, self._run_missed_round)

    def _run_missed_round(self) -> None:
        if self._idle.is_set():
            logger.warning("no polling round began in time; the clock may have been set back")
            self._scheduler.modify_job(POLL_JOB, next_run_time=datetime.now(UTC))
        self._arm_watchdog()


def _as_bot_error(error: Exception, what: str) -> BotError:
    if isinstance(error, BotError):
        return error
    if isinstance(error, TimeoutError):
        return GoogleUnavailable(f"Google did not answer within {_POLL_SECONDS:.0f} seconds.")
    logger.error("%s failed unexpectedly", what, exc_info=error)
    return BotError("Google's answer could not be read.", "An administrator finds the reason in the log.")


def _quiet_logger() -> logging.Logger:
    """Return a logger without APScheduler's warning about each skipped round; a metric counts these."""
    quiet = logging.getLogger("apscheduler.tunebot")
    quiet.setLevel(logging.ERROR)
    return quiet
