"""The clocks of the tests: one stands still until a test moves it, one jumps to what the event loop waits for."""

import asyncio
import selectors
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

T = TypeVar("T")

NOON: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass(slots=True)
class FixedClock:
    """A Clock for the bot's classes; its method `timestamp` is a clock for the stand-ins."""

    time: datetime = NOON
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.seconds

    def timestamp(self) -> float:
        """The time in seconds since 1970."""
        return self.time.timestamp()

    def advance(self, by: timedelta = timedelta(), **parts: float) -> None:
        """Let this duration pass, given as one or in the parts that `timedelta` takes."""
        passed = by + timedelta(**parts)
        self.time += passed
        self.seconds += passed.total_seconds()

    def set_forward(self, by: timedelta) -> None:
        """Change the time of day, as an administrator does; no duration passes."""
        self.time += by


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that never waits: it adds up the seconds that it was asked to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # A little passes in each round, as it does really: a limiter that wakes a moment too soon looks again.
        self.passed += max(0.000_001, timeout or 0.0)
        return super().select(0 if timeout is not None else None)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer when nothing else is left to do."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.passed


def run_in_jumping_time(work: Coroutine[Any, Any, T]) -> T:
    """Run code that waits for nothing but time; an hour of it passes at once, and exactly."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)


async def seconds_pass(seconds: float = 0.0) -> float:
    """Let so many seconds pass in a JumpingLoop; return its time."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop), "the time of this loop is real"
    await asyncio.sleep(seconds)
    return loop.time()
