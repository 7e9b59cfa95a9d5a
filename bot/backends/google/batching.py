"""Reads many jobs with few requests: a few jobs by name and at the same time, many jobs from pages of a list."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from bot.domain.jobs import TuningJob
from bot.errors import BotError, GoogleUnavailable

logger = logging.getLogger(__name__)

# Up to this many jobs are read by name: a list may be long, and an operation says more than an entry of a list.
READ_BY_NAME: Final = 8
_CONCURRENT_REQUESTS: Final = 8
_TASKS_PER_BATCH: Final = 64

Found = TypeVar("Found")


def page_limit(jobs: int, pages_per_thousand: int) -> int:
    """Return how many pages of a list one poll of so many jobs may read."""
    return pages_per_thousand * max(1, -(-jobs // 1000))


async def read_each(
    jobs: Sequence[TuningJob], read: Callable[[TuningJob], Awaitable[Found]]
) -> dict[str, Found | BotError]:
    """Read every job, eight at the same time; returns by job key what was read, or the job's own error."""
    limit = asyncio.Semaphore(_CONCURRENT_REQUESTS)

    async def read_one(job: TuningJob) -> Found | BotError:
        async with limit:
            try:
                return await read(job)
            except BotError as error:
                return error
            except Exception:
                # An answer that breaks our reading of one job must not keep the others of the round unread.
                logger.exception("reading job %s failed unexpectedly", job.key)
                return GoogleUnavailable(
                    "Google's answer could not be read.", "An administrator finds the reason in the log."
                )

    results: dict[str, Found | BotError] = {}
    # Tasks that wait for nothing all run in one turn of the event loop; small batches keep each turn short, so
    # that Slack's requests are answered in time.
    for start in range(0, len(jobs), _TASKS_PER_BATCH):
        batch = jobs[start : start + _TASKS_PER_BATCH]
        found = await asyncio.gather(*(read_one(job) for job in batch))
        results |= zip((job.key for job in batch), found, strict=True)
    return results
