"""The one clock of the tests: it stands still until a test moves it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

NOON: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass(slots=True)
class FixedClock:
    """A Clock for the bot's classes; its method `timestamp` is a clock for the stand-ins."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    def timestamp(self) -> float:
        """The time in seconds since 1970."""
        return self.time.timestamp()

    def advance(self, by: timedelta = timedelta(), **parts: float) -> None:
        """Move the clock by a duration, given as one or in the parts that `timedelta` takes."""
        self.time += by + timedelta(**parts)
