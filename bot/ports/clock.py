"""The time, so that a test can set it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time, and measures durations within one process, which a change of the time does not affect."""

    def now(self) -> datetime:
        """Return the time in UTC, aware. Never raises."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an unknown moment, as `time.monotonic` does. Never raises."""
        ...
