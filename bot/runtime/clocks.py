"""The time of this machine, and the time for decisions that end something people wait or pay for.

Such a decision is due when a limit of hours has passed, and a clock that steps ahead must not cancel a running
tuning. So the time for it is the earlier of two: what the clock says now, and what it said when the process began
plus the seconds that have passed since, which no step changes. Where a step in neither direction may matter, as in
what counts against a limit of minutes, the time is that count alone.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.ports.clock import Clock


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


SYSTEM_CLOCK: Final = SystemClock()


class SteadyTime:
    """Tells a time that is never ahead of the clock, nor of the process's own count of seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_at = clock.now()
        self._began = clock.monotonic()

    def now(self) -> datetime:
        """Return the time in UTC, aware. Never raises."""
        return min(self._clock.now(), self.counted())

    def counted(self) -> datetime:
        """Return the time by the process's own count alone: it goes on evenly however the clock is set."""
        return self._began_at + timedelta(seconds=self._clock.monotonic() - self._began)
