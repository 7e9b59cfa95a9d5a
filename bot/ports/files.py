"""Where training files are read from, and the tunings of another provider."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.fine_tuning_job import FineTuningJob
from bot.domain.place import Place
from bot.errors import BadArgument


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file that can be read. `location` is `slack:FILE_ID` or a `gs://` URI; `size` is in bytes.

    `version` changes whenever the content does; it is empty where files never change, as in Slack.
    """

    location: str
    name: str
    size: int
    version: str = ""


class FileReader(Protocol):
    """Reads the files of one kind of location in chunks and never holds a whole file.

    It reads for one person in one place. A file that this person may not see there raises the same error as a file
    that does not exist.
    """

    async def describe(self, place: Place, user: str, location: str) -> FileInfo:
        """Return the file's name, size and version. Raises FileUnavailable, GoogleError."""
        ...

    def read(self, place: Place, user: str, location: str) -> AsyncGenerator[bytes, None]:
        """Yield the file's bytes in chunks of any size. Raises FileUnavailable, FileTooLarge, GoogleError."""
        ...


class FineTuningJobs(Protocol):
    """Reads fine-tuning jobs, to repeat them here; a FileReader of the same provider reads their files."""

    async def jobs(self, limit: int) -> Sequence[FineTuningJob]:
        """Return the newest jobs. Raises FileUnavailable."""
        ...

    async def job(self, job_id: str) -> FineTuningJob:
        """Return one job. Raises FileUnavailable, BadArgument for what is not an id of a job."""
        ...


def file_reader(files: Mapping[str, FileReader], location: str) -> FileReader:
    """Return the reader for the location's scheme, the part before its colon. Raises BadArgument."""
    if (reader := files.get(location.partition(":")[0])) is None:
        raise BadArgument(
            f"I cannot read {location!r}.", "Give a file shared in Slack, or a gs:// URI.", field="file"
        )
    return reader
