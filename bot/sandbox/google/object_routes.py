"""Cloud Storage's JSON API: buckets, and objects' metadata, download, list and delete."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from aiohttp import web

from bot.sandbox.google.json_bodies import timestamp
from bot.sandbox.google.router import Call, Router, answer, whole_number
from bot.sandbox.google.rpc_status import GoogleError
from bot.sandbox.google.stored_objects import Buckets, StoredObject

SERVICE = "storage.googleapis.com"
PIECE = 256 * 1024


class ObjectRoutes:
    """buckets get, getIamPolicy and testIamPermissions; objects get (also its content), list, delete."""

    def __init__(self, buckets: Buckets, project_number: str) -> None:
        self._buckets = buckets
        self._number = project_number

    def register(self, router: Router) -> None:
        """Bind `/storage/v1` and, for content, `/download/storage/v1`."""
        bucket = r"/storage/v1/b/(?P<bucket>[^/]+)"
        stored = bucket + r"/o/(?P<object>[^/]+)"

        def add(method: str, pattern: str, handler: Any) -> None:
            router.add(method, pattern, handler, need="storage", query=None, service=SERVICE)

        add("GET", bucket, self.get_bucket)
        add("GET", bucket + "/iam", self.get_policy)
        add("GET", bucket + "/iam/testPermissions", self.test_permissions)
        add("GET", bucket + "/o", self.list_objects)
        add("GET", "(/download)?" + stored, self.get_object)
        add("DELETE", stored, self.delete_object)

    async def get_bucket(self, call: Call) -> web.Response:
        """Show a bucket."""
        name = call.arguments["bucket"]
        if "storage.buckets.get" not in self._buckets.settings(name).permissions:
            message = "The account does not have storage.buckets.get access to the Google Cloud Storage bucket."
            raise GoogleError(403, message)
        return answer(self._bucket_view(name, call.base_url))

    async def get_policy(self, call: Call) -> web.Response:
        """Show who may do what with a bucket."""
        settings = self._buckets.settings(call.arguments["bucket"])
        if "storage.buckets.getIamPolicy" not in settings.permissions:
            raise GoogleError(403, "The account does not have storage.buckets.getIamPolicy access to the bucket.")
        bindings = [{"role": role, "members": list(members)} for role, members in settings.policy.items()]
        return answer({"kind": "storage#policy", "version": 1, "etag": "CAE=", "bindings": bindings})

    async def test_permissions(self, call: Call) -> web.Response:
        """Answer which of the asked permissions the account has on a bucket."""
        held = self._buckets.settings(call.arguments["bucket"]).permissions
        asked = call.request.query.getall("permissions", [])
        granted = [name for name in asked if name in held]
        content: dict[str, Any] = {"kind": "storage#testIamPermissionsResponse"}
        return answer(content | ({"permissions": granted} if granted else {}))

    async def list_objects(self, call: Call) -> web.Response:
        """List objects by name, with prefix and pages."""
        prefix, after = call.query.get("prefix", ""), call.query.get("pageToken", "")
        size = whole_number(call.query, "maxResults", 1000, 1000)
        items: list[StoredObject] = []
        token = ""
        for name, stored in sorted(self._buckets.bucket(call.arguments["bucket"]).items()):
            if not name.startswith(prefix) or (after and name <= after):
                continue
            if len(items) == size:
                token = items[-1].name
                break
            items.append(stored)
        content: dict[str, Any] = {"kind": "storage#objects"}
        content |= {"items": [stored.view(call.base_url) for stored in items]} if items else {}
        return answer(content | ({"nextPageToken": token} if token else {}))

    async def get_object(self, call: Call) -> web.StreamResponse:
        """Show an object's metadata, or with `alt=media` its content, whole or a range of it."""
        stored = self._buckets.find(call.arguments["bucket"], call.arguments["object"])
        if call.query.get("alt") != "media":
            return answer(stored.view(call.base_url))
        wanted = call.request.headers.get("Range")
        start, end = _range(wanted, stored.size)
        reply = web.StreamResponse(status=200 if wanted is None else 206)
        reply.content_type = stored.content_type
        reply.content_length = end - start
        reply.headers["X-Goog-Generation"] = str(stored.generation)
        reply.headers["X-Goog-Stored-Content-Length"] = str(stored.size)
        hashes = f"md5={stored.md5}" if stored.crc32c is None else f"crc32c={stored.crc32c},md5={stored.md5}"
        reply.headers["X-Goog-Hash"] = hashes
        if wanted is not None:
            reply.headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
        await reply.prepare(call.request)
        for piece in _pieces(stored, start, end):
            await reply.write(piece)
        await reply.write_eof()
        return reply

    async def delete_object(self, call: Call) -> web.Response:
        """Delete an object."""
        self._buckets.delete(call.arguments["bucket"], call.arguments["object"])
        return web.Response(status=204)

    def _bucket_view(self, name: str, base_url: str) -> dict[str, Any]:
        now, settings = timestamp(0), self._buckets.settings(name)
        view: dict[str, Any] = {
            "kind": "storage#bucket",
            "id": name,
            "name": name,
            "selfLink": f"{base_url}/storage/v1/b/{quote(name)}",
            "projectNumber": settings.project_number or self._number,
            "location": settings.location,
            "locationType": settings.kind,
            "storageClass": "STANDARD",
            "metageneration": "1",
            "etag": "CAE=",
            "timeCreated": now,
            "updated": now,
        }
        if settings.dual_region:
            view["customPlacementConfig"] = {"dataLocations": list(settings.dual_region)}
        return view


def _range(header: str | None, size: int) -> tuple[int, int]:
    """Return the start and the end (exclusive) of a Range header.

    Raises:
        GoogleError: 416 for a range that the object doesn't have.
    """
    if header is None:
        return 0, size
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if found is None or found.groups() == ("", ""):
        raise GoogleError(416, "The requested range cannot be satisfied.")
    first, last = found.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= size or end <= start:
        raise GoogleError(416, "The requested range cannot be satisfied.")
    return start, end


def _pieces(stored: StoredObject, start: int, end: int) -> Iterator[bytes]:
    with stored.path.open("rb") as content:
        content.seek(start)
        left = end - start
        while left > 0 and (piece := content.read(min(PIECE, left))):
            left -= len(piece)
            yield piece
