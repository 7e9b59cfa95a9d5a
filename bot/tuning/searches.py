"""Measures for how long a job is searched for at Google, so that no change of the clock and no pause decides.

A look adds the time since the last look of this process, at most a share of the grace time. So a verdict needs
several looks spread over the grace time, a process that did not look adds nothing, and a restart costs a little
time and never shortens it: the sum is in the job's row.
"""

from datetime import timedelta
from typing import Final

from bot.ports.clock import Clock

# The grace time needs more looks than this, because the first look of a process adds nothing.
LEAST_LOOKS: Final = 5


class Searches:
    """Keeps in memory when each job was looked for; `grace` is the time that a verdict needs."""

    def __init__(self, clock: Clock, grace: timedelta) -> None:
        self._clock = clock
        self._most = grace.total_seconds() / LEAST_LOOKS
        self._looked: dict[str, float] = {}

    def due(self, key: str) -> bool:
        """Return whether so much time has passed since the last look that another one is worth its requests."""
        last = self._looked.get(key)
        return last is None or self._clock.monotonic() - last >= self._most / 2

    def looked(self, key: str) -> float:
        """Count a look now; returns the seconds that it adds."""
        now = self._clock.monotonic()
        last = self._looked.get(key, now)
        self._looked[key] = now
        return min(now - last, self._most)

    def oldest_first(self, keys: list[str]) -> list[str]:
        """Return the keys whose look is due, those that were looked for longest ago first."""
        return sorted(filter(self.due, keys), key=lambda key: self._looked.get(key, float("-inf")))

    def forget(self, key: str) -> None:
        """Delete what is kept about a job that was found or has ended."""
        self._looked.pop(key, None)
