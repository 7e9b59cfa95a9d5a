"""Reads the rows of a start: from Slack or Cloud Storage, in the backend's dialect, and only the checked bytes."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing

from bot.datasets import ConvertTask, Side, Split, convert
from bot.domain.backend_profile import BackendProfile
from bot.domain.datasets import Dataset
from bot.domain.jobs import TuningJob
from bot.errors import Outdated
from bot.ports.backends import TrainingData
from bot.ports.files import FileReader, file_reader
from bot.ports.workers import Workers, WorkKind


def training_data(
    job: TuningJob,
    profile: BackendProfile,
    files: Mapping[str, FileReader],
    workers: Workers,
    is_cancelled: Callable[[], bool],
) -> TrainingData:
    """Return what the backend reads: one file, two files, or the two sides of one file.

    Its iterators raise Outdated if a file is not the one that was checked, or as soon as `is_cancelled`.
    """

    def rows(dataset: Dataset, split: Split | None = None) -> AsyncIterator[bytes]:
        return _rows(job, dataset, profile, files, workers, is_cancelled, split)

    spec = job.spec
    if spec.validation_share:
        training = rows(spec.training, Split(spec.validation_share, Side.TRAINING))
        return TrainingData(training, rows(spec.training, Split(spec.validation_share, Side.VALIDATION)))
    return TrainingData(rows(spec.training), rows(spec.validation) if spec.validation is not None else None)


def refuse_cancelled(job: TuningJob) -> Outdated:
    """Return the error that ends a start which was cancelled before anything was sent."""
    return Outdated(f"{job.name} was cancelled before it was sent to Google.", "Nothing was started.")


async def _rows(
    job: TuningJob,
    dataset: Dataset,
    profile: BackendProfile,
    files: Mapping[str, FileReader],
    workers: Workers,
    is_cancelled: Callable[[], bool],
    split: Split | None,
) -> AsyncIterator[bytes]:
    reader = file_reader(files, dataset.location)
    task = ConvertTask(dataset.dialect, profile.dialect, dataset.mapping, dataset.sha256, split, name=dataset.name)
    async with (
        workers.worker(WorkKind.CONVERSION, f"{job.place.team} {job.owner}") as worker,
        aclosing(reader.read(job.place, job.file_reader, dataset.location)) as chunks,
        aclosing(convert(worker, chunks, task)) as rows,
    ):
        async for chunk in rows:
            if is_cancelled():
                raise refuse_cancelled(job)
            yield chunk
