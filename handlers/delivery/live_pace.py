"""What all answers that are shown while they are written share: their pace, and the status of their sessions."""

import asyncio
import logging
from typing import Final

from bot.domain.place import Place
from handlers.delivery.poster import Poster
from handlers.slack_errors import CALL_ERRORS, reason_of

logger = logging.getLogger(__name__)

# The more answers are written at once, the more seldom each of them is added to; the first words never wait for
# that. Slack takes fifty edits a minute for the whole workspace. Of appends it takes a hundred a minute and more,
# and does not say how many more: after it asked for a pause, each answer is added to as if it were a hundred.
APPEND_SECONDS: Final = 0.5
_APPEND_SHARE: Final = 0.08
_SLOW_SHARE: Final = 0.6
_SLOW_FOR: Final = 300.0
EDIT_SECONDS: Final = 1.5
_REFUSALS_KEPT: Final = 1_000
# The statuses of an agent's session. While it is processing, Slack shows its Stop button.
PROCESSING: Final = "processing"
WAITING: Final = "active"


class LiveAnswers:
    """What all answers that are being written share: their number, and where Slack refuses streams."""

    def __init__(
        self, poster: Poster, *, append_seconds: float = APPEND_SECONDS, edit_seconds: float = EDIT_SECONDS
    ) -> None:
        self.poster = poster
        self.append_seconds = append_seconds
        self.edit_seconds = edit_seconds
        self.number = 0
        self._refused: set[str] = set()
        self._slow_until = 0.0

    def append_pause(self) -> float:
        """Return how long an answer waits between two appends, in seconds."""
        slow = asyncio.get_running_loop().time() < self._slow_until
        share = _SLOW_SHARE if slow else _APPEND_SHARE
        return max(self.append_seconds, self.number * share) if self.append_seconds else 0.0

    def slow_down(self) -> None:
        """Append more seldom for some minutes: Slack asked for a pause."""
        self._slow_until = asyncio.get_running_loop().time() + _SLOW_FOR

    def may_stream(self, channel: str) -> bool:
        """Return whether Slack has not refused a stream in this channel; a restart asks again."""
        return channel not in self._refused

    def refuse(self, channel: str) -> None:
        """Remember that Slack takes no streams in this channel: its plan, or the channel's kind."""
        if len(self._refused) < _REFUSALS_KEPT:
            self._refused.add(channel)

    async def set_status(self, place: Place, status: str, title: str = "") -> None:
        """Set the status of the agent's session in the thread. Never raises: no answer depends on it.

        A new session gets the title. Direct messages are one session.
        """
        if not place.thread and not place.is_direct:
            return
        try:
            await self.poster.set_session_status(place, status, title)
        except CALL_ERRORS as error:
            logger.debug("could not set a status: %s", reason_of(error))
