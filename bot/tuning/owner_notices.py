"""Tells the owners of models that Google retires their base models, or does not find the models any more.

Which notice was told is written in the same transaction as the notice itself, so none is told twice, whenever the
process ends.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Final

from bot.domain.chat import ModelRef
from bot.domain.jobs import TuningJob
from bot.people.job_access import JobAccess
from bot.ports.clock import Clock
from bot.ports.job_store import Change, JobStore
from bot.spending.price_table import PriceTable
from bot.spending.retirement import base_of, due_notice, retirement_of, utc_day
from bot.tuning.transitions import tell_missing, tell_retirement

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 50


class RetirementWatch:
    """Looks at the usable models of all workspaces, and tells in the weeks before their base models retire."""

    def __init__(self, jobs: JobStore, prices: PriceTable, clock: Clock, wake_sender: Callable[[], None]) -> None:
        self._jobs = jobs
        self._prices = prices
        self._clock = clock
        self._wake_sender = wake_sender
        self._looked_on: date | None = None

    async def run(self) -> None:
        """Write the notices that are due today, once a day. Raises StorageError."""
        today = utc_day(self._clock)
        if self._looked_on == today:
            return
        keys = await self._jobs.usable_keys()
        # In parts, so that the memory does not grow with all models that were ever tuned.
        for start in range(0, len(keys), _AT_ONCE):
            await self._look_at(keys[start : start + _AT_ONCE])
        self._looked_on = today

    async def _look_at(self, keys: Sequence[str]) -> None:
        told = False
        for job in await self._jobs.with_keys(keys):
            if (days := self._due(job)) is not None:
                await self._jobs.change(job.key, partial(self._tell, days=days))
                told = True
        if told:
            self._wake_sender()

    def _due(self, job: TuningJob) -> int | None:
        found = retirement_of(base_of(job), self._prices)
        return None if found is None else due_notice(found, utc_day(self._clock), job.retirement_told)

    def _tell(self, job: TuningJob, days: int) -> Change | None:
        # The row may have changed since it was read.
        return tell_retirement(job, days) if self._due(job) == days else None


class MissingModels:
    """Notes the questions that Google answered with 404."""

    def __init__(self, jobs: JobStore, access: JobAccess, wake_sender: Callable[[], None]) -> None:
        self._jobs = jobs
        self._access = access
        self._wake_sender = wake_sender

    async def note(self, model: ModelRef) -> None:
        """Write the notice to the model's owner, if it was not written before. Raises StorageError."""
        job = await self._access.job_of(model)
        if job is not None:
            logger.info("Google does not find the model of %s", job.key)
            await self._jobs.change(job.key, tell_missing)
            self._wake_sender()
