"""Uploads a copy of the database to a folder of Cloud Storage."""

from collections.abc import AsyncIterator
from pathlib import Path

from bot.backends.google.cloud_storage import CHUNK, CloudStorage, GcsObject


async def upload_backup(storage: CloudStorage, folder: str, path: Path) -> None:
    """Store the file under its own name in `folder`, a `gs://` address. Raises GoogleError.

    Raises BadArgument for a folder that is no `gs://` address.
    """
    target = GcsObject.parse(f"{folder.rstrip('/')}/{path.name}")
    await storage.upload(target, _chunks(path))


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
