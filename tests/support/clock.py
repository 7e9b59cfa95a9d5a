"""The one clock of the tests: it stands still until a test lets a duration pass, or sets the time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

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
