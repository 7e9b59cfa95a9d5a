"""Sends a model's corrections as files to the person who asked, and opens the form to tune with them again."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from slack_sdk.web.async_client import AsyncWebClient

from bot.chat.feedback_service import CorrectionExport, FeedbackService
from bot.domain.place import Place, Requester
from bot.domain.requests import ModalWork, PendingModal, StartRequest
from bot.ports.files import FileInfo
from bot.tuning.corrected_file import CorrectedFiles, request_again
from bot.tuning.proposals import Proposals
from handlers.blocks.chat.feedback import build_exported, build_joined, build_joining_view
from handlers.blocks.message import Message
from handlers.delivery.poster import Poster
from handlers.errors import report_errors
from handlers.start_flow.check_modal import CheckModal
from handlers.start_flow.pending_modals import PendingModals
from handlers.transport.attachments import SCHEME
from handlers.transport.slack_files import SlackFiles

_LONGEST_NAME: Final = 80


class CorrectionsUpload:
    """Uploads to a person's direct messages, where nobody else reads."""

    def __init__(
        self,
        client: AsyncWebClient,
        feedback: FeedbackService,
        corrected_files: CorrectedFiles,
        proposals: Proposals,
        files: SlackFiles,
        poster: Poster,
        check_modal: CheckModal,
        pending_modals: PendingModals,
    ) -> None:
        self._client = client
        self._feedback = feedback
        self._corrected_files = corrected_files
        self._proposals = proposals
        self._files = files
        self._poster = poster
        self._check_modal = check_modal
        self._pending_modals = pending_modals

    async def export(self, requester: Requester, name: str) -> Message:
        """Send the corrections of this model and where they come from. Raises BotError."""
        export = await self._feedback.export(requester, name)
        place = await self._direct(requester)
        with TemporaryDirectory(prefix="tunebot-export-") as directory:
            written = await asyncio.to_thread(_write, export, Path(directory))
            await self._files.upload(written, place)
        return build_exported(export)

    async def open_again(self, trigger_id: str, requester: Requester, name: str = "", *, key: str = "") -> None:
        """Open the form with the file of a job and the corrections of its model's answers. Raises BotError.

        The form opens when the file is in Slack; until then a view says what goes on.
        """
        job, corrections = await self._feedback.corrected_job(requester, name, key=key)
        profile = self._proposals.profile(job.backend)
        opened = await self._client.views_open(trigger_id=trigger_id, view=build_joining_view(requester))
        view_id, place, user = str(opened["view"]["id"]), requester.place, requester.user
        pending = PendingModal(ModalWork.AGAIN, view_id, place, user, StartRequest())

        async def join() -> None:
            async with (
                self._pending_modals.recorded(pending),
                self._corrected_files.written(requester, job, profile, corrections) as made,
            ):
                direct = await self._direct(requester)
                [file_id] = await self._files.upload([(made.path, made.name)], direct)
                await self._poster.post(direct, build_joined(job.name, made))
                known = FileInfo(SCHEME + file_id, made.name, 0)
                request = request_again(job, profile, known.location)
                await self._check_modal.show_form(view_id, requester, request, known)

        await report_errors(join(), self._check_modal.respond_in_view(view_id))

    async def _direct(self, requester: Requester) -> Place:
        return Place(requester.team, await self._poster.direct_channel(requester.user))


def _write(export: CorrectionExport, directory: Path) -> list[tuple[Path, str]]:
    """Write both files; their names on disk are ours, since a model's name may contain anything."""
    stem = f"{export.job.name[:_LONGEST_NAME]}.corrections.v{export.version}"
    written = []
    for name, content in (("jsonl", export.rows), ("provenance.jsonl", export.provenance)):
        path = directory / name
        path.write_bytes(content)
        written.append((path, f"{stem}.{name}"))
    return written
