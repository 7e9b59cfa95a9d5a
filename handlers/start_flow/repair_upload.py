"""The “Repair and continue” button: posts both files in a thread, and the report on the repaired one."""

from dataclasses import replace

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.place import Place, Requester
from bot.domain.requests import ModalWork, PendingModal, StartRequest
from bot.errors import FileUnavailable
from bot.tuning.dataset_repair import DatasetRepair, RepairedFiles
from bot.tuning.proposals import Proposals
from handlers.blocks.datasets.check_views import build_repaired_message, build_repairing_view, nothing_kept
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
    ) -> None:
        self._check_modal = check_modal
        self._client = client
        self._dataset_repair = dataset_repair
        self._proposals = proposals
        self._files = files
        self._poster = poster
        self._pending_modals = pending_modals

    async def repair(self, view_id: str, requester: Requester, request: StartRequest) -> None:
        """Post the repaired file, the rejected rows with their reasons, and the report on the repaired file.

        The view then shows that report, too: its start and that of the message are the same, and happen once.
        """
        place, user = requester.place, requester.user
        pending = PendingModal(ModalWork.REPAIR, view_id, place, user, request)
        async with self._pending_modals.recorded(pending):
            await self._client.views_update(view_id=view_id, view=build_repairing_view(requester))
            thread, uploaded = await self._upload(place, user, request)
            repaired = replace(request, file=SCHEME + uploaded, mask=False)
            checked = await self._proposals.check(thread, user, repaired)
            await self._poster.post(thread, report_message(checked, repaired))
            await self._check_modal.show_result(pending, checked, repaired, elsewhere=False)

    async def _upload(self, place: Place, user: str, request: StartRequest) -> tuple[Place, str]:
        """Return the thread with both files, and the id of the repaired one."""
        profile = self._proposals.profile(request.backend)
        async with self._dataset_repair.repaired(place, user, request, profile) as repaired:
            if not repaired.kept:
                raise FileUnavailable(nothing_kept(repaired), "Look at the reasons in the report.")
            thread, begun = await self._thread(place, user, request.file, repaired)
            ids = await self._files.upload(
                [
                    (repaired.kept_file, f"{repaired.name}.repaired.jsonl"),
                    (repaired.rejected_file, f"{repaired.name}.rejected.jsonl"),
                ],
                thread,
            )
            told = build_repaired_message(repaired, len(ids))
            if begun:
                await self._poster.edit(thread.channel, begun, told)
            else:
                await self._poster.post(thread, told)
        return thread, ids[0]

    async def _thread(self, place: Place, user: str, location: str, repaired: RepairedFiles) -> tuple[Place, str]:
        """Return the thread of the message that shares the file here, or post the message that starts one.

        That message, whose `ts` is returned too, promises no file until they are uploaded.
        """
        shared = place.thread or await self._files.shared_in(place, user, location)
        begun = "" if shared else await self._poster.post(place, build_repaired_message(repaired))
        return replace(place, thread=shared or begun), begun
