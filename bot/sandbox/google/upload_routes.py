"""Cloud Storage's uploads: resumable in chunks as the bot sends them, and multipart as Google's own client does.

Content goes to a file as it arrives. A resumable upload keeps what came before a broken connection, down to a
whole 256 KiB, and tells how far it is when asked.
"""

import re
import secrets
from typing import Any
from urllib.parse import quote

from aiohttp import BodyPartReader, MultipartReader, web

from bot.sandbox.google.object_routes import SERVICE
from bot.sandbox.google.router import Call, Router, answer, parse_json
from bot.sandbox.google.rpc_status import GoogleError, not_found
from bot.sandbox.google.stored_objects import Buckets, StoredObject, Upload

QUANTUM = 256 * 1024
OCTETS = "application/octet-stream"
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


class UploadRoutes:
    """objects insert in two of its ways."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    def register(self, router: Router) -> None:
        """Bind the upload path, with and without `/resumable` before it."""
        path = r"(/resumable)?/upload/storage/v1/b/(?P<bucket>[^/]+)/o"
        for method, handler in (("POST", self.post), ("PUT", self.put)):
            router.add(method, path, handler, need="storage", body="stream", query=None, service=SERVICE)

    async def post(self, call: Call) -> web.Response:
        """Begin a resumable upload, or take a whole object at once."""
        bucket = call.arguments["bucket"]
        if "storage.objects.create" not in self._buckets.settings(bucket).permissions:
            raise GoogleError(
                403,
                "The account does not have storage.objects.create access to the Google Cloud Storage object. "
                "Permission 'storage.objects.create' denied on resource (or it may not exist).",
            )
        kind = call.query.get("uploadType", "")
        match kind:
            case "resumable" if "upload_id" in call.request.query:
                return await self.put(call)
            case "resumable":
                return await self._begin(call, bucket)
            case "multipart":
                return await self._multipart(call, bucket)
        raise GoogleError(400, f"Unknown upload type: '{kind}'")

    async def put(self, call: Call) -> web.Response:
        """Take a chunk of a resumable upload, or tell how far it is."""
        upload = self._upload(call)
        if upload.stored is not None:
            return answer(upload.stored.view(call.base_url))
        header = call.request.headers.get("Content-Range")
        if header is None:
            start, total = 0, call.request.content_length
        else:
            found = CONTENT_RANGE.fullmatch(header)
            if found is None:
                raise GoogleError(400, f"Failed to parse Content-Range header: {header}")
            total = None if found[3] == "*" else int(found[3])
            if found[1] is None:
                return self._complete(call, upload) if total == upload.received else _incomplete(upload)
            start = int(found[1])
        if start > upload.received:
            raise GoogleError(
                400,
                f"Invalid request.  According to the Content-Range header, the upload offset is {start} byte(s), "
                f"which exceeds already uploaded size of {upload.received} byte(s).",
            )
        await self._append(call, upload, start)
        if total is None and header is None:
            total = upload.received
        if total is not None and upload.received >= total:
            return self._complete(call, upload)
        if upload.received % QUANTUM:
            kept = upload.received - upload.received % QUANTUM
            _truncate(upload, kept)
            raise GoogleError(
                400,
                "Invalid request.  The number of bytes uploaded is required to be equal or greater than "
                "262144, except for the final request (it's recommended to be the exact multiple of 262144).  "
                f"The received request contained {upload.received} bytes, which does not meet this requirement.",
            )
        return _incomplete(upload)

    async def _begin(self, call: Call, bucket: str) -> web.Response:
        metadata: dict[str, Any] = parse_json(await call.request.read()) or {}
        name = call.query.get("name") or metadata.get("name", "")
        if not name:
            raise GoogleError(400, "Required parameter: name")
        upload = Upload(
            id=secrets.token_urlsafe(32),
            bucket=bucket,
            name=name,
            content_type=metadata.get("contentType")
            or call.request.headers.get("X-Upload-Content-Type")
            or OCTETS,
            metadata=metadata.get("metadata", {}),
            path=self._buckets.new_file(),
        )
        upload.path.touch()
        self._buckets.uploads[upload.id] = upload
        session = (
            f"{call.base_url}/upload/storage/v1/b/{quote(bucket)}/o?uploadType=resumable"
            f"&name={quote(name, safe='')}&upload_id={upload.id}"
        )
        return web.Response(
            status=200, headers={"Location": session, "X-GUploader-UploadID": upload.id, "Content-Length": "0"}
        )

    async def _append(self, call: Call, upload: Upload, start: int) -> None:
        """Write what arrives after the bytes already kept; what came before a cut is kept in whole quanta."""
        skip = upload.received - start
        try:
            with upload.path.open("ab") as content:
                async for piece in call.request.content.iter_chunked(QUANTUM):
                    fresh = piece[skip:]
                    skip = max(0, skip - len(piece))
                    content.write(fresh)
                    upload.received += len(fresh)
        except OSError:
            _truncate(upload, upload.received - upload.received % QUANTUM)
            raise

    def _complete(self, call: Call, upload: Upload) -> web.Response:
        upload.stored = self._buckets.keep(
            upload.bucket, upload.name, upload.path, upload.content_type, upload.metadata
        )
        return answer(upload.stored.view(call.base_url))

    async def _multipart(self, call: Call, bucket: str) -> web.Response:
        try:
            reader = await call.request.multipart()
        except ValueError as error:
            raise GoogleError(400, "Missing end boundary in multipart body.") from error
        first = await _next_part(reader)
        metadata: dict[str, Any] = parse_json(bytes(await first.read())) or {}
        part = await _next_part(reader)
        name = metadata.get("name", "")
        if not name:
            raise GoogleError(400, "Required parameter: name")
        kind = metadata.get("contentType") or part.headers.get("Content-Type") or OCTETS
        path = self._buckets.new_file()
        with path.open("wb") as content:
            while piece := await part.read_chunk(QUANTUM):
                content.write(piece)
        stored: StoredObject = self._buckets.keep(bucket, name, path, kind, metadata.get("metadata", {}))
        return answer(stored.view(call.base_url))

    def _upload(self, call: Call) -> Upload:
        upload = self._buckets.uploads.get(call.request.query.get("upload_id", ""))
        if upload is None:
            raise not_found("No such upload session: it ended or never was.")
        return upload


def _incomplete(upload: Upload) -> web.Response:
    headers = {"X-GUploader-UploadID": upload.id}
    if upload.received:
        headers["Range"] = f"bytes=0-{upload.received - 1}"
    return web.Response(status=308, headers=headers)


def _truncate(upload: Upload, size: int) -> None:
    with upload.path.open("r+b") as content:
        content.truncate(size)
    upload.received = size


async def _next_part(reader: MultipartReader) -> BodyPartReader:
    part = await reader.next()
    if not isinstance(part, BodyPartReader):
        raise GoogleError(400, "A multipart upload has two parts: metadata and content.")
    return part
