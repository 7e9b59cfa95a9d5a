"""Work that a person watches in a modal. A process that dies over it leaves the modal as it was, and nobody there
can tell that from work that goes on: so it is noted first, and whoever starts next takes it up.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.requests import ModalWork, PendingModal
from bot.errors import BotError
from bot.ports.stores import PendingModalStore
from handlers.blocks.datasets.report import error_view
from handlers.blocks.notices import error_message
from handlers.delivery.poster import Poster
from handlers.errors import slack_code

VIEW_GONE: Final = "not_found"

_CUT_OFF: Final = {
    ModalWork.CHECK: BotError(
        "I was restarted more than once while I was checking your file, so I stopped there. Nothing was started.",
        "Please try again; if it happens again, tell whoever runs me.",
    ),
    ModalWork.REPAIR: BotError(
        "I was restarted while I was repairing your file.",
        "Look in the channel whether both files are there; if not, check the file again and repair it from there.",
    ),
}


class PendingModals:
    """Stores open modals while they last, and tells of those that cannot be started again."""

    def __init__(self, pending_modals: PendingModalStore, client: AsyncWebClient, poster: Poster) -> None:
        self._errands = pending_modals
        self._client = client
        self._poster = poster

    @asynccontextmanager
    async def noted(self, pending_modal: PendingModal) -> AsyncIterator[None]:
        """The block does the work and tells how it went; what is cancelled in it was cut off, too."""
        await self._errands.add(pending_modal)
        try:
            yield
        except Exception:
            await self._errands.remove(pending_modal)
            raise
        await self._errands.remove(pending_modal)

    async def tell(self, pending_modal: PendingModal) -> None:
        """Say that it was cut off, in the modal or, where that was closed, in the channel."""
        view = error_view(_CUT_OFF[pending_modal.kind], pending_modal.place, pending_modal.request)
        try:
            await self._client.views_update(view_id=pending_modal.view, view=view)
        except SlackApiError as error:
            if slack_code(error) != VIEW_GONE:
                raise
            await self._poster.post_ephemeral(
                pending_modal.place, pending_modal.user, error_message(_CUT_OFF[pending_modal.kind])
            )
        await self._errands.remove(pending_modal)
