"""How long to wait between tries: one exponential backoff with jitter for the whole bot. It does not sleep."""

import random
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between tries: of one notice, of any notice while Slack fails at all, after a fault of our own."""

    first: float = 1.0
    longest: float = 60.0
    while_down: float = 15.0
    after_fault: float = 300.0

    def pause(self, attempts: int, most: float, least: float = 0.0) -> float:
        """Twice as long each time, with a part of it left to chance: not everything is to come back at once."""
        whole = min(self.first * 2.0 ** min(attempts, 30), most)
        return max(least, whole * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing


DEFAULT_BACKOFF: Final = Backoff()
