"""How a round of polling is spread: few jobs by name and at once, many from list pages."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from bot.domain.jobs import TuningJob
from bot.errors import BotError, GoogleUnavailable

logger = logging.getLogger(__name__)

# Up to so many jobs are asked by name: a list may be long, and an operation tells more than a list entry.
BY_NAME: Final = 8
_AT_ONCE: Final = 8
_TASKS_AT_ONCE: Final = 64

Found = TypeVar("Found")


def pages_of_round(jobs: int, a_thousand: int) -> int:
    """How many pages of a list a look at so many jobs may read, where a thousand jobs have this many."""
    return a_thousand * max(1, -(-jobs // 1000))


async def gathered(
    jobs: Sequence[TuningJob], look: Callable[[TuningJob], Awaitable[Found]]
) -> dict[str, Found | BotError]:
    """Look at every job, eight at a time, by job key; an error stands in its own place and hides no other."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(job: TuningJob) -> Found | BotError:
        async with gate:
            try:
                return await look(job)
            except BotError as error:
                return error
            except Exception:
                logger.exception("a look at %s failed unexpectedly", job.key)
                return GoogleUnavailable(
                    "Google's answer could not be read.", "An administrator finds the reason in the log."
                )

    seen: dict[str, Found | BotError] = {}
    # Tasks that wait for nothing all run in one turn of the loop, which must not keep Slack waiting.
    for start in range(0, len(jobs), _TASKS_AT_ONCE):
        some = jobs[start : start + _TASKS_AT_ONCE]
        found = await asyncio.gather(*(one(job) for job in some))
        seen |= zip((job.key for job in some), found, strict=True)
    return seen
