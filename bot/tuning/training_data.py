"""Reads the rows of a start: from Slack or Cloud Storage, in the backend's dialect, and only the checked bytes."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager

from bot.datasets import ConvertTask, PicturesTask, Split, SplitSide, convert, pictures
from bot.domain.backend_profile import BackendProfile
from bot.domain.datasets import Dataset
from bot.domain.jobs import TuningJob
from bot.errors import Outdated
from bot.ports.backends import PictureToStore, TrainingData
from bot.ports.files import FileReader, file_reader
from bot.ports.workers import Worker, Workers, WorkKind


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

    addresses: dict[str, str] = {}
    read = _Reading(job, profile, files, workers, is_cancelled, addresses)
    spec = job.spec
    shown = read.pictures() if spec.training.pictures or (spec.validation and spec.validation.pictures) else None
    if spec.validation_share:
        training = read.rows(spec.training, Split(spec.validation_share, SplitSide.TRAINING))
        held_out = read.rows(spec.training, Split(spec.validation_share, SplitSide.VALIDATION))
        return TrainingData(training, held_out, shown, addresses)
    validation = read.rows(spec.validation) if spec.validation is not None else None
    return TrainingData(read.rows(spec.training), validation, shown, addresses)


def refuse_cancelled(job: TuningJob) -> Outdated:
    """Return the error that ends a start which was cancelled before anything was sent."""
    return Outdated(f"“{job.name}” was cancelled before it was sent to Google.", "Nothing was started.")


class _Reading:
    """Reads the files of one start, each time anew."""

    def __init__(
        self,
        job: TuningJob,
        profile: BackendProfile,
        files: Mapping[str, FileReader],
        workers: Workers,
        is_cancelled: Callable[[], bool],
        addresses: Mapping[str, str],
    ) -> None:
        self._job = job
        self._profile = profile
        self._files = files
        self._workers = workers
        self._is_cancelled = is_cancelled
        self._addresses = addresses
        # By the file's location and the picture's path: its hash and its kind.
        self._named: dict[str, dict[str, tuple[str, str]]] = {}

    async def pictures(self) -> AsyncGenerator[PictureToStore, None]:
        """Yield each picture beside the rows, whole."""
        spec = self._job.spec
        for dataset in (spec.training, spec.validation):
            if dataset is None or not dataset.pictures:
                continue
            named = self._named.setdefault(dataset.location, {})
            async with self._opened(dataset) as (worker, chunks):
                task = PicturesTask(dataset.sha256)
                async with aclosing(pictures(worker, chunks, task)) as found:
                    async for picture in found:
                        self._check_cancelled()
                        sha256 = hashlib.sha256(picture.content).hexdigest()
                        named[picture.name] = sha256, picture.mime
                        yield PictureToStore(sha256, picture.mime, picture.content)

    async def rows(self, dataset: Dataset, split: Split | None = None) -> AsyncIterator[bytes]:
        """Yield the rows in the backend's dialect."""
        task = ConvertTask(
            dataset.dialect,
            self._profile.dialect,
            dataset.mapping,
            dataset.sha256,
            split,
            name=dataset.name,
            pictures=self._stored(dataset),
        )
        async with self._opened(dataset) as (worker, chunks), aclosing(convert(worker, chunks, task)) as rows:
            async for chunk in rows:
                self._check_cancelled()
                yield chunk

    def _stored(self, dataset: Dataset) -> dict[str, tuple[str, str]] | None:
        if not dataset.pictures:
            return None
        named = self._named.get(dataset.location, {})
        return {name: (self._addresses[sha256], mime) for name, (sha256, mime) in named.items()}

    @asynccontextmanager
    async def _opened(self, dataset: Dataset) -> AsyncGenerator[tuple[Worker, AsyncIterator[bytes]], None]:
        job, reader = self._job, file_reader(self._files, dataset.location)
        async with (
            self._workers.worker(WorkKind.CONVERSION, f"{job.place.team} {job.owner}") as worker,
            aclosing(reader.read(job.place, job.file_reader, dataset.location)) as chunks,
        ):
            yield worker, chunks

    def _check_cancelled(self) -> None:
        if self._is_cancelled():
            raise refuse_cancelled(self._job)
