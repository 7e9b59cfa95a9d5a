"""Shows in the view that waits for a report how far a long check has come."""

import asyncio
import logging
from types import TracebackType
from typing import Final, Self

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.blocks.datasets.report import checking_view

logger = logging.getLogger(__name__)

SECONDS_BETWEEN: Final = 2.0


class CheckProgress:
    """Call it with what was read so far; inside its block the view follows, every two seconds at most."""

    def __init__(self, client: AsyncWebClient, view_id: str) -> None:
        self._client = client
        self._view_id = view_id
        self._name = ""
        self._percent = 0
        self._done = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __call__(self, name: str, done: int, total: int) -> None:
        """`done` of `total` bytes of the file `name` were read."""
        self._name = name
        self._percent = min(99, 100 * done // total) if total else 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow(), name="check progress")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Awaited, not cancelled: an update that is on its way must not arrive after the report.
        self._done.set()
        if self._task is not None:
            await self._task

    async def _follow(self) -> None:
        shown = 0
        while not self._done.is_set():
            try:
                await asyncio.wait_for(self._done.wait(), SECONDS_BETWEEN)
            except TimeoutError:
                if self._percent != shown:
                    shown = self._percent
                    await self._show(shown)

    async def _show(self, percent: int) -> None:
        try:
            await self._client.views_update(view_id=self._view_id, view=checking_view(self._name, percent))
        except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
            logger.info("could not show the check's progress: %s", error)
