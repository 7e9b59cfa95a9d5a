"""Puts a model's training file and the corrections of its answers into one file, to tune it again."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.datasets import ConvertTask, CorrectedRows, convert
from bot.domain.backend_profile import BackendProfile
from bot.domain.feedback import Correction
from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.domain.requests import StartRequest
from bot.ports.files import FileReader, file_reader
from bot.ports.workers import Workers, WorkKind


@dataclass(frozen=True, slots=True)
class CorrectedFile:
    """A file on disk: `added` corrections, `replaced` rows of the training file that they stand in place of."""

    path: Path
    name: str
    added: int
    replaced: int


class CorrectedFiles:
    """Reads training files from Slack or Cloud Storage, for the person who asks."""

    def __init__(self, files: Mapping[str, FileReader], workers: Workers) -> None:
        self._files = files
        self._workers = workers

    @asynccontextmanager
    async def written(
        self, requester: Requester, job: TuningJob, profile: BackendProfile, corrections: Sequence[Correction]
    ) -> AsyncIterator[CorrectedFile]:
        """Write the file in the backend's form; it is deleted after the block.

        Raises FileError, also where this person may not see the training file, Outdated if that has changed.
        """
        dataset = job.spec.training
        reader = file_reader(self._files, dataset.location)
        form, digest = profile.dialect, dataset.sha256
        task = ConvertTask(dataset.dialect, form, dataset.mapping, digest, None, name=dataset.name)
        rows = CorrectedRows(corrections, form)
        with TemporaryDirectory(prefix="tunebot-again-") as directory:
            path = Path(directory, "rows.jsonl")

            def append(content: bytes, *, last: bool = False) -> None:
                with path.open("ab") as file:
                    file.write(rows.finish() if last else rows.feed(content))

            async with (
                self._workers.worker(WorkKind.CONVERSION, f"{job.place.team} {requester.user}") as worker,
                aclosing(reader.read(job.place, requester.user, dataset.location)) as chunks,
                aclosing(convert(worker, chunks, task)) as converted,
            ):
                async for chunk in converted:
                    await asyncio.to_thread(append, chunk)
            await asyncio.to_thread(append, b"", last=True)
            yield CorrectedFile(path, f"{_stem(job.name)}.jsonl", len(corrections), rows.replaced)


def request_again(job: TuningJob, profile: BackendProfile, location: str) -> StartRequest:
    """Return the request to tune the job's model again on this file, on its base model where that is not taken."""
    base = job.spec.base_model
    again = profile.takes_tuned_base and base not in profile.tuned_once and job.can_answer and job.tuned_model
    request = replace(StartRequest.of(job.spec), name="", file=location, mapping=None, moved_from="")
    return replace(request, base_model=job.tuned_model) if again else request


def _stem(name: str) -> str:
    return "".join(each if each.isalnum() or each in "-_ " else "-" for each in name).strip() or "rows"
