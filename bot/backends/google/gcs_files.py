"""Reads files in Cloud Storage for people, and only those that the operator opens to them.

Nothing is read but what TUNEBOT_GS_PREFIXES names, and never the bot's own folder or a copy of its database.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager

from bot.backends.google.cloud_storage import CloudStorage, GcsObject
from bot.domain.gs_addresses import OWN_FOLDER, folders, is_open, is_own_copy
from bot.domain.place import Place
from bot.errors import FileUnavailable, NotFoundAtGoogle, PermissionDenied
from bot.ports.files import FileInfo


class GcsFiles:
    """The FileReader of `gs://` locations; `prefixes` are `gs://bucket` or `gs://bucket/folder`."""

    def __init__(self, storage: CloudStorage, prefixes: Sequence[str] = ()) -> None:
        self._storage = storage
        self._prefixes = folders(prefixes)

    async def close(self) -> None:
        await self._storage.close()

    async def describe(self, place: Place, user: str, location: str) -> FileInfo:
        """See FileReader. Raises BadArgument for a location that names no object."""
        target = self._opened(location)
        with _unavailable(target):
            size, generation = await self._storage.describe(target)
        return FileInfo(str(target), target.name.rpartition("/")[2], size, version=generation)

    async def read(self, place: Place, user: str, location: str) -> AsyncGenerator[bytes, None]:
        """See FileReader."""
        target = self._opened(location)
        with _unavailable(target):
            async with aclosing(self._storage.read(target)) as chunks:
                async for chunk in chunks:
                    yield chunk

    def _opened(self, location: str) -> GcsObject:
        """Return the object if people may have it read. Raises FileUnavailable before Google is asked anything."""
        target = GcsObject.parse(location)
        if target.name.startswith(OWN_FOLDER):
            raise FileUnavailable(
                f"{target} is in the folder where I keep my own copies, and I read those for nobody.",
                "Give the file that the copy was made from.",
            )
        if is_own_copy(target.name):
            raise FileUnavailable(f"{target} is a copy of my database, and I read those for nobody.")
        if not is_open(str(target), self._prefixes):
            opened = ", ".join(self._prefixes)
            raise FileUnavailable(
                f"I may not read {target} for people.",
                f"I read files under {opened}"
                if opened
                else "Share the file in Slack, or ask the person who runs me to open the folder in "
                "TUNEBOT_GS_PREFIXES.",
            )
        return target


@contextmanager
def _unavailable(target: GcsObject) -> Iterator[None]:
    """Raise FileUnavailable, with the name of the file and what to do, for errors that mean it cannot be read."""
    try:
        yield
    except NotFoundAtGoogle as error:
        raise FileUnavailable(f"There is no file at {target}.", "Check the address.") from error
    except PermissionDenied as error:
        raise FileUnavailable(
            f"The bot may not read {target}.",
            "Ask an administrator to give the bot's account Storage Object Viewer on the bucket.",
        ) from error
