"""Keeps a record of each modal in which a person waits for work, so that a restart cannot leave them waiting
forever.

A process that dies during the work leaves the modal unchanged. So the work is recorded first, and the next process
resumes it or says that it was interrupted.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.requests import ModalWork, PendingModal
from bot.errors import BotError
from bot.ports.stores import PendingModalStore
from handlers.blocks.datasets.check_views import build_error_view
from handlers.blocks.replies import build_error
from handlers.delivery.poster import Poster
from handlers.slack_errors import VIEW_GONE, slack_code

_INTERRUPTED: Final = {
    ModalWork.CHECK: BotError(
        "I was restarted more than once while I was checking your file, so I stopped there. Nothing was started.",
        "Please try again; if it happens again, tell the person who runs me.",
    ),
    ModalWork.REPAIR: BotError(
        "I was restarted while I was repairing your file.",
        "Look in the channel whether both files are there; if not, check the file again and repair it from there.",
    ),
    ModalWork.AGAIN: BotError(
        "I was restarted while I was putting the file and its corrections together. Nothing was started.",
        "Type /tune again and the name once more.",
    ),
}


class PendingModals:
    """Records the modals in which work goes on."""

    def __init__(self, store: PendingModalStore, client: AsyncWebClient, poster: Poster) -> None:
        self._store = store
        self._client = client
        self._poster = poster

    @asynccontextmanager
    async def recorded(self, pending: PendingModal) -> AsyncIterator[None]:
        """Keep the record while the block does the work and shows its result.

        An error ends the record, since the caller shows it. A cancellation keeps it, as a crash does.
        """
        await self._store.add(pending)
        try:
            yield
        except Exception:
            await self._store.remove(pending)
            raise
        await self._store.remove(pending)

    async def show_interrupted(self, pending: PendingModal) -> None:
        """Say that the work was interrupted, in the modal or, where it was closed, in the channel."""
        error = _INTERRUPTED[pending.kind]
        try:
            await self._client.views_update(
                view_id=pending.view, view=build_error_view(error, pending.requester, pending.request)
            )
        except SlackApiError as refusal:
            if slack_code(refusal) not in VIEW_GONE:
                raise
            await self._poster.post_ephemeral(pending.place, pending.user, build_error(error))
        await self._store.remove(pending)
