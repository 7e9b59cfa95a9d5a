"""The modals in which a person waits for work: what they show meanwhile, and a record of each of them.

A process that dies during the work leaves the modal unchanged. So the work is recorded first, and the next process
resumes it or says that it was interrupted.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.requests import ModalWork, PendingModal
from bot.errors import BotError
from bot.ports.stores import PendingModalStore
from handlers.blocks.datasets.check_views import build_checking_view, build_error_view
from handlers.blocks.replies import build_error
from handlers.delivery.poster import Poster
from handlers.slack_errors import CALL_ERRORS, VIEW_GONE, slack_code

logger = logging.getLogger(__name__)

PROGRESS_SECONDS: Final = 2.0
_INTERRUPTED: Final = {
    ModalWork.CHECK: BotError(
        "I was restarted more than once while I was checking your file, so I stopped there. Nothing was started.",
        "Please try again; if it happens again, tell the person who runs me.",
    ),
    ModalWork.REPAIR: BotError(
        "I was restarted while I was repairing your file.",
        "Look whether its files have arrived; if not, check the file again and repair it from there.",
    ),
    ModalWork.AGAIN: BotError(
        "I was restarted while I was putting the file and its corrections together. Nothing was started.",
        "Type /tune again and the name once more.",
    ),
}


class ViewProgress:
    """Shows in the waiting view how much of the file was read, at most every two seconds, while its block runs."""

    def __init__(self, client: AsyncWebClient, view_id: str) -> None:
        self._client = client
        self._view_id = view_id
        self._name = ""
        self._percent = 0
        self._done = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __call__(self, name: str, done: int, total: int) -> None:
        """Note that `done` of the `total` bytes of the file `name` were read."""
        self._name = name
        self._percent = min(99, 100 * done // total) if total else 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow(), name="check progress")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The task is awaited and not cancelled: an update that is under way must not arrive after the report.
        self._done.set()
        if self._task is not None:
            await self._task

    async def _follow(self) -> None:
        shown = 0
        while not self._done.is_set():
            try:
                await asyncio.wait_for(self._done.wait(), PROGRESS_SECONDS)
            except TimeoutError:
                if self._percent != shown:
                    shown = self._percent
                    await self._show(shown)

    async def _show(self, percent: int) -> None:
        try:
            await self._client.views_update(view_id=self._view_id, view=build_checking_view(self._name, percent))
        except CALL_ERRORS as error:
            logger.info("could not show the progress of the check: %s", error)


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
