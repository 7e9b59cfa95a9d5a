"""Where training files are read from."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from bot.domain.place import Place


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file that can be read. `location` is `slack:FILE_ID` or a `gs://` URI; `size` is in bytes.

    `version` changes whenever the content does; empty where files never change (Slack's).
    """

    location: str
    name: str
    size: int
    version: str = ""


class FileReader(Protocol):
    """Reads one kind of location, as chunks, without holding the file.

    It reads for the person who asks, in the place where they ask: what they may not see there is not described
    either, and is refused in the words for a file that does not exist.
    """

    async def describe(self, place: Place, user: str, location: str) -> FileInfo:
        """Raises FileUnavailable."""
        ...

    def read(self, place: Place, user: str, location: str) -> AsyncGenerator[bytes, None]:
        """The file's bytes. Raises FileUnavailable, FileTooLarge."""
        ...
