"""How long Slack must have said that a message, or its place, is gone before the bot believes it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# One refusal may be a fault that passes. After this many over this time the message takes another way.
MOVES_AFTER: Final = timedelta(minutes=2)
MOVES_AFTER_REFUSALS: Final = 3
# After this time no way is left, and a message that nobody paid for is given up.
ENDS_AFTER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often Slack has refused a message for a reason that is final if it lasts, and since when."""

    number: int = 0
    since: datetime | None = None

    def move(self, now: datetime) -> bool:
        """Return whether the message takes another way if it is refused once more now."""
        return self._lasted(now, MOVES_AFTER)

    def end(self, now: datetime, after: timedelta = ENDS_AFTER) -> bool:
        """Return whether the message is given up if it is refused once more now."""
        return self._lasted(now, after)

    def _lasted(self, now: datetime, time: timedelta) -> bool:
        enough = self.number + 1 >= MOVES_AFTER_REFUSALS
        return enough and self.since is not None and now - self.since >= time


NO_REFUSALS: Final = Refusals()
