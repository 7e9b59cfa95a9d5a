"""Keeps a record of each modal in which a person waits for work, so that a restart cannot leave them waiting
forever.

A process that dies during the work leaves the modal unchanged. So the work is recorded first, and the next process
resumes it or says that it was interrupted.

The reports that open modals show are kept for the “Details” button, in memory and the newest of them only: a
person asks for details right after the check, and a check can be repeated.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.datasets import DatasetReport
from bot.domain.place import Requester
from bot.domain.requests import ModalWork, PendingModal
from bot.errors import BotError
from bot.ports.stores import PendingModalStore
from handlers.blocks.datasets.check_views import build_error_view
from handlers.blocks.datasets.finding_list import build_details_view, build_no_details_view
from handlers.blocks.private_metadata import unpack_requester
from handlers.blocks.replies import build_error
from handlers.delivery.poster import Poster
from handlers.slack_errors import VIEW_GONE, slack_code

KEPT_REPORTS: Final = 300
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


class ReportDetails:
    """Remembers which reports the open views show."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._shown: dict[str, Sequence[DatasetReport]] = {}

    def remember(self, view_id: str, report: DatasetReport, validation: DatasetReport | None) -> None:
        """Keep the reports that a view shows; the oldest ones are forgotten."""
        reports = [report] if validation is None else [report, validation]
        self._shown[view_id] = [each.without_fingerprints() for each in reports]
        if len(self._shown) > KEPT_REPORTS:
            del self._shown[next(iter(self._shown))]

    def with_previews(self, view_id: str, report: DatasetReport) -> DatasetReport:
        """Return a report with the examples that its view showed before: no store keeps them."""
        for earlier in self._shown.get(view_id, ())[:1]:
            if not report.previews and earlier.sha256 == report.sha256:
                return replace(report, previews=earlier.previews)
        return report

    async def show(self, trigger_id: str, sender: Requester, view: dict[str, Any]) -> None:
        """Open the view with every finding. Raises Forbidden if the report is not the sender's, Outdated."""
        unpack_requester(str(view.get("private_metadata") or ""), sender)
        reports = self._shown.get(str(view["id"]))
        details = build_no_details_view() if reports is None else build_details_view(reports)
        await self._client.views_push(trigger_id=trigger_id, view=details)
