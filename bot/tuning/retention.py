"""Erases what is old, once a day: conversations, reports on files, and the bot's copies of training files."""

import logging
from datetime import datetime, timedelta
from typing import Final

from bot.domain.leftovers import RetentionRules
from bot.errors import GoogleError
from bot.ports.clock import Clock
from bot.ports.erasure import ErasureStore
from bot.runtime.clocks import SteadyTime
from bot.tuning.tidying import Tidying

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(days=1)
# The files of so many jobs, and so many files, are deleted on one day, so that a first run is no burst.
_JOBS_AT_ONCE: Final = 200
_FILES_AT_ONCE: Final = 10_000


class Retention:
    """Applies the rules. Which files in the bucket are left over is for `Tidying` to say."""

    def __init__(
        self,
        erasure: ErasureStore,
        tidying: Tidying,
        clock: Clock,
        rules: RetentionRules,
    ) -> None:
        self._erasure = erasure
        self._tidying = tidying
        # What is erased does not come back, so a clock that steps ahead must erase nothing.
        self._time = SteadyTime(clock)
        self._rules = rules
        self._ran_at: datetime | None = None

    async def run(self) -> None:
        """Erase what is old, unless that was done within the last day. Raises StorageError."""
        now = self._time.now()
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
        kept_for = timedelta(days=self._rules.training_file_days)
        try:
            old = [each for each in await self._tidying.files(kept_for) if not each.kept]
            # All files of one start together, which are many where pictures lie beside its rows.
            jobs = set(list(dict.fromkeys(each.job for each in old))[:_JOBS_AT_ONCE])
            await self._tidying.delete([each for each in old if each.job in jobs][:_FILES_AT_ONCE])
        except GoogleError as error:
            logger.warning("could not delete old training files: %s", error)
            return
        if old:
            logger.info("deleted %d old training files", len(old))


def _before(now: datetime, days: int) -> datetime | None:
    return now - timedelta(days=days) if days else None
