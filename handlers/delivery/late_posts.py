"""Deletes the doubles that arise where Slack carries out a post after it was taken for missing and posted again.

Slack names no time after which a post whose answer was lost cannot appear any more. Longer waiting would hold back
each message whose post was really lost, so the bot posts it again, and looks for the first one a few times more.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from bot.domain.place import Place
from bot.ports.notifier import PostAttempt
from bot.runtime.background_tasks import BackgroundTasks
from handlers.delivery.post_finder import PostFinder
from handlers.delivery.poster import Poster
from handlers.slack_errors import CALL_ERRORS, reason_of

logger = logging.getLogger(__name__)

# How long after the second post the bot looks for the first one.
LOOKS_AFTER: Final = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
_LOOKS_AT_ONCE: Final = 4
_MOST_MISSING: Final = 1_000
# What Slack shows in the place of a deleted message that has replies.
_DELETED: Final = "tombstone"


@dataclass(frozen=True, slots=True)
class _Missing:
    """A post that was not found; `other_than` is the `ts` of an older post with the same metadata."""

    metadata: dict[str, Any]
    attempt: PostAttempt
    other_than: str

    def stood_for(self, metadata: dict[str, Any]) -> bool:
        """Return whether a post with this metadata tells the same."""
        payload = metadata["event_payload"]
        same_kind: bool = self.metadata["event_type"] == metadata["event_type"]
        return same_kind and payload | self.metadata["event_payload"] == payload


class LatePosts:
    """Knows the posts of this process that were taken for missing, and deletes those that appear late."""

    def __init__(
        self, poster: Poster, finder: PostFinder, tasks: BackgroundTasks, after: Sequence[timedelta] = LOOKS_AFTER
    ) -> None:
        self._poster = poster
        self._finder = finder
        self._tasks = tasks
        self._after = after
        self._missing: list[_Missing] = []
        self._looks = asyncio.Semaphore(_LOOKS_AT_ONCE)

    def add(self, metadata: dict[str, Any], attempt: PostAttempt, other_than: str) -> None:
        """Remember a post that was taken for missing and may be posted again."""
        missing = _Missing(metadata, attempt, other_than)
        if missing not in self._missing:
            # One that is given up, or that the person gets directly, is never watched.
            self._missing = [*self._missing[1 - _MOST_MISSING :], missing]

    def watch(self, metadata: dict[str, Any], place: Place, ts: str) -> None:
        """Look for the doubles of the post that is in Slack now, where an earlier one was taken for missing."""
        doubles = [each for each in self._missing if each.stood_for(metadata)]
        self._missing = [each for each in self._missing if each not in doubles]
        for each in doubles:
            self._tasks.spawn(self._watch(each, place, ts), f"look for a double of {ts} in {place.channel}")

    async def _watch(self, missing: _Missing, place: Place, ts: str) -> None:
        waited = timedelta()
        for after in self._after:
            await asyncio.sleep((after - waited).total_seconds())
            waited = after
            async with self._looks:
                try:
                    await self._delete_double(missing, place, ts)
                except CALL_ERRORS as error:
                    logger.info("could not look for a late post in %s: %s", place.channel, reason_of(error))

    async def _delete_double(self, missing: _Missing, place: Place, ts: str) -> None:
        """Delete what came late, unless it is the only one that is left or somebody replied to it."""
        there = missing.attempt.place
        late = await self._finder.find(missing.metadata, missing.attempt, other_than=(ts, missing.other_than))
        kept = None if late is None else await self._finder.read(place, ts)
        if late is None or kept is None or kept.get("subtype") == _DELETED:
            return
        shown = await self._finder.read(there, late)
        if shown is None or shown.get("reply_count"):
            return
        logger.info("deleting a post that Slack carried out late in %s: it stands there twice", there.channel)
        await self._poster.delete(there.channel, late)
