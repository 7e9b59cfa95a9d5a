"""Stores in the bucket what a tuning job reads, lists and deletes it: rows, and the pictures that they show.

All files of one start lie in one folder that is named by the job's key, so no other job needs any of them.
"""

import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from bot.backends.google.cloud_storage import CloudStorage, GcsObject
from bot.domain.gs_addresses import OWN_FOLDER
from bot.domain.leftovers import StoredFile
from bot.errors import BadArgument, BotError
from bot.ports.backends import PictureToStore

logger = logging.getLogger(__name__)

_ENDINGS: Final = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/heic": "heic",
    "image/heif": "heif",
}
_NAME: Final = re.compile(
    rf"gs://[^/]+/{OWN_FOLDER}(tb-[^/]+)/"
    r"(?:(?:training|validation)\.jsonl|pictures/[0-9a-f]{64}\.[a-z]{3,4})"
)


class StartFiles:
    """The bot's folder in the bucket."""

    def __init__(self, storage: CloudStorage, bucket: str) -> None:
        self._storage = storage
        self._bucket = bucket

    async def store(self, rows: AsyncIterator[bytes], key: str, kind: str, stored: list[GcsObject]) -> str:
        """Upload rows; return their address and append it to `stored`. Raises GoogleError."""
        target = GcsObject(self._bucket, f"{OWN_FOLDER}{key}/{kind}.jsonl")
        await self._storage.upload(target, rows)
        stored.append(target)
        return str(target)

    async def store_pictures(
        self,
        pictures: AsyncGenerator[PictureToStore, None],
        key: str,
        stored: list[GcsObject],
        addresses: dict[str, str],
    ) -> None:
        """Upload each picture once, also over a start that was cut off, and note where. Raises GoogleError."""
        folder = f"{OWN_FOLDER}{key}/pictures/"
        there = {each.name: each.size async for each in self._storage.list(self._bucket, folder)}
        async with aclosing(pictures):
            async for picture in pictures:
                if picture.sha256 in addresses:
                    continue
                target = GcsObject(self._bucket, f"{folder}{picture.sha256}.{_ENDINGS[picture.mime]}")
                stored.append(target)
                if there.get(str(target)) != len(picture.content):
                    await self._storage.upload(target, _in_one_chunk(picture.content), picture.mime)
                addresses[picture.sha256] = str(target)

    async def discard(self, stored: Sequence[GcsObject]) -> None:
        """Delete files of which no job was started; never raises."""
        for target in stored:
            try:
                await self._storage.delete(target)
            except BotError as error:
                # The caller raises why no job was started, which matters more; a file that stays does no harm.
                logger.warning("%s could not be deleted: %s", target, error)

    async def all(self) -> Sequence[StoredFile]:
        """Return all files of the folder with the key of their job, empty where none of ours has the name."""
        found = [each async for each in self._storage.list(self._bucket, OWN_FOLDER)]
        return [replace(each, key=key_of(each.name)) for each in found]

    async def delete(self, name: str) -> None:
        """Delete a file of a start. Raises BadArgument for any other file, GoogleError."""
        target = GcsObject.parse(name)
        if target.bucket != self._bucket or not key_of(name):
            raise BadArgument(f"{name!r} is not a file of the bot's own.")
        await self._storage.delete(target)


async def _in_one_chunk(content: bytes) -> AsyncIterator[bytes]:
    yield content


def key_of(name: str) -> str:
    """Return the job's key in the address of a file of its start, empty for any other address."""
    found = _NAME.fullmatch(name)
    return found[1] if found else ""
