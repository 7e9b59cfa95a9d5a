"""Publishes Home tabs, and keeps those fresh that people have opened.

Which people have opened one is kept in memory only: after a restart, a tab is published when it is opened again.
"""

import asyncio
import logging
from typing import Any, Final

from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.home_page import HomePages
from bot.domain.place import Requester
from bot.errors import StorageError
from bot.ports.clock import Clock
from handlers.blocks.home.tab import build_home
from handlers.slack_errors import CALL_ERRORS

logger = logging.getLogger(__name__)

# Jobs that run change every few seconds. Slack takes some hundred views.publish a minute: its tier 4.
REFRESH_SECONDS: Final = 10.0
CALL_SECONDS: Final = 10.0
MOST_OPEN: Final = 500


class HomeTabs:
    """The Home tabs of the people who opened theirs; the newest `MOST_OPEN` of them are kept fresh."""

    def __init__(
        self, client: AsyncWebClient, pages: HomePages, clock: Clock, refresh_seconds: float = REFRESH_SECONDS
    ) -> None:
        self._client = client
        self._pages = pages
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._changed = asyncio.Event()
        self._shown: dict[str, tuple[Requester, dict[str, Any]]] = {}

    def note_change(self) -> None:
        """Refresh the tabs soon, because something that they show may have changed."""
        self._changed.set()

    async def opened(self, requester: Requester) -> None:
        """Publish the tab of a person who has opened it. Raises SlackApiError, StorageError."""
        self._shown.pop(requester.user, None)
        if len(self._shown) >= MOST_OPEN:
            del self._shown[next(iter(self._shown))]
        await self._publish(requester)

    async def watch(self) -> None:
        """Publish again what has changed, until cancelled; at a pace, however often things change."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for requester, _ in list(self._shown.values()):
                try:
                    await self._publish(requester)
                except (*CALL_ERRORS, StorageError) as error:
                    logger.info("could not refresh a Home tab: %s", error)
            await asyncio.sleep(self._refresh_seconds)

    async def _publish(self, requester: Requester) -> None:
        """Publish the tab if it differs from the one that the person sees."""
        view = build_home(requester, await self._pages.of(requester), self._clock.now())
        if self._shown.get(requester.user, (None, None))[1] == view:
            return
        async with asyncio.timeout(CALL_SECONDS):
            await self._client.views_publish(user_id=requester.user, view=view)
        self._shown[requester.user] = requester, view
