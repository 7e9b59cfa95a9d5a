"""Tells the owner of a model, once, that Google does not find the model any more."""

import logging
from collections.abc import Callable

from bot.domain.chat import ModelRef
from bot.people.job_access import JobAccess
from bot.ports.job_store import JobStore
from bot.tuning.transitions import tell_missing

logger = logging.getLogger(__name__)


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
