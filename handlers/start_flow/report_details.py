"""The “Details” button of a report: every finding in a view above it.

The reports of open views are kept in memory, the newest of them only: a person asks for details right after the
check, and a check can be repeated.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from slack_sdk.web.async_client import AsyncWebClient

from bot.datasets import DatasetReport
from bot.domain.place import Requester
from handlers.blocks.datasets.finding_list import build_details_view, build_no_details_view
from handlers.blocks.private_metadata import unpack_requester

KEPT_REPORTS: Final = 300


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
