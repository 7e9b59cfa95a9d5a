"""Work that a person watches in a modal. A process that dies over it leaves the modal as it was, and nobody there
can tell that from work that goes on: so it is noted first, and who starts next tells what was cut off.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain import Errand
from bot.errors import BotError
from bot.ports import Errands
from handlers.blocks.errors import error_message
from handlers.blocks.report import error_view
from handlers.errors import slack_code
from handlers.poster import Poster

logger = logging.getLogger(__name__)

VIEW_GONE = "not_found"


class ErrandDesk:
    """Notes errands while they last, and tells of those that did not end."""

    def __init__(self, errands: Errands, client: AsyncWebClient, poster: Poster) -> None:
        self._errands = errands
        self._client = client
        self._poster = poster

    @asynccontextmanager
    async def noted(self, errand: Errand) -> AsyncIterator[None]:
        """The block does the work and tells how it went; what is cancelled in it was cut off, too."""
        await self._errands.begin(errand)
        try:
            yield
        except Exception:
            await self._errands.end(errand)
            raise
        await self._errands.end(errand)

    async def tell(self, cut_off: Sequence[Errand]) -> None:
        """Tell each person, in the modal or, where that was closed, in the channel."""
        for errand in cut_off:
            try:
                await self._tell(errand)
            except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
                # It stays noted: a later start tries again.
                logger.warning("could not tell %s of work that was cut off: %s", errand.user, error)
            else:
                await self._errands.end(errand)

    async def _tell(self, errand: Errand) -> None:
        error = BotError(
            "I was restarted while I was at work on your file, so that was cut off. Nothing was started.",
            "Please try again; /tune opens the form.",
        )
        try:
            view = error_view(error, errand.place, errand.request)
            await self._client.views_update(view_id=errand.view, view=view)
        except SlackApiError as refusal:
            if slack_code(refusal) != VIEW_GONE:
                raise
            await self._poster.whisper(errand.place, errand.user, error_message(error))
