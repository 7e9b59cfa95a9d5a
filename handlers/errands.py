"""Work that a person watches in a modal. A process that dies over it leaves the modal as it was, and nobody there
can tell that from work that goes on: so it is noted first, and whoever starts next takes it up.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.requests import Errand, ErrandKind
from bot.errors import BotError
from bot.ports.stores import Errands
from handlers.blocks.errors import error_message
from handlers.blocks.report import error_view
from handlers.errors import slack_code
from handlers.poster import Poster

VIEW_GONE: Final = "not_found"

_CUT_OFF: Final = {
    ErrandKind.CHECK: BotError(
        "I was restarted more than once while I was checking your file, so I stopped there. Nothing was started.",
        "Please try again; if it happens again, tell whoever runs me.",
    ),
    ErrandKind.REPAIR: BotError(
        "I was restarted while I was repairing your file.",
        "Look in the channel whether both files are there; if not, check the file again and repair it from there.",
    ),
}


class ErrandDesk:
    """Notes errands while they last, and tells of those that cannot be begun again."""

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

    async def tell(self, errand: Errand) -> None:
        """Say that it was cut off, in the modal or, where that was closed, in the channel."""
        view = error_view(_CUT_OFF[errand.kind], errand.place, errand.request)
        try:
            await self._client.views_update(view_id=errand.view, view=view)
        except SlackApiError as error:
            if slack_code(error) != VIEW_GONE:
                raise
            await self._poster.whisper(errand.place, errand.user, error_message(_CUT_OFF[errand.kind]))
        await self._errands.end(errand)
