"""The Repair button: two files posted in a thread, and the repaired one ready to start with one more click."""

from dataclasses import replace

from bot.domain.place import Place
from bot.domain.requests import StartRequest
from bot.errors import FileUnavailable
from bot.tuning.dataset_repair import DatasetRepair, RepairedFiles
from bot.tuning.proposals import Proposals
from handlers.blocks.datasets.repair import nothing_kept, repaired_message
from handlers.blocks.datasets.report import report_message
from handlers.delivery.poster import Poster
from handlers.transport.slack_files import SCHEME, SlackFiles


class RepairUpload:
    """Repairs a file that was found wanting, and answers in its thread."""

    def __init__(self, repairs: DatasetRepair, proposals: Proposals, files: SlackFiles, poster: Poster) -> None:
        self._repairs = repairs
        self._proposals = proposals
        self._files = files
        self._poster = poster

    async def repair(self, place: Place, user: str, request: StartRequest) -> None:
        """Post the repaired file, the rejected rows with their reasons, and the report on the repaired file."""
        profile = self._proposals.profile(request.backend)
        async with self._repairs.repaired(place, user, request, profile) as made:
            if not made.kept:
                raise FileUnavailable(nothing_kept(made), "Look at the reasons in the report.")
            thread = await self._thread(place, user, request.file, made)
            uploaded = await self._files.upload(
                [
                    (made.kept_file, f"{made.name}.repaired.jsonl"),
                    (made.rejected_file, f"{made.name}.rejected.jsonl"),
                ],
                thread,
            )
        again = replace(request, file=SCHEME + uploaded[0])
        checked = await self._proposals.check(thread, user, again)
        await self._poster.say(
            thread,
            report_message(checked.report, checked.profile, checked.proposal, validation=checked.validation),
        )

    async def _thread(self, place: Place, user: str, location: str, made: RepairedFiles) -> Place:
        """Where the answer hangs: under the file's own message where it was shared here, else under a new one."""
        shared = place.thread or await self._files.shared_in(place, user, location)
        ts = await self._poster.say(replace(place, thread=shared), repaired_message(made))
        return replace(place, thread=shared or ts)
