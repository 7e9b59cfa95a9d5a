"""Measures for how long a job is searched for at Google, so that no change of the clock and no pause decides.

A search adds the time since the last search of this process, at most a share of the grace time. So a verdict needs
several searches within the grace time, a process that did not search adds nothing, and a restart costs a little
time and never shortens it: the sum is in the job's row.
"""

from datetime import timedelta
from typing import Final

from bot.ports.clock import Clock

# The grace time needs more searches than this, because the first search of a process adds nothing.
LEAST_SEARCHES: Final = 5


class Searches:
    """Keeps in memory when each job was searched for; `grace` is the time that a verdict needs."""

    def __init__(self, clock: Clock, grace: timedelta) -> None:
        self._clock = clock
        self._most = grace.total_seconds() / LEAST_SEARCHES
        self._searched: dict[str, float] = {}

    def due(self, key: str) -> bool:
        """Return whether so much time has passed since the last search that another one is worth its requests."""
        last = self._searched.get(key)
        return last is None or self._clock.monotonic() - last >= self._most / 2

    def searched(self, key: str) -> float:
        """Count a search now; return the seconds that it adds."""
        now = self._clock.monotonic()
        last = self._searched.get(key, now)
        self._searched[key] = now
        return min(now - last, self._most)

    def oldest_first(self, keys: list[str]) -> list[str]:
        """Return the keys whose search is due, those that were searched for longest ago first."""
        return sorted(filter(self.due, keys), key=lambda key: self._searched.get(key, float("-inf")))

    def forget(self, key: str) -> None:
        """Delete what is kept about a job that was found or has ended."""
        self._searched.pop(key, None)
