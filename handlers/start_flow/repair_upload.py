"""The “Repair the file” button: posts both files in a thread, and the report on the repaired one."""

from dataclasses import replace

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.place import Place, Requester
from bot.domain.requests import ModalWork, PendingModal, StartRequest
from bot.errors import FileUnavailable
from bot.tuning.dataset_repair import DatasetRepair, RepairedFiles
from bot.tuning.proposals import Proposals
from handlers.blocks.datasets.report import (
    build_repaired_message,
    build_repairing_view,
    build_report_message,
    nothing_kept,
)
from handlers.delivery.poster import Poster
from handlers.start_flow.pending_modals import PendingModals
from handlers.transport.slack_files import SCHEME, SlackFiles


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
    ) -> None:
        self._client = client
        self._dataset_repair = dataset_repair
        self._proposals = proposals
        self._files = files
        self._poster = poster
        self._pending_modals = pending_modals

    async def repair(self, view_id: str, requester: Requester, request: StartRequest) -> None:
        """Post the repaired file, the rejected rows with their reasons, and the report on the repaired file."""
        place, user = requester.place, requester.user
        async with self._pending_modals.recorded(PendingModal(ModalWork.REPAIR, view_id, place, user, request)):
            await self._client.views_update(view_id=view_id, view=build_repairing_view(requester))
            thread, uploaded = await self._upload(place, user, request)
            checked = await self._proposals.check(thread, user, replace(request, file=SCHEME + uploaded))
            await self._poster.post(
                thread,
                build_report_message(
                    checked.report,
                    checked.profile,
                    checked.proposal,
                    validation=checked.validation,
                    obstacle=checked.obstacle,
                ),
            )

    async def _upload(self, place: Place, user: str, request: StartRequest) -> tuple[Place, str]:
        """Return the thread with both files, and the id of the repaired one."""
        profile = self._proposals.profile(request.backend)
        async with self._dataset_repair.repaired(place, user, request, profile) as repaired:
            if not repaired.kept:
                raise FileUnavailable(nothing_kept(repaired), "Look at the reasons in the report.")
            thread = await self._thread(place, user, request.file, repaired)
            ids = await self._files.upload(
                [
                    (repaired.kept_file, f"{repaired.name}.repaired.jsonl"),
                    (repaired.rejected_file, f"{repaired.name}.rejected.jsonl"),
                ],
                thread,
            )
        return thread, ids[0]

    async def _thread(self, place: Place, user: str, location: str, repaired: RepairedFiles) -> Place:
        """Post the result under the message that shares the file here, else as a message that starts a thread."""
        shared = place.thread or await self._files.shared_in(place, user, location)
        ts = await self._poster.post(replace(place, thread=shared), build_repaired_message(repaired))
        return replace(place, thread=shared or ts)
