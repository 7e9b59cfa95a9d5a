"""Buttons and selects before a start: of a prompt, the form, a report and a list of jobs to import."""

from collections.abc import Coroutine
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.place import Requester
from bot.errors import ConfirmationNeeded
from bot.people.job_access import JobAccess
from bot.runtime.background_tasks import BackgroundTasks
from bot.tuning.job_service import JobService
from handlers.blocks.private_metadata import unpack_request, unpack_requester
from handlers.blocks.start.cost import build_confirm_view
from handlers.delivery.dead_buttons import pressed_value, report_press
from handlers.delivery.poster import Poster
from handlers.errors import report_errors
from handlers.start_flow.check_modal import CheckModal
from handlers.start_flow.job_import import JobImport
from handlers.start_flow.repair_upload import RepairUpload
from handlers.start_flow.report_details import ReportDetails

Body = dict[str, Any]


class StartActions:
    """Each method without a leading underscore handles one action id of `register`.

    The payload is described at docs.slack.dev/reference/interaction-payloads/block_actions-payload.
    """

    def __init__(
        self,
        check_modal: CheckModal,
        repair_upload: RepairUpload,
        details: ReportDetails,
        job_import: JobImport,
        access: JobAccess,
        tuning: JobService,
        poster: Poster,
        client: AsyncWebClient,
        tasks: BackgroundTasks,
    ) -> None:
        self._check_modal = check_modal
        self._repair_upload = repair_upload
        self._details = details
        self._job_import = job_import
        self._access = access
        self._tuning = tuning
        self._poster = poster
        self._client = client
        self._tasks = tasks

    async def open_form(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Open the form from a start prompt."""
        await ack()
        self._spawn(self._open_form(requester, body), body)

    async def _open_form(self, requester: Requester, body: Body) -> None:
        await self._check_modal.open(body["trigger_id"], requester, unpack_request(pressed_value(body)))

    async def form_backend(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Show the fields of the backend that was chosen in the form."""
        await ack()
        self._spawn_in_view(self._check_modal.redraw(requester, body["view"]), body)

    async def form_validation(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Show or remove the fields for a validation file."""
        await ack()
        self._spawn_in_view(
            self._check_modal.redraw(requester, body["view"], validation=pressed_value(body) == "add"), body
        )

    async def form_advanced(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Show all fields of the form."""
        await ack()
        self._spawn_in_view(self._check_modal.redraw(requester, body["view"], advanced=True), body)

    async def form_again(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Replace the report by the form, filled in."""
        await ack()
        self._spawn_in_view(self._show_again(requester, body), body)

    async def _show_again(self, requester: Requester, body: Body) -> None:
        await self._check_modal.show_again(requester, body["view"], unpack_request(pressed_value(body)))

    async def report_repair(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Repair the file of the report."""
        await ack()
        self._spawn_in_view(self._repair(requester, body), body)

    async def _repair(self, requester: Requester, body: Body, *, in_channel: bool = False) -> None:
        view = body["view"]
        owner, _ = unpack_requester(str(view.get("private_metadata") or ""), requester)
        request = unpack_request(pressed_value(body))
        if in_channel:
            await self._access.check_reads(owner)
        await self._repair_upload.repair(str(view["id"]), owner, request, in_channel=in_channel)

    async def report_encoding(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Write the file of the report as UTF-8, and check that."""
        await ack()
        self._spawn_in_view(self._reencode(requester, body), body)

    async def _reencode(self, requester: Requester, body: Body) -> None:
        view = body["view"]
        owner, _ = unpack_requester(str(view.get("private_metadata") or ""), requester)
        await self._repair_upload.reencode(str(view["id"]), owner, unpack_request(pressed_value(body)))

    async def report_post(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Repair the file of the report, and post it in the channel, masked."""
        await ack()
        self._spawn_in_view(self._repair(requester, body, in_channel=True), body)

    async def report_check(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Check the file again with the answer to the report's question, in its view or in a new one."""
        await ack()
        if "view" in body:
            self._spawn_in_view(self._check_again(requester, body), body)
        else:
            self._spawn(self._check_in_new_view(requester, body), body)

    async def _check_again(self, requester: Requester, body: Body) -> None:
        await self._check_modal.check_again(requester, body["view"], unpack_request(pressed_value(body)))

    async def _check_in_new_view(self, requester: Requester, body: Body) -> None:
        await self._check_modal.open_report(body["trigger_id"], requester, unpack_request(pressed_value(body)))

    async def report_details(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Show every finding of the report in a view above it."""
        await ack()
        self._spawn_in_view(self._details.show(body["trigger_id"], requester, body["view"]), body)

    async def import_job(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Open the form with a fine-tuning job of OpenAI."""
        await ack()
        self._spawn(self._job_import.open(body["trigger_id"], requester, pressed_value(body)), body)

    async def report_start(self, ack: AsyncAck, requester: Requester, body: Body) -> None:
        """Start the job of a report that was posted in a thread, or ask for a second yes in a modal."""
        await ack()
        self._spawn(self._start(requester, body), body)

    async def _start(self, requester: Requester, body: Body) -> None:
        proposal = pressed_value(body)
        try:
            job = await self._tuning.accept(requester.team, proposal, requester.user, requester.place.channel)
        except ConfirmationNeeded as error:
            view = build_confirm_view(error, requester, proposal)
            await self._client.views_open(trigger_id=body["trigger_id"], view=view)
            return
        if job is not None:
            await self._tuning.starts.submit(job)

    def _spawn_in_view(self, work: Coroutine[Any, Any, None], body: Body) -> None:
        respond = self._check_modal.respond_in_view(str(body["view"]["id"]))
        self._tasks.spawn(report_errors(work, respond), "view")

    def _spawn(self, work: Coroutine[Any, Any, None], body: Body) -> None:
        self._tasks.spawn(report_press(work, body, self._poster), "button")
