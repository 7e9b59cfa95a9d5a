"""The tuning form on its way through Slack: opened, redrawn, checked, answered with the report.

A trigger lives three seconds and works once, so a view is opened with what is at hand and brought up to date
afterwards by its id, which needs no trigger.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import aiohttp
import stamina
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.place import Place
from bot.domain.requests import ModalWork, PendingModal, StartRequest
from bot.errors import BotError
from bot.ports.files import FileInfo
from bot.tuning.proposals import Proposals
from handlers.blocks.datasets.report import checking_view, error_view, message_view, report_message, report_view
from handlers.blocks.message import Message
from handlers.blocks.notices import error_message
from handlers.blocks.private_metadata import unpack_place
from handlers.blocks.start.form import FormState, start_form
from handlers.blocks.start.form_reader import read_start_form
from handlers.delivery.poster import Poster
from handlers.errors import Tell, slack_code
from handlers.start_flow.check_progress import CheckProgress
from handlers.start_flow.pending_modals import VIEW_GONE, PendingModals
from handlers.transport.slack_files import SlackFiles

logger = logging.getLogger(__name__)

RECENT_SECONDS: Final = 1.2  # of the trigger's three, for asking Slack which files were shared lately
NO_CHART: Final = ("invalid_blocks", "invalid_arguments")  # where a workspace has no native charts

_BROKEN: Final = (aiohttp.ClientError, TimeoutError)

View = dict[str, Any]


class CheckModal:
    """Opens and answers the form."""

    def __init__(
        self,
        client: AsyncWebClient,
        proposals: Proposals,
        files: SlackFiles,
        poster: Poster,
        pending_modals: PendingModals,
    ) -> None:
        self._client = client
        self._proposals = proposals
        self._files = files
        self._poster = poster
        self._errands = pending_modals

    async def open(self, trigger_id: str, place: Place, request: StartRequest) -> None:
        """Open the form, filled in with what is known."""
        view = start_form(await self._state(place, request))
        await self._client.views_open(trigger_id=trigger_id, view=view)

    async def redraw(self, view: View, *, validation: bool | None = None) -> None:
        """Show the fields of what is chosen now; what was typed stays."""
        form = read_start_form(view)
        state = await self._state(form.place, form.redrawn)
        drawn = start_form(replace(state, validation=form.validation if validation is None else validation))
        await self._client.views_update(view_id=view["id"], hash=view.get("hash"), view=drawn)

    async def show_again(self, view: View, request: StartRequest) -> None:
        """From a report or an error back to the form, filled in."""
        place, _ = unpack_place(str(view.get("private_metadata") or ""))
        await self._client.views_update(view_id=view["id"], view=start_form(await self._state(place, request)))

    async def open_report(self, trigger_id: str, place: Place, user: str, request: StartRequest) -> None:
        """`/tune start ...`: the form's answer at once; without a file, the form itself, filled in."""
        if not request.file:
            await self.open(trigger_id, place, request)
            return
        opened = await self._client.views_open(trigger_id=trigger_id, view=checking_view("your file"))
        await self.answer(PendingModal(ModalWork.CHECK, str(opened["view"]["id"]), place, user, request))

    async def answer(self, pending_modal: PendingModal) -> None:
        """Check the request and its files, and show what was found in the view that waits for it."""
        async with self._errands.noted(pending_modal):
            await self._answer(pending_modal)

    async def take_up(self, pending_modal: PendingModal) -> None:
        """Go on with what a restart cut off: check again, which changes nothing, or tell what is not done twice.

        A check that two processes did not survive may be what ended them.
        """
        if pending_modal.kind is ModalWork.CHECK and not pending_modal.attempts:
            await self.answer(replace(pending_modal, attempts=1))
        else:
            await self._errands.tell(pending_modal)

    async def _answer(self, pending_modal: PendingModal) -> None:
        place, request = pending_modal.place, pending_modal.request
        try:
            async with CheckProgress(self._client, pending_modal.view) as progress:
                checked = await self._proposals.check(place, pending_modal.user, request, progress)
        except BotError as error:
            await self._show(
                pending_modal, partial(error_view, error, place, request), partial(error_message, error)
            )
            return
        draw = partial(
            report_view,
            checked.report,
            checked.profile,
            place,
            checked.proposal,
            validation=checked.validation,
            request=request,
            earlier=checked.earlier,
        )
        say = partial(
            report_message, checked.report, checked.profile, checked.proposal, validation=checked.validation
        )
        try:
            await self._show(pending_modal, draw, say)
        except SlackApiError as error:
            if slack_code(error) not in NO_CHART:
                raise
            # Where the workspace takes no chart of Slack's own, the same is said in words.
            await self._show(pending_modal, partial(draw, native_chart=False), say)

    async def _show(
        self, pending_modal: PendingModal, draw: Callable[[], View], say: Callable[[], Message]
    ) -> None:
        """In the view or, where the person closed it while the file was read, as a message to them alone.

        Whatever Slack made of an earlier try, showing the same once more does no harm.
        """
        try:
            async for attempt in stamina.retry_context(on=_BROKEN, attempts=5, timeout=60.0):
                with attempt:
                    await self._client.views_update(view_id=pending_modal.view, view=draw())
        except SlackApiError as error:
            if slack_code(error) != VIEW_GONE:
                raise
            await self._poster.post_ephemeral(pending_modal.place, pending_modal.user, say())

    def tell_in_view(self, view_id: str) -> Tell:
        """Words in place of a view that failed."""

        async def tell(message: Message) -> None:
            await self._client.views_update(view_id=view_id, view=message_view(message))

        return tell

    def tell_by_trigger(self, trigger_id: str) -> Tell:
        """Words in a modal of their own, for who has nothing but a trigger."""

        async def tell(message: Message) -> None:
            await self._client.views_open(trigger_id=trigger_id, view=message_view(message))

        return tell

    async def _state(self, place: Place, request: StartRequest) -> FormState:
        profile = self._proposals.profile(request.backend)
        return FormState(
            place,
            self._proposals.profiles,
            request=replace(request, backend=profile.name),
            recent=await self._recent(place.channel),
            tuned=await self._proposals.tuned(place.team),
        )

    async def _recent(self, channel: str) -> Sequence[FileInfo]:
        """Files to pick from; the form opens without them where Slack is slow or does not say."""
        try:
            async with asyncio.timeout(RECENT_SECONDS):
                return await self._files.recent(channel)
        except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
            logger.info("no recent files for the form: %s", error)
            return ()
