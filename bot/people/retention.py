"""Erases what is old, once a day: conversations, reports on files, and the bot's copies of training files."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.domain.jobs import JobState, TuningJob
from bot.errors import GoogleError
from bot.ports.backends import TuningBackend
from bot.ports.clock import Clock
from bot.ports.erasure import ErasureStore
from bot.ports.stores import JobStore

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(days=1)
_FILES_AT_ONCE: Final = 200  # are deleted on one day, so that a first run is no burst


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """For how many days each kind is kept; 0 keeps it for ever."""

    conversation_days: int = 365
    report_days: int = 90
    training_file_days: int = 90


class Retention:
    """Applies the rules. A file in the bucket is deleted only after its job has ended for so many days."""

    def __init__(
        self,
        erasure: ErasureStore,
        jobs: JobStore,
        backends: Mapping[str, TuningBackend],
        clock: Clock,
        rules: RetentionRules,
    ) -> None:
        self._erasure = erasure
        self._jobs = jobs
        self._backends = backends
        self._clock = clock
        self._rules = rules
        self._ran_at: datetime | None = None

    async def run(self) -> None:
        """Erase what is old, unless that was done within the last day. Raises StorageError."""
        now = self._clock.now()
        if self._ran_at is not None and self._ran_at <= now < self._ran_at + EVERY:
            return
        self._ran_at = now
        rules = self._rules
        erased = await self._erasure.expire(_before(now, rules.conversation_days), _before(now, rules.report_days))
        if erased.turns or erased.reports or erased.proposals:
            logger.info(
                "erased what is old: %d turns of conversations, %d reports, %d unused starts",
                erased.turns,
                erased.reports,
                erased.proposals,
            )
        if (ended := _before(now, rules.training_file_days)) is not None:
            await self._delete_files(ended)

    async def _delete_files(self, ended_before: datetime) -> None:
        if not await self._erasure.any_ended(ended_before):
            return
        for backend in self._backends.values():
            try:
                files = await backend.stored_files()
                jobs = await self._jobs.with_keys([each.key for each in files if each.key])
                ended = {job.key for job in jobs if _ended(job, ended_before)}
                old = [each for each in files if each.key in ended]
                for each in old[:_FILES_AT_ONCE]:
                    await backend.delete_stored_file(each.name)
            except GoogleError as error:
                logger.warning("could not delete old training files of %s: %s", backend.profile.name, error)
                continue
            if old:
                logger.info("deleted %d old training files of %s", len(old[:_FILES_AT_ONCE]), backend.profile.name)


def _ended(job: TuningJob, before: datetime) -> bool:
    """Return whether the job needs its files no more. Google may still run a lost one."""
    if job.state is JobState.LOST or not job.state.ended:
        return False
    return job.ended_at is not None and job.ended_at < before


def _before(now: datetime, days: int) -> datetime | None:
    return now - timedelta(days=days) if days else None
