"""How long to wait for Google, and what is tried again. The policy of retries stands here and nowhere else."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import stamina

from bot.errors import GoogleError

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait, in seconds: for one answer, between tries of a read, and for all tries together."""

    answer: float = 30.0
    generation: float = 120.0
    connect: float = 10.0
    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 8.0
    all_tries: float = 45.0

    async def pause(self, tries: int) -> None:
        """Wait before the next try of a transfer that broke after `tries` tries."""
        await asyncio.sleep(min(self.first_wait * 2 ** (tries - 1), self.longest_wait))

    async def keep_trying(self, once: Callable[[], Awaitable[Result]]) -> Result:
        """Call until the result is there or the error is none that passes; that error is raised."""

        def wait(error: Exception) -> bool | float:
            # Google's wish is kept, or where it is longer than our retry_policy, nothing more is sent.
            if not isinstance(error, Passing):
                return False
            if error.wait is None:
                return True
            return error.wait if error.wait <= self.all_tries else False

        attempts = stamina.retry_context(
            on=wait,
            attempts=self.attempts,
            timeout=self.all_tries,
            wait_initial=self.first_wait,
            wait_max=self.longest_wait,
            wait_jitter=self.first_wait,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    return await once()
        except Passing as passing:
            raise passing.error from passing.__cause__
        raise AssertionError("stamina ends with a result or an error")


class Passing(Exception):
    """An error that may pass, with the seconds that Google asked to wait where it did; see `keep_trying`."""

    def __init__(self, error: GoogleError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait
