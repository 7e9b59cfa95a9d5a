"""Where training files are read from."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from bot.domain.place import Place


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
