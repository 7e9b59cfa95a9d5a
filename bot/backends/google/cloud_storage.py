"""Cloud Storage over its JSON API: uploads of unknown length that survive a broken connection, reads that resume.

Only what Tunebot needs; buckets are never made or changed. An upload's session address is a secret of its own
and reaches neither a log nor an error.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import httpx

from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import text, whole
from bot.backends.google.responses import unreachable
from bot.domain.place import Place
from bot.errors import (
    BadArgument,
    FileUnavailable,
    GoogleError,
    GoogleUnavailable,
    NotFoundAtGoogle,
    PermissionDenied,
)
from bot.ports.files import FileInfo

STORAGE_URL: Final = "https://storage.googleapis.com"
ROLES: Final = "Storage Object Admin on the bucket"
# A multiple of 256 KiB, as Google wants it; several copies of it are in memory at once while it is sent.
CHUNK: Final = 2 * 1024 * 1024
_GOOGLE_STEP: Final = 256 * 1024
_INCOMPLETE: Final = 308
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class GcsObject:
    """`gs://bucket/name`."""

    bucket: str
    name: str

    @classmethod
    def parse(cls, uri: str) -> "GcsObject":
        """Raises BadArgument for anything that is not the address of one object."""
        found = re.fullmatch(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/([^\r\n\x00]{1,1024})", uri.strip())
        if found is None or found[2].endswith("/") or found[2] in (".", ".."):
            raise BadArgument(
                f"{uri!r} is no address of a Cloud Storage file.",
                "It looks like gs://my-bucket/folder/train.jsonl.",
                field="file",
            )
        return cls(*found.groups())

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.name}"


class CloudStorage:
    """Objects of any bucket that the credentials may touch. `chunk` is the most that an upload buffers."""

    def __init__(self, http: GoogleHttp, base_url: str = "", chunk: int = CHUNK) -> None:
        if chunk % _GOOGLE_STEP:
            raise ValueError("chunk must be a multiple of 256 KiB")
        self._http = http
        self._base = (base_url or STORAGE_URL).rstrip("/")
        self._chunk = chunk

    async def close(self) -> None:
        await self._http.close()

    async def check_bucket(self, bucket: str) -> None:
        """Raises NotFoundAtGoogle, PermissionDenied, ... if nothing can be stored there."""
        try:
            await self._http.read(f"{self._base}/storage/v1/b/{quote(bucket, safe='')}/o", {"maxResults": 1})
        except NotFoundAtGoogle as error:
            raise _no_bucket(bucket, error) from error

    async def upload(self, target: GcsObject, chunks: AsyncIterator[bytes]) -> None:
        """Store what comes, however long it is; on any error nothing is stored."""
        upload = _Upload(self._http, await self._session(target))
        async with aclosing(_grouped(chunks, self._chunk)) as groups:
            async for group, last in groups:
                await upload.append(group, last)

    async def delete(self, target: GcsObject) -> None:
        """Delete an object; one that is not there is no error."""
        try:
            await self._http.change("DELETE", self._url(target))
        except NotFoundAtGoogle:
            return

    async def describe(self, target: GcsObject) -> tuple[int, str]:
        """An object's size in bytes and its generation. Raises GoogleError."""
        found = await self._http.read(self._url(target), {"fields": "size,generation"})
        return whole(found.get("size")) or 0, text(found.get("generation"))

    async def read(self, target: GcsObject) -> AsyncGenerator[bytes, None]:
        """An object's bytes, all of one generation; a broken connection is taken up where it broke."""
        size, generation = await self.describe(target)
        start = tries = 0
        while start < size:
            before = start
            try:
                response = await self._ranged(target, generation, start)
                try:
                    # Without a size: a chunker would swallow what came before a connection broke.
                    async for chunk in response.aiter_raw():
                        start += len(chunk)
                        yield chunk
                finally:
                    await response.aclose()
                problem = GoogleUnavailable(f"{target} broke off.", "Try again in a few minutes.")
            except httpx.RequestError as error:
                problem = unreachable(error)
            except GoogleUnavailable as error:
                problem = error
            if start == size:
                return
            tries = 1 if start > before else tries + 1
            if tries >= self._http.retry_policy.attempts:
                raise problem
            await self._http.retry_policy.pause(tries)

    async def _ranged(self, target: GcsObject, generation: str, start: int) -> httpx.Response:
        """Open the object's bytes from `start` on."""
        headers = {"accept-encoding": "identity", **({"range": f"bytes={start}-"} if start else {})}
        params = {"alt": "media", **({"generation": generation} if generation else {})}
        try:
            response = await self._http.opened(self._url(target), params, headers)
        except httpx.RequestError as error:
            raise unreachable(error) from error
        if response.status_code == (httpx.codes.PARTIAL_CONTENT if start else httpx.codes.OK):
            return response
        try:
            await response.aread()
        finally:
            await response.aclose()
        if response.is_success:
            raise GoogleUnavailable(f"{target} cannot be read from the middle.", "Try again.")
        raise self._http.refused(response)

    async def _session(self, target: GcsObject) -> str:
        """Begin a resumable upload; the address to send to comes back."""
        url = f"{self._base}/upload/storage/v1/b/{quote(target.bucket, safe='')}/o"
        try:
            response = await self._http.send(
                "POST",
                url,
                params={"uploadType": "resumable", "name": target.name},
                body={"contentType": "application/jsonl"},
                headers={"x-upload-content-type": "application/jsonl"},
            )
        except httpx.RequestError as error:
            raise unreachable(error) from error
        if not response.is_success:
            refused = self._http.refused(response)
            raise _no_bucket(target.bucket, refused) if isinstance(refused, NotFoundAtGoogle) else refused
        session = response.headers.get("location", "")
        if not session:
            raise GoogleUnavailable("Cloud Storage began no upload.", "Try again in a few minutes.")
        return str(httpx.URL(self._base).join(session))

    def _url(self, target: GcsObject) -> str:
        return f"{self._base}/storage/v1/b/{quote(target.bucket, safe='')}/o/{quote(target.name, safe='')}"


class _Upload:
    """One resumable upload: what Google has stored so far, and what it must still be given."""

    def __init__(self, http: GoogleHttp, session: str) -> None:
        self._http = http
        self._session = session
        self._stored = 0

    async def append(self, data: bytes, last: bool) -> None:
        """Send these bytes until all are stored; `last` makes the object out of everything sent."""
        begin, end = self._stored, self._stored + len(data)
        total = str(end) if last else "*"
        tries = 0
        asking = False
        while True:
            rest = b"" if asking else data[self._stored - begin :]
            span = f"{self._stored}-{end - 1}" if rest else "*"
            try:
                response = await self._put(rest, f"bytes {span}/{'*' if asking else total}")
            except httpx.RequestError as error:
                problem: GoogleError = unreachable(error)
            else:
                if response.is_success:
                    return
                if response.status_code == _INCOMPLETE:
                    moved = self._take_stock(response, begin, end)
                    tries = 0 if moved else tries
                    if self._stored == end and not last:
                        return
                    if moved or asking:
                        asking = False
                        continue
                    problem = GoogleUnavailable("The upload does not move on.", "Try again in a few minutes.")
                elif response.status_code in _PASSING:
                    problem = self._http.refused(response)
                else:
                    raise self._http.refused(response)
            tries += 1
            if tries >= self._http.retry_policy.attempts:
                raise problem
            await self._http.retry_policy.pause(tries)
            # What of it arrived is unknown now; Google tells.
            asking = True

    def _take_stock(self, response: httpx.Response, begin: int, end: int) -> bool:
        """Note how much Google has stored; returns whether that is more than was known."""
        found = re.fullmatch(r"bytes=0-(\d+)", response.headers.get("range", ""))
        stored = int(found[1]) + 1 if found else 0
        if not begin <= stored <= end:
            raise GoogleUnavailable("Cloud Storage lost a part of the upload.", "Try again in a few minutes.")
        moved = stored > self._stored
        self._stored = stored
        return moved

    async def _put(self, data: bytes, content_range: str) -> httpx.Response:
        # The session's address is the authority here: the token stays at home, whatever host it names.
        return await self._http.client.put(
            self._session,
            content=data,
            headers={"content-range": content_range, "content-type": "application/jsonl"},
            timeout=httpx.Timeout(self._http.retry_policy.generation, connect=self._http.retry_policy.connect),
        )


class GcsFiles:
    """FileReader for `gs://` addresses. Everybody sees what the bot's account may read."""

    def __init__(self, storage: CloudStorage) -> None:
        self._storage = storage

    async def close(self) -> None:
        await self._storage.close()

    async def describe(self, place: Place, user: str, location: str) -> FileInfo:
        """See FileReader. Raises BadArgument for what is no address of a file."""
        target = GcsObject.parse(location)
        with _unavailable(target):
            size, generation = await self._storage.describe(target)
        return FileInfo(str(target), target.name.rpartition("/")[2], size, version=generation)

    async def read(self, place: Place, user: str, location: str) -> AsyncGenerator[bytes, None]:
        """See FileReader."""
        target = GcsObject.parse(location)
        with _unavailable(target):
            async with aclosing(self._storage.read(target)) as chunks:
                async for chunk in chunks:
                    yield chunk


@contextmanager
def _unavailable(target: GcsObject) -> Iterator[None]:
    """Say of a file that cannot be had, which one and what to do."""
    try:
        yield
    except NotFoundAtGoogle as error:
        raise FileUnavailable(f"There is no file at {target}.", "Check the address.") from error
    except PermissionDenied as error:
        raise FileUnavailable(
            f"The bot may not read {target}.",
            "Ask an administrator to give the bot's account Storage Object Viewer on the bucket.",
        ) from error


async def _grouped(chunks: AsyncIterator[bytes], size: int) -> AsyncGenerator[tuple[bytes, bool], None]:
    """The same bytes in groups of `size`, the last one shorter or empty and marked as the last."""
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        while len(held) > size:
            yield bytes(held[:size]), False
            del held[:size]
    yield bytes(held), True


def _no_bucket(bucket: str, error: GoogleError) -> NotFoundAtGoogle:
    return NotFoundAtGoogle(
        f"There is no bucket {bucket!r} that the bot can see.",
        "Ask an administrator to make it, or to set TUNEBOT_BUCKET to one that exists.",
        status=error.status,
        http_status=error.http_status,
    )
