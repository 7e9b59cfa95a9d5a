"""What follows the buttons of an approver: the start begins, or a form asks why it is declined."""

import asyncio
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.place import Requester
from bot.tuning.approvals import Approvals
from bot.tuning.job_service import JobService
from handlers.blocks.jobs.approval_request import build_decline_view, read_decline_view
from handlers.blocks.private_metadata import unpack_requester


class ApprovalFlow:
    """Carries out what an approver clicks and submits."""

    def __init__(self, client: AsyncWebClient, approvals: Approvals, tuning: JobService) -> None:
        self._client = client
        self._approvals = approvals
        self._tuning = tuning

    async def approve(self, requester: Requester, key: str) -> None:
        """Approve the start, and begin what may run now. Raises BotError."""
        await self._approvals.approve(requester, key)
        # The poller would do the same in its next round.
        begun = await self._tuning.starts.begin_turns()
        await asyncio.gather(*(self._tuning.starts.submit(job) for job in begun))

    async def open_decline(self, trigger_id: str, requester: Requester, key: str) -> None:
        """Open the form that asks for the reason. Raises BotError."""
        job = await self._approvals.get(requester, key)
        await self._client.views_open(trigger_id=trigger_id, view=build_decline_view(job, requester))

    async def decline(self, sender: Requester, view: dict[str, Any]) -> None:
        """Decline the start of the form. Raises BadArgument without a reason, BotError."""
        requester, kept = unpack_requester(str(view.get("private_metadata") or ""), sender)
        await self._approvals.decline(requester, str(kept.get("job", "")), read_decline_view(view))
