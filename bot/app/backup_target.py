"""Where copies of the database go, on a schedule and by command."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from bot.backends import BackendOptions
from bot.backends.google.cloud_storage import CHUNK, CloudStorage, GcsObject
from bot.ports.clock import Clock
from bot.runtime.metrics import Metrics
from bot.runtime.scheduled_backups import BackupTarget, ScheduledBackups
from bot.settings import Settings
from storage.backup import copy_database, copy_private


@asynccontextmanager
async def scheduled_backups(
    settings: Settings, options: BackendOptions, clock: Clock, metrics: Metrics
) -> AsyncIterator[None]:
    """Copy the database now and then inside the block, where the settings say so."""
    if not settings.backup_to:
        yield
        return
    async with open_backup_target(settings.backup_to, options) as target:
        copy = partial(copy_database, Path(settings.database))
        backups = ScheduledBackups(copy, target, clock, settings.backup_hours * 3600, metrics.backup)
        watch = asyncio.create_task(backups.watch(), name="backups")
        try:
            yield
        finally:
            watch.cancel()


@asynccontextmanager
async def open_backup_target(folder: str, options: BackendOptions) -> AsyncIterator[BackupTarget]:
    """Yield a folder for copies, of this machine or at a `gs://` address."""
    if not folder.startswith("gs://"):

        async def store(path: Path) -> None:
            await asyncio.to_thread(copy_private, path, Path(folder))

        async def names() -> list[str]:
            return await asyncio.to_thread(os.listdir, folder)

        yield BackupTarget(store, names)
        return
    storage = options.storage(options.credentials())
    try:
        yield BackupTarget(partial(_upload, storage, folder), partial(_names, storage, folder))
    finally:
        await storage.close()


async def _upload(storage: CloudStorage, folder: str, path: Path) -> None:
    """Store the file under its own name in `folder`, a `gs://` address. Raises GoogleError.

    Raises BadArgument for a folder that is no `gs://` address.
    """
    target = GcsObject.parse(f"{folder.rstrip('/')}/{path.name}")
    await storage.upload(target, _chunks_of(path))


async def _names(storage: CloudStorage, folder: str) -> list[str]:
    """Return the names of the files in `folder`, a `gs://` address. Raises GoogleError, BadArgument."""
    parsed = GcsObject.parse(f"{folder.rstrip('/')}/tunebot-")
    return [file.name.rpartition("/")[2] async for file in storage.list(parsed.bucket, parsed.name)]


async def _chunks_of(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
