"""How the tests wait: until a condition is true, or a deadline has passed. No other file of theirs sleeps."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeVar, overload

T = TypeVar("T")

# A test that passes never waits for so long, also when eight processes share two cores.
DEADLINE_SECONDS: Final = 120.0
PROBE_SECONDS: Final = 0.01


@overload
async def wait_until(probe: Callable[[], Awaitable[T | None]], what: str = ..., within: float = ...) -> T: ...


@overload
async def wait_until(probe: Callable[[], T | None], what: str = ..., within: float = ...) -> T: ...


async def wait_until(
    probe: Callable[[], Any], what: str = "the condition", within: float = DEADLINE_SECONDS
) -> object:
    """Return the first result of `probe` that is true. Raises AssertionError after `within` seconds.

    It is for what sends no event: rows, log files, and the requests that arrive at Google's stand-in.
    """
    try:
        async with asyncio.timeout(within):
            while not (result := await _result(probe)):  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(PROBE_SECONDS)
            return result
    except TimeoutError:
        raise AssertionError(f"{what} did not come within {within} s") from None


async def holds(probe: Callable[[], object], seconds: float, what: str = "the condition") -> None:
    """Check that the result of `probe` stays true for so many seconds. Raises AssertionError as soon as it is not.

    It is for what must not happen, e.g. a second post.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        if not await _result(probe):
            raise AssertionError(f"{what} did not hold for {seconds} s")
        if loop.time() >= end:
            return
        await asyncio.sleep(PROBE_SECONDS)


async def wait_until_still(count: Callable[[], int], seconds: float = 0.7) -> None:
    """Wait until a number has not changed for so many seconds, e.g. the number of calls that Slack received."""
    loop = asyncio.get_running_loop()
    last, since = count(), loop.time()
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while loop.time() - since < seconds:
                await asyncio.sleep(PROBE_SECONDS)
                if (now := count()) != last:
                    last, since = now, loop.time()
    except TimeoutError:
        raise AssertionError(f"the number went on changing for {DEADLINE_SECONDS} s; it is {last} now") from None


async def _result(probe: Callable[[], Any]) -> object:
    result = probe()
    return await result if inspect.isawaitable(result) else result


async def cut_off(work: Awaitable[None], when: Callable[[], Awaitable[object]]) -> None:
    """End the work in the middle, as a process that stops does."""
    task = asyncio.ensure_future(work)
    await wait_until(when)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
