"""Uploads, reads and deletes objects of Cloud Storage over its JSON API; uploads and reads resume after an error.

It never creates or changes a bucket; what Google says of one is read in `bucket_checks`. The URL of an upload's
session works without credentials, so it reaches neither a log nor an error.
Source: https://cloud.google.com/storage/docs/performing-resumable-uploads and the discovery document storage v1,
revision 20261009.
"""

import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import httpx

from bot.backends.google.bucket_checks import BucketChecks, no_bucket
from bot.backends.google.connections import Pool
from bot.backends.google.error_hints import TRY_LATER
from bot.backends.google.google_errors import NETWORK_ERRORS, READ_AGAIN, decode_answer, network_error, not_json
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import integer, records, text, timestamp
from bot.domain.leftovers import StoredFile
from bot.errors import (
    BadArgument,
    GoogleError,
    GoogleUnavailable,
    NotFoundAtGoogle,
)

logger = logging.getLogger(__name__)

STORAGE_URL: Final = "https://storage.googleapis.com"
# The folder of a bucket in which the bot keeps its copies of people's files.
ROLES: Final = "Storage Object Admin on the bucket"
# Google takes multiples of 256 KiB. While a chunk is sent, several copies of it are in memory.
CHUNK: Final = 2 * 1024 * 1024
JSONL_TYPE: Final = "application/jsonl"
_CHUNK_UNIT: Final = 256 * 1024
_PIECE: Final = 64 * 1024
_INCOMPLETE: Final = 308
_LIST_FIELDS: Final = "items(name,size,timeCreated),nextPageToken"


@dataclass(frozen=True, slots=True)
class GcsObject:
    """The name of an object, `gs://bucket/name`."""

    bucket: str
    name: str

    @classmethod
    def parse(cls, uri: str) -> "GcsObject":
        """Parse a gs:// URI. Raises BadArgument for anything that does not name one object."""
        found = re.fullmatch(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/([^\r\n\x00]{1,1024})", uri.strip())
        if found is None or found[2].endswith("/") or found[2] in (".", ".."):
            raise BadArgument(
                f"{uri!r} is not the address of a Cloud Storage file.",
                "It looks like gs://my-bucket/folder/train.jsonl.",
                field="file",
            )
        return cls(*found.groups())

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.name}"


class CloudStorage:
    """Reads and writes objects of any bucket that the credentials may use; an upload buffers `chunk` bytes."""

    def __init__(self, http: GoogleHttp, base_url: str = "", chunk: int = CHUNK) -> None:
        if chunk % _CHUNK_UNIT:
            raise ValueError("chunk must be a multiple of 256 KiB")
        self._http = http
        self._base = (base_url or STORAGE_URL).rstrip("/")
        self._chunk = chunk
        self.buckets = BucketChecks(http, self._base)

    async def close(self) -> None:
        await self._http.close()

    async def upload(
        self, target: GcsObject, chunks: AsyncIterator[bytes], content_type: str = JSONL_TYPE
    ) -> None:
        """Store an object of any length. Raises GoogleError or what `chunks` raises; then nothing is stored."""
        upload = _Upload(self._http, await self._start_session(target, content_type), content_type)
        async with aclosing(_in_chunks_of(chunks, self._chunk)) as parts:
            async for part, last in parts:
                await upload.append(part, last)

    async def delete(self, target: GcsObject) -> None:
        """Delete an object; a missing one is no error."""
        try:
            await self._http.change("DELETE", self._url(target))
        except NotFoundAtGoogle:
            return

    async def list(self, bucket: str, prefix: str) -> AsyncGenerator[StoredFile, None]:
        """Yield every object whose name begins with the prefix, named by its address. Raises GoogleError."""
        token, read = "", set[str]()
        while True:
            query = {"prefix": prefix, "fields": _LIST_FIELDS, **({"pageToken": token} if token else {})}
            try:
                page = await self._http.read(f"{self._bucket_url(bucket)}/o", query)
            except NotFoundAtGoogle as error:
                raise no_bucket(bucket, error) from error
            for found in records(page.get("items")):
                name = str(GcsObject(bucket, text(found.get("name"))))
                yield StoredFile(name, "", integer(found.get("size")) or 0, timestamp(found.get("timeCreated")))
            following = text(page.get("nextPageToken"))
            # A list whose tokens lead back to an earlier page would never end.
            if not following or following in read:
                return
            read.add(following)
            token = following

    async def describe(self, target: GcsObject) -> tuple[int, str]:
        """Return an object's size in bytes and its generation. Raises GoogleError."""
        found = await self._http.read(self._url(target), {"fields": "size,generation"})
        return integer(found.get("size")) or 0, text(found.get("generation"))

    async def read(self, target: GcsObject) -> AsyncGenerator[bytes, None]:
        """Yield an object's bytes, all of one generation, also after broken connections. Raises GoogleError."""
        size, generation = await self.describe(target)
        start = failures = 0
        while start < size:
            before = start
            try:
                response = await self._open_from(target, generation, start)
                try:
                    # No chunk size here: httpx would drop what it received before the connection broke.
                    async for chunk in response.aiter_raw():
                        start += len(chunk)
                        yield chunk
                finally:
                    await response.aclose()
                problem = GoogleUnavailable(f"{target} could not be read to its end.", TRY_LATER)
            except NETWORK_ERRORS as error:
                problem = network_error(error)
            except GoogleUnavailable as error:
                problem = error
            if start == size:
                return
            failures = 1 if start > before else failures + 1
            if failures >= self._http.retry_policy.attempts:
                raise problem
            await self._http.retry_policy.wait(failures)

    async def _open_from(self, target: GcsObject, generation: str, start: int) -> httpx.Response:
        """Open the object's bytes from `start` on; the caller closes the response. Raises GoogleError."""
        headers = {"accept-encoding": "identity", **({"range": f"bytes={start}-"} if start else {})}
        params = {"alt": "media", **({"generation": generation} if generation else {})}
        try:
            response = await self._http.open_stream("GET", self._url(target), params=params, headers=headers)
        except NETWORK_ERRORS as error:
            raise network_error(error) from error
        if response.status_code == (httpx.codes.PARTIAL_CONTENT if start else httpx.codes.OK):
            return response
        try:
            await response.aread()
        finally:
            await response.aclose()
        if response.is_success:
            raise GoogleUnavailable(f"{target} cannot be read from the middle on.", "Try again.")
        raise self._http.error_for(response)

    async def _start_session(self, target: GcsObject, content_type: str) -> str:
        """Start a resumable upload; returns the URL of its session."""
        url = f"{self._base}/upload/storage/v1/b/{quote(target.bucket, safe='')}/o"
        try:
            response = await self._http.send(
                "POST",
                url,
                params={"uploadType": "resumable", "name": target.name},
                body={"contentType": content_type},
                headers={"x-upload-content-type": content_type},
                pool=Pool.FILES,
            )
        except NETWORK_ERRORS as error:
            raise network_error(error) from error
        if not response.is_success:
            rejected = self._http.error_for(response)
            raise no_bucket(target.bucket, rejected) if isinstance(rejected, NotFoundAtGoogle) else rejected
        session = response.headers.get("location", "")
        if not session:
            raise GoogleUnavailable("Cloud Storage started no upload.", TRY_LATER)
        try:
            return str(httpx.URL(self._base).join(session))
        except httpx.InvalidURL as error:
            raise network_error(error) from error

    def _url(self, target: GcsObject) -> str:
        return f"{self._bucket_url(target.bucket)}/o/{quote(target.name, safe='')}"

    def _bucket_url(self, bucket: str) -> str:
        return self.buckets.url(bucket)


class _Upload:
    """One resumable upload; it knows how many bytes Google has stored."""

    def __init__(self, http: GoogleHttp, session: str, content_type: str) -> None:
        self._content_type = content_type
        self._http = http
        self._session = session
        self._stored = 0

    async def append(self, data: bytes, last: bool) -> None:
        """Send these bytes until Google has stored all; `last` ends the upload, which creates the object."""
        begin, end = self._stored, self._stored + len(data)
        total = str(end) if last else "*"
        failures = 0
        asks_status = False
        while True:
            rest = b"" if asks_status else data[self._stored - begin :]
            span = f"{self._stored}-{end - 1}" if rest else "*"
            try:
                response = await self._put(rest, f"bytes {span}/{'*' if asks_status else total}")
            except NETWORK_ERRORS as error:
                problem: GoogleError = network_error(error)
            else:
                if last and _is_stored(response, end):
                    return
                if response.is_success:
                    # Only Google's own answer counts: what something else took would be missing in the file.
                    problem = not_json(response.status_code)
                elif response.status_code == _INCOMPLETE:
                    moved = self._update_stored(response, begin, end)
                    failures = 0 if moved else failures
                    if self._stored == end and not last:
                        return
                    if moved or asks_status:
                        asks_status = False
                        continue
                    problem = GoogleUnavailable("Cloud Storage stores no more of the upload.", TRY_LATER)
                elif response.status_code in READ_AGAIN:
                    problem = self._http.error_for(response)
                else:
                    raise self._http.error_for(response)
            failures += 1
            if failures >= self._http.retry_policy.attempts:
                raise problem
            await self._http.retry_policy.wait(failures)
            # Some of the bytes may have arrived, so the next request asks Google how many it has stored.
            asks_status = True

    def _update_stored(self, response: httpx.Response, begin: int, end: int) -> bool:
        """Read how many bytes Google has stored; returns whether they are more. Raises GoogleUnavailable."""
        found = re.fullmatch(r"bytes=0-(\d+)", response.headers.get("range", ""))
        stored = int(found[1]) + 1 if found else 0
        if not begin <= stored <= end:
            raise GoogleUnavailable("Cloud Storage lost a part of the upload.", TRY_LATER)
        moved = stored > self._stored
        self._stored = stored
        return moved

    async def _put(self, data: bytes, content_range: str) -> httpx.Response:
        # The session's URL is enough for Google. The token is not sent, because the URL may name any host.
        return await self._http.upload_client.put(
            self._session,
            # httpx keeps a request in memory until the garbage collector runs, but not the pieces that were sent.
            content=_pieces_of(data),
            headers={
                "content-length": str(len(data)),
                "content-range": content_range,
                "content-type": self._content_type,
            },
            timeout=httpx.Timeout(self._http.retry_policy.generation, connect=self._http.retry_policy.connect),
        )


def _is_stored(response: httpx.Response, size: int) -> bool:
    """Return whether Google says that it has stored an object of so many bytes."""
    if not response.is_success:
        return False
    try:
        return integer(decode_answer(response.content).get("size")) == size
    except GoogleUnavailable:
        return False


async def _in_chunks_of(chunks: AsyncIterator[bytes], size: int) -> AsyncGenerator[tuple[bytes, bool], None]:
    """Yield the same bytes in parts of `size`; True marks the last part, which may be shorter or empty."""
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        while len(buffer) > size:
            yield bytes(buffer[:size]), False
            del buffer[:size]
    yield bytes(buffer), True


async def _pieces_of(data: bytes) -> AsyncGenerator[bytes, None]:
    """Yield the bytes in pieces; a generator that has ended keeps none of them in memory."""
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]
