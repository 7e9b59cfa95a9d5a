"""The waiting time between tries: one exponential backoff with jitter for the whole bot. It does not sleep."""

import random
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Backoff:
    """The limits of the waiting time in seconds.

    `first` is the first wait and `longest` the limit for one notice or question; `while_down` is the limit while
    everything fails; `after_fault` is the wait after an error in our own code.
    """

    first: float = 1.0
    longest: float = 60.0
    while_down: float = 15.0
    after_fault: float = 300.0

    def pause(self, attempts: int, most: float, least: float = 0.0) -> float:
        """Return a wait that doubles with each attempt, up to `most`, of which the second half is random.

        The random part keeps many waiting tries from running at the same moment. `least` is a lower limit, e.g.
        Slack's `Retry-After`.
        """
        longest = min(self.first * 2.0 ** min(attempts, 30), most)
        return max(least, longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing


DEFAULT_BACKOFF: Final = Backoff()
