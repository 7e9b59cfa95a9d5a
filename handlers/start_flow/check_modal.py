"""The modal that starts a tuning, from its form to the report: opened, redrawn, checked, answered, resumed after
a crash.

A trigger opens one view within three seconds (docs.slack.dev/surfaces/modals). So a view is opened with what is
already known, and then updated by its id, which needs no trigger.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import stamina
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.domain.requests import ModalWork, PendingModal, StartRequest
from bot.errors import BotError
from bot.ports.files import FileInfo
from bot.tuning.proposals import Proposals, StartCheckResult
from handlers.blocks.datasets.check_views import (
    build_checking_view,
    build_error_view,
    build_message_view,
    build_stopped_message,
)
from handlers.blocks.datasets.report import build_report_message, build_report_view
from handlers.blocks.message import Message
from handlers.blocks.private_metadata import unpack_requester
from handlers.blocks.replies import build_error
from handlers.blocks.start.form import FormState, build_form
from handlers.blocks.start.form_reader import read_form
from handlers.delivery.poster import Poster
from handlers.errors import Respond
from handlers.slack_errors import CALL_ERRORS, CHART_REFUSED, NETWORK_ERRORS, VIEW_GONE, slack_code
from handlers.start_flow.pending_modals import PendingModals, ViewProgress
from handlers.start_flow.report_details import ReportDetails
from handlers.transport.slack_files import SlackFiles

logger = logging.getLogger(__name__)

RECENT_SECONDS: Final = 1.2  # of the trigger's three, to ask Slack for the files that were shared lately
_CLOSED_VIEWS: Final = 1000  # of which it is remembered who closed them

View = dict[str, Any]


class CheckModal:
    """Opens the form, and answers it with the report on the file."""

    def __init__(
        self,
        client: AsyncWebClient,
        proposals: Proposals,
        files: SlackFiles,
        poster: Poster,
        pending_modals: PendingModals,
        details: ReportDetails,
    ) -> None:
        self._client = client
        self._details = details
        self._proposals = proposals
        self._files = files
        self._poster = poster
        self._pending_modals = pending_modals
        self._running: dict[str, tuple[PendingModal, asyncio.Timeout]] = {}
        self._closed: dict[str, tuple[str, str]] = {}

    @property
    def profiles(self) -> Sequence[BackendProfile]:
        """The backends that the form offers."""
        return self._proposals.profiles

    async def open(
        self, trigger_id: str, requester: Requester, request: StartRequest, left_out: Sequence[str] = ()
    ) -> None:
        """Open the form, filled in with the request; `left_out` are names of files that it does not use.

        Raises Forbidden for a person who may not tune here.
        """
        await self._proposals.check_person(requester)
        view = build_form(replace(await self._state(requester, request), left_out=left_out))
        await self._client.views_open(trigger_id=trigger_id, view=view)

    async def open_successor(self, trigger_id: str, requester: Requester, job: TuningJob) -> None:
        """Open the form with the job's file and settings on another base model. Raises BadArgument."""
        await self.open(trigger_id, requester, self._proposals.on_successor(job))

    async def open_move(self, trigger_id: str, requester: Requester, job: TuningJob) -> None:
        """Open the form that asks Google to move the job's model. Raises BadArgument."""
        await self.open(trigger_id, requester, self._proposals.moved(job))

    async def redraw(
        self, sender: Requester, view: View, *, validation: bool | None = None, advanced: bool = False
    ) -> None:
        """Show the fields of the chosen backend, or all fields, and keep what was typed."""
        form = read_form(view, sender)
        state = await self._state(form.requester, form.redrawn)
        state = replace(state, advanced=advanced or form.advanced)
        drawn = build_form(replace(state, validation=form.validation if validation is None else validation))
        await self._client.views_update(view_id=view["id"], hash=view.get("hash"), view=drawn)

    async def show_again(self, sender: Requester, view: View, request: StartRequest) -> None:
        """Replace a report or an error by the form, filled in with the request."""
        requester, _ = unpack_requester(str(view.get("private_metadata") or ""), sender)
        form = build_form(await self._state(requester, request))
        await self._client.views_update(view_id=view["id"], view=form)

    async def show_form(self, view_id: str, requester: Requester, request: StartRequest, known: FileInfo) -> None:
        """Replace a view that waits by the form, filled in with the request for this file."""
        state = await self._state(requester, request)
        form = build_form(replace(state, recent=(known, *state.recent)))
        await self._client.views_update(view_id=view_id, view=form)

    async def open_report(self, trigger_id: str, requester: Requester, request: StartRequest) -> None:
        """Check the file of `/tune start ...` at once; without a file, open the form, filled in."""
        if not request.file:
            await self.open(trigger_id, requester, request)
            return
        await self._proposals.check_person(requester)
        opened = await self._client.views_open(trigger_id=trigger_id, view=build_checking_view("your file"))
        view_id = str(opened["view"]["id"])
        await self.show_report(PendingModal(ModalWork.CHECK, view_id, requester.place, requester.user, request))

    async def check_again(self, sender: Requester, view: View, request: StartRequest) -> None:
        """Check another request in the view of a report. Raises Forbidden, Outdated."""
        requester, _ = unpack_requester(str(view.get("private_metadata") or ""), sender)
        await self._client.views_update(view_id=view["id"], view=build_checking_view("the file"))
        await self.show_report(
            PendingModal(ModalWork.CHECK, str(view["id"]), requester.place, requester.user, request)
        )

    async def show_report(self, pending: PendingModal) -> None:
        """Check the request and its files, and show the report in the view that waits for it."""
        async with self._pending_modals.recorded(pending):
            try:
                checked = await self._checked(pending)
            except BotError as error:
                await self.show_error(pending, error)
                return
            if checked is None:
                await self._poster.post_ephemeral(pending.place, pending.user, build_stopped_message())
                return
            await self.show_result(pending, checked, pending.request)

    async def show_error(self, pending: PendingModal, error: BotError) -> None:
        """Show why the work failed, in its view or, where that was closed, as a message."""
        view = partial(build_error_view, error, pending.requester, pending.request)
        await self._show(pending, view, partial(build_error, error))

    async def show_result(
        self, pending: PendingModal, checked: StartCheckResult, request: StartRequest, *, elsewhere: bool = True
    ) -> None:
        """Show the result of a check in its view or, where that was closed, `elsewhere`: as a message."""
        report = self._details.with_previews(pending.view, checked.report)
        self._details.remember(pending.view, report, checked.validation)
        view = partial(
            build_report_view,
            report,
            checked.profile,
            pending.requester,
            checked.proposal,
            validation=checked.validation,
            request=request,
            earlier=checked.earlier,
            obstacle=checked.obstacle,
            confirmation=checked.confirmation,
            notes=f"{checked.notes} {checked.own_notes}".strip(),
        )
        message = partial(report_message, checked, request) if elsewhere else None
        try:
            await self._show(pending, view, message)
        except SlackApiError as error:
            if slack_code(error) not in CHART_REFUSED:
                raise
            await self._show(pending, partial(view, native_chart=False), message)

    def stop(self, view_id: str, sender: Requester) -> None:
        """Stop the check that this person waits for in this view, also if it has not begun yet."""
        person = sender.team, sender.user
        # A view can be closed before Slack's answer to the request that opened it has arrived here.
        self._closed[view_id] = person
        if len(self._closed) > _CLOSED_VIEWS:
            del self._closed[next(iter(self._closed))]
        if view_id in self._running:
            pending, running = self._running[view_id]
            if (pending.place.team, pending.user) == person:
                running.reschedule(asyncio.get_running_loop().time())

    async def _checked(self, pending: PendingModal) -> StartCheckResult | None:
        """Return the result of the check, None if its view was closed before its end. Raises BotError."""
        if self._closed.get(pending.view) == (pending.place.team, pending.user):
            return None
        try:
            async with asyncio.timeout(None) as running:
                self._running[pending.view] = pending, running
                async with ViewProgress(self._client, pending.view) as progress:
                    return await self._proposals.check(pending.place, pending.user, pending.request, progress)
        except TimeoutError:
            if not running.expired():
                raise
            return None
        finally:
            self._running.pop(pending.view, None)

    def checks_again(self, pending: PendingModal) -> bool:
        """Return whether `resume` checks a file again; it does not if two processes did not survive the check."""
        return pending.kind is ModalWork.CHECK and not pending.attempts

    async def resume(self, pending: PendingModal) -> None:
        """Continue after a restart: check again, which changes nothing, or say what is not repeated."""
        if self.checks_again(pending):
            await self.show_report(replace(pending, attempts=1))
        else:
            await self._pending_modals.show_interrupted(pending)

    async def _show(
        self, pending: PendingModal, view: Callable[[], View], message: Callable[[], Message] | None
    ) -> None:
        """Update the view or, where the person closed it during the check, show them a message if there is one.

        An update may be repeated, so a network error is retried.
        """
        try:
            async for attempt in stamina.retry_context(on=NETWORK_ERRORS, attempts=5, timeout=60.0).with_name(
                "Slack views.update", (), {}
            ):
                with attempt:
                    await self._client.views_update(view_id=pending.view, view=view())
        except SlackApiError as error:
            if slack_code(error) not in VIEW_GONE:
                raise
            if message is not None:
                await self._poster.post_ephemeral(pending.place, pending.user, message())

    def respond_in_view(self, view_id: str) -> Respond:
        """Return a Respond that replaces this view."""

        async def respond(message: Message) -> None:
            await self._client.views_update(view_id=view_id, view=build_message_view(message))

        return respond

    def respond_by_trigger(self, trigger_id: str) -> Respond:
        """Return a Respond that opens a view, for a shortcut in a channel that the bot may not post in."""

        async def respond(message: Message) -> None:
            await self._client.views_open(trigger_id=trigger_id, view=build_message_view(message))

        return respond

    async def _state(self, requester: Requester, request: StartRequest) -> FormState:
        profile = self._proposals.profile(request.backend)
        return FormState(
            requester,
            self._proposals.profiles,
            request=replace(request, backend=profile.name),
            recent=await self._recent(requester.place.channel),
            tuned=await self._proposals.values.tuned(requester),
            obstacle=self._proposals.obstacle(profile.name),
            warnings=self._proposals.warnings(profile.name),
            retirements=self._proposals.retirements(profile.name),
            closed=self._proposals.closed(profile.name, request.base_model),
        )

    async def _recent(self, channel: str) -> Sequence[FileInfo]:
        """Return files to choose from, none where Slack is slow or refuses: the form opens without them."""
        try:
            async with asyncio.timeout(RECENT_SECONDS):
                return await self._files.recent(channel)
        except CALL_ERRORS as error:
            logger.info("no recent files for the form: %s", error)
            return ()


def report_message(checked: StartCheckResult, request: StartRequest, *, in_public: bool = False) -> Message:
    """Return the result of a check as a message, with the question that it leads to.

    What others read `in_public` has nothing of the person's own budgets and approvals.
    """
    return build_report_message(
        checked.report,
        checked.profile,
        checked.proposal,
        validation=checked.validation,
        request=request,
        obstacle=checked.obstacle,
        confirmation=checked.confirmation,
        notes=checked.notes if in_public else f"{checked.notes} {checked.own_notes}".strip(),
    )
