"""The APScheduler job that looks at every open job and lets `Tuning` write down what is new.

The scheduler holds no state of ours: each round reads the open jobs from the store, so a restart goes on where the
last process stopped. One backend's or one job's error never ends a round.
"""

import asyncio
import logging
from collections import defaultdict

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.domain import JobState, TuningJob
from bot.errors import BotError
from bot.ports import JobStore
from bot.tuning import Tuning

logger = logging.getLogger(__name__)


class Poller:
    """Runs a round every `seconds`, never two at once."""

    def __init__(self, tuning: Tuning, jobs: JobStore, seconds: float) -> None:
        self._tuning = tuning
        self._jobs = jobs
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        # Without a grace of None APScheduler skips a round that is more than a second late.
        self._scheduler.add_job(
            self.round,
            "interval",
            seconds=seconds,
            id="poll",
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self) -> None:
        """Start the clockwork in the running loop."""
        self._scheduler.start()

    async def stop(self) -> None:
        """Start no further round and wait for the running one; its requests have time-outs of their own."""
        self._scheduler.pause()
        await self._idle.wait()
        self._scheduler.shutdown(wait=False)

    async def round(self) -> None:
        """Look at every open job once, all backends side by side."""
        self._idle.clear()
        try:
            by_backend: defaultdict[str, list[TuningJob]] = defaultdict(list)
            for job in await self._jobs.open_jobs():
                by_backend[job.backend].append(job)
            await asyncio.gather(*(self._look(backend, jobs) for backend, jobs in by_backend.items()))
        except BotError as error:
            logger.error("the polling round was cut short: %s", error)
        finally:
            self._idle.set()

    async def _look(self, backend: str, jobs: list[TuningJob]) -> None:
        confirmed = [job for job in jobs if job.state is not JobState.SUBMITTING]
        for job in jobs:
            if job.state is JobState.SUBMITTING:
                try:
                    await self._tuning.recover(job)
                except BotError as error:
                    await self._tuning.note_miss(job.key, error)
        if confirmed:
            try:
                await self._tuning.look(backend, confirmed)
            except BotError as error:
                for job in confirmed:
                    await self._tuning.note_miss(job.key, error)
