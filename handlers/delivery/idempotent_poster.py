"""Posts each message once, also where the process dies or Slack's answer is lost.

An edit may be repeated, a post may not. So an attempt is written to the database before each post, and an attempt
without a result is looked for in Slack before anything is posted again. A database that was restored from a backup
knows nothing of later attempts, so what an earlier process may have posted is looked for once, too.
"""

import json
import logging
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.domain.place import Place
from bot.domain.repeated_refusals import NO_REFUSALS, Refusals
from bot.errors import Unconfirmed
from bot.ports.clock import Clock
from bot.ports.notifier import PostAttempt, RecordAttempt
from bot.ports.questions import LivePost
from handlers.blocks.message import Message
from handlers.delivery.late_posts import LatePosts
from handlers.delivery.post_finder import PostFinder
from handlers.delivery.poster import Poster
from handlers.slack_errors import (
    CALL_ERRORS,
    CANNOT_POST,
    NETWORK_ERRORS,
    SCOPE_MISSING,
    THREAD_GONE,
    outcome_unknown,
    slack_code,
    unconfirmed,
)

_UNREADABLE: Final = CANNOT_POST | SCOPE_MISSING | THREAD_GONE

logger = logging.getLogger(__name__)

# Slack may still be working on a post whose answer was lost. It is posted again only after a search so long after
# a first one that found nothing; what appears later still, `LatePosts` deletes.
SETTLES_IN: Final = timedelta(seconds=10)


class IdempotentPoster:
    """Posts messages with metadata, and finds by that metadata what an earlier attempt posted."""

    def __init__(
        self,
        poster: Poster,
        finder: PostFinder,
        clock: Clock,
        late: LatePosts,
        settles_in: timedelta = SETTLES_IN,
    ) -> None:
        self._poster = poster
        self._finder = finder
        self._clock = clock
        self._late = late
        self._settles_in = settles_in
        # Where this process looked for which posts of an earlier one. Only what existed at the start enters it.
        self._looked: set[tuple[Place, str]] = set()
        # When a post was first searched for and not found. The time of an attempt says less, because the clock may
        # have been set since.
        self._missed: dict[tuple[Place, datetime, str], float] = {}

    async def find(
        self,
        metadata: dict[str, Any],
        attempt: PostAttempt,
        *,
        refusals: Refusals = NO_REFUSALS,
        other_than: str = "",
    ) -> str | None:
        """Return the `ts` of the attempted post, or None if it is not in Slack and hardly appears there any more.

        `refusals` are those of the message so far; `other_than` is the `ts` of an older post with the same
        metadata. Raises Unconfirmed.
        """
        look = self._finder.find(metadata, attempt, other_than=(other_than,))
        return await self._settled(look, attempt, metadata, refusals, other_than)

    async def find_live(self, metadata: dict[str, Any], live: LivePost, refusals: Refusals) -> str | None:
        """Return the `ts` of the message that was to show an unfinished answer, as `find` does."""
        attempt = PostAttempt(live.place, live.begun_at)
        return await self._settled(self._finder.find_live(metadata, attempt), attempt, metadata, refusals)

    async def read(self, place: Place, ts: str) -> dict[str, Any] | None:
        """Return the message as Slack has it, None if it has none or lets nobody read it. Raises Unconfirmed."""
        try:
            return await self._finder.read(place, ts)
        except CALL_ERRORS as error:
            if isinstance(error, SlackApiError) and slack_code(error) in _UNREADABLE:
                return None
            raise unconfirmed(error) from error

    async def _settled(
        self,
        look: Awaitable[str | None],
        attempt: PostAttempt,
        metadata: dict[str, Any],
        refusals: Refusals,
        other_than: str = "",
    ) -> str | None:
        post = (attempt.place, attempt.at, json.dumps(metadata, sort_keys=True))
        try:
            ts = await look
        except CALL_ERRORS as error:
            gone = isinstance(error, SlackApiError) and slack_code(error) in CANNOT_POST
            if gone and refusals.move(self._clock.now()):
                # The channel stays closed: a post in it could neither be read nor edited, so the message goes to
                # the person directly.
                return None
            raise unconfirmed(error) from error
        now = self._clock.monotonic()
        wait = self._missed.setdefault(post, now) + self._settles_in.total_seconds() - now
        if ts is None and wait > 0:
            raise Unconfirmed("Slack may still be working on the message.", wait)
        del self._missed[post]
        if ts is None:
            self._late.add(metadata, attempt, other_than)
        else:
            self._late.watch(metadata, attempt.place, ts)
        return ts

    async def find_earlier(
        self, place: Place, metadata: dict[str, Any], since: datetime, *, other_than: str = ""
    ) -> str | None:
        """Return the `ts` of a post that an earlier process made in this place since then; None if there is none.

        A post that was looked for and not found is not looked for again. Raises Unconfirmed.
        """
        looked = (place, json.dumps(metadata, sort_keys=True))
        if looked in self._looked:
            return None
        attempt = PostAttempt(place, self._clock.now())
        try:
            ts = await self._finder.find(metadata, attempt, since=since, other_than=(other_than,))
        except CALL_ERRORS as error:
            if isinstance(error, SlackApiError) and slack_code(error) in CANNOT_POST | SCOPE_MISSING:
                # A message that comes twice is better than one that never comes. What is closed refuses the post.
                logger.info("cannot look for earlier posts in %s: %s", place.channel, slack_code(error))
                return None
            raise unconfirmed(error) from error
        if ts is None:
            self._looked.add(looked)
        return ts

    async def post(
        self,
        place: Place,
        message: Message,
        metadata: dict[str, Any],
        record: RecordAttempt,
        *,
        broadcast: bool = False,
        in_thread_only: bool = False,
    ) -> str:
        """Post the message as `Poster.post` does and return its `ts`. `record` is awaited right before it is sent.

        Raises Unconfirmed where the message may have reached Slack, SlackApiError where it has not.
        """
        try:
            ts = await self._poster.post(
                place,
                message,
                metadata=metadata,
                before=lambda: record(place),
                wait_for_pause=False,
                broadcast=broadcast,
                in_thread_only=in_thread_only,
            )
        except aiohttp.ClientConnectorError:
            raise  # There was no connection, so nothing was sent.
        except NETWORK_ERRORS as error:
            raise unconfirmed(error) from error
        except SlackApiError as error:
            if outcome_unknown(error):
                raise unconfirmed(error) from error
            raise
        self._late.watch(metadata, place, ts)
        return ts
