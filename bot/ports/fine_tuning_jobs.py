"""Where tunings of another provider are read from, to repeat them here."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.fine_tuning_job import FineTuningJob


class FineTuningJobs(Protocol):
    """Reads fine-tuning jobs; their files are read by a FileReader of the same provider."""

    async def jobs(self, limit: int) -> Sequence[FineTuningJob]:
        """Return the newest jobs. Raises FileUnavailable."""
        ...

    async def job(self, job_id: str) -> FineTuningJob:
        """Return one job. Raises FileUnavailable, BadArgument for what is no id of a job."""
        ...
