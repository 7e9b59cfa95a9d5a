"""The time, so that a test can set it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Durations within one process are measured with `time.monotonic`, not with this."""

    def now(self) -> datetime:
        """Return the time in UTC, aware. Never raises."""
        ...
