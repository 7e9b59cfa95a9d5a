"""The “Repair and continue” button: sends both files to the person who asked, and the report on the repaired one.

Rows may be private, so they go to that person's direct messages. Only a person who chooses it posts the repaired
file in the channel, and then with its private values masked; the rows that were left out go nowhere else.
"""

from dataclasses import replace

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.place import Place, Requester
from bot.domain.requests import ModalWork, PendingModal, StartRequest
from bot.errors import BotError
from bot.ports.stores import AuditLog
from bot.tuning.dataset_repair import DatasetRepair, RepairedFiles
from bot.tuning.proposals import Proposals
from handlers.blocks.datasets.check_views import (
    build_reencoding_view,
    build_repaired_message,
    build_repairing_view,
    nothing_kept,
)
from handlers.delivery.poster import Poster
from handlers.start_flow.check_modal import CheckModal, report_message
from handlers.start_flow.pending_modals import PendingModals
from handlers.transport.attachments import SCHEME
from handlers.transport.slack_files import SlackFiles


class RepairUpload:
    """Repairs a file whose report had errors, and answers in the thread of the file."""

    def __init__(
        self,
        client: AsyncWebClient,
        dataset_repair: DatasetRepair,
        proposals: Proposals,
        files: SlackFiles,
        poster: Poster,
        pending_modals: PendingModals,
        check_modal: CheckModal,
        audit_log: AuditLog,
    ) -> None:
        self._audit_log = audit_log
        self._check_modal = check_modal
        self._client = client
        self._dataset_repair = dataset_repair
        self._proposals = proposals
        self._files = files
        self._poster = poster
        self._pending_modals = pending_modals

    async def repair(
        self, view_id: str, requester: Requester, request: StartRequest, *, in_channel: bool = False
    ) -> None:
        """Send the repaired file, the rejected rows with their reasons, and the report on the repaired file.

        With `in_channel`, the repaired file is masked and posted in the channel, where everybody may start on it.
        The view then shows that report, too: its start and that of the message are the same, and happen once.
        """
        request = replace(request, mask=request.mask or in_channel)
        await self._proposals.check_person(requester)
        pending = PendingModal(ModalWork.REPAIR, view_id, requester.place, requester.user, request)
        async with self._pending_modals.recorded(pending):
            view = build_repairing_view(requester, in_channel=in_channel)
            await self._client.views_update(view_id=view_id, view=view)
            try:
                await self._repair(pending, in_channel=in_channel)
            except BotError as error:
                await self._check_modal.show_error(pending, error)

    async def _repair(self, pending: PendingModal, *, in_channel: bool) -> None:
        place, user, request = pending.place, pending.user, pending.request
        direct = Place(place.team, await self._poster.direct_channel(user))
        home = place if in_channel or place.channel == direct.channel else direct
        thread, uploaded = await self._upload(place, home, direct, user, request)
        if in_channel:
            await self._audit_log.record(pending.requester, "post a repaired file", uploaded)
        repaired = replace(request, file=SCHEME + uploaded, mask=False)
        # The tuning belongs where the form was opened, also where its file is sent to the person alone.
        checked = await self._proposals.check(thread if home == place else place, user, repaired)
        await self._poster.post(
            thread, report_message(checked, repaired, in_public=home.channel != direct.channel)
        )
        await self._check_modal.show_result(pending, checked, repaired, elsewhere=False)

    async def reencode(self, view_id: str, requester: Requester, request: StartRequest) -> None:
        """Send the file as UTF-8 to the person who said which encoding it is in, and show the report on that."""
        await self._proposals.check_person(requester)
        pending = PendingModal(ModalWork.REPAIR, view_id, requester.place, requester.user, request)
        async with self._pending_modals.recorded(pending):
            await self._client.views_update(view_id=view_id, view=build_reencoding_view(requester))
            try:
                await self._reencode(pending)
            except BotError as error:
                await self._check_modal.show_error(pending, error)

    async def _reencode(self, pending: PendingModal) -> None:
        place, user, request = pending.place, pending.user, pending.request
        direct = Place(place.team, await self._poster.direct_channel(user))
        profile = self._proposals.profile(request.backend)
        async with self._dataset_repair.reencoded(place, user, request, profile) as (file, name):
            [uploaded] = await self._files.upload([(file, name)], direct)
        written = replace(request, file=SCHEME + uploaded, encoding="")
        checked = await self._proposals.check(place, user, written)
        await self._check_modal.show_result(pending, checked, written)

    async def _upload(
        self, place: Place, home: Place, direct: Place, user: str, request: StartRequest
    ) -> tuple[Place, str]:
        """Upload the repaired file to `home` and the rejected rows to `direct`, or both to one thread.

        Return the thread with the repaired file, and its id.
        """
        profile = self._proposals.profile(request.backend)
        async with self._dataset_repair.repaired(place, user, request, profile) as repaired:
            if not repaired.kept:
                raise nothing_kept(repaired)
            thread, begun = await self._thread(place, home, user, request.file, repaired)
            kept = (repaired.kept_file, repaired.kept_name)
            rejected = (repaired.rejected_file, f"{repaired.name}.rejected.jsonl")
            if home.channel == direct.channel:
                ids = await self._files.upload([kept, rejected], thread)
                apart = 0
            else:
                ids = await self._files.upload([kept], thread)
                apart = len(await self._files.upload([rejected], direct))
            told = build_repaired_message(repaired, len(ids), apart)
            if begun:
                await self._poster.edit(thread.channel, begun, told)
            else:
                await self._poster.post(thread, told)
        return thread, ids[0]

    async def _thread(
        self, place: Place, home: Place, user: str, location: str, repaired: RepairedFiles
    ) -> tuple[Place, str]:
        """Return the thread of the message that shares the file here, or post the message that starts one.

        That message, whose `ts` is returned too, promises no file until they are uploaded.
        """
        shared = ""
        if home == place:
            shared = place.thread or await self._files.shared_in(place, user, location)
        begun = "" if shared else await self._poster.post(home, build_repaired_message(repaired))
        return replace(home, thread=shared or begun), begun
