"""How long the bot waits for Google, and how often it sends a request again. No other module decides that."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import stamina

from bot.domain.backoff import Backoff
from bot.errors import GoogleError

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Seconds to wait: for one answer, between two attempts of a request, and for all attempts together."""

    answer: float = 30.0
    generation: float = 120.0
    connect: float = 10.0
    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 8.0
    all_attempts: float = 45.0

    async def wait(self, attempts: int) -> None:
        """Wait before the next attempt of an upload or download that failed `attempts` times in a row."""
        await asyncio.sleep(Backoff(self.first_wait).pause(attempts - 1, self.longest_wait))

    async def run(self, once: Callable[[], Awaitable[Result]], call: str) -> Result:
        """Call `once` until it returns or raises an error that is not a RetryableError.

        `call` is its name in the log of retries: ``METHOD /path``, or some words.

        Raises that error, or the one inside the last RetryableError.
        """

        def wait(error: Exception) -> bool | float:
            if not isinstance(error, RetryableError):
                return False
            if error.wait is None:
                return True
            # Google says how long to wait. Where that is longer than all attempts may take, we do not try again.
            return error.wait if error.wait <= self.all_attempts else False

        attempts = stamina.retry_context(
            on=wait,
            attempts=self.attempts,
            timeout=self.all_attempts,
            wait_initial=self.first_wait,
            wait_max=self.longest_wait,
            wait_jitter=self.first_wait,
        ).with_name(call, (), {})
        try:
            async for attempt in attempts:
                with attempt:
                    return await once()
        except RetryableError as error:
            raise error.error from error.__cause__
        raise AssertionError("stamina ends with a result or an error")


class RetryableError(Exception):
    """Carries an error after which the request may be sent again, and how many seconds Google asks to wait."""

    def __init__(self, error: GoogleError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait
