"""Measures when a start that Google has not carried out is tried again, and for how long it was tried.

Time is monotonic, so that no change of the clock ends a start. The time between two failed tries is kept in the
job's row, so a restart of the bot does not begin the limit anew; it only makes the next try come sooner.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from bot.ports.clock import Clock
from bot.runtime.backoff import Backoff

BACKOFF: Final = Backoff(first=2.0, longest=120.0)
# A time between two tries counts at most as this share of the limit: a machine that slept tried nothing.
_LARGEST_SHARE: Final = 5


@dataclass(frozen=True, slots=True)
class _Tries:
    """How many tries failed in this process, when the last one did and when the next one is due."""

    failed: int
    last: float
    due: float


class StartRetries:
    """Keeps in memory which starts failed in this process; `limit` is the time after which a start is given up."""

    def __init__(self, clock: Clock, limit: timedelta, backoff: Backoff = BACKOFF) -> None:
        self._clock = clock
        self._most = limit.total_seconds() / _LARGEST_SHARE
        self._backoff = backoff
        self._tries: dict[str, _Tries] = {}

    def tried(self, key: str) -> bool:
        """Return whether this process has tried this start and was refused."""
        return key in self._tries

    def due(self, key: str) -> bool:
        """Return whether the next try may begin."""
        tries = self._tries.get(key)
        return tries is None or self._clock.monotonic() >= tries.due

    def failed(self, key: str, at_least: float = 0.0) -> float:
        """Count a failed try; returns the seconds since the one before, 0 for the first of this process.

        `at_least` is a lower limit in seconds for the wait until the next try.
        """
        now = self._clock.monotonic()
        before = self._tries.get(key) or _Tries(0, now, now)
        longest = self._backoff.longest
        pause = self._backoff.pause(before.failed, longest, min(at_least, longest))
        self._tries[key] = replace(before, failed=before.failed + 1, last=now, due=now + pause)
        return min(now - before.last, self._most)

    def forget(self, key: str) -> None:
        """Delete what is kept about a start that Google has, or that has ended."""
        self._tries.pop(key, None)
