"""Buckets and objects of Cloud Storage, their content in files, so that a gigabyte costs no memory."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bot.sandbox.google.json_bodies import timestamp
from bot.sandbox.google.rpc_status import GoogleError, not_found

# Larger objects show no crc32c: in plain Python it would take seconds. MD5 is always shown.
CRC32C_BYTES = 1024 * 1024
NO_BUCKET = "The specified bucket does not exist."


def _crc32c_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ 0x82F63B78 if byte & 1 else byte >> 1
        table.append(byte)
    return table


CRC32C_TABLE = _crc32c_table()


def crc32c(content: bytes) -> str:
    """Return the CRC-32C (RFC 3720) as Google writes it, big endian in base64; its own client insists on it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = (crc >> 8) ^ CRC32C_TABLE[(crc ^ byte) & 0xFF]
    return base64.b64encode((crc ^ 0xFFFFFFFF).to_bytes(4, "big")).decode()


@dataclass(slots=True)
class StoredObject:
    """One object; the file `path` has its content."""

    bucket: str
    name: str
    path: Path
    size: int
    content_type: str
    created: float
    generation: int
    md5: str
    crc32c: str | None
    metadata: dict[str, str]

    def view(self, base_url: str) -> dict[str, Any]:
        """Return the object's resource as JSON."""
        path = f"/storage/v1/b/{self.bucket}/o/{quote(self.name, safe='')}"
        view: dict[str, Any] = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": base_url + path,
            "mediaLink": f"{base_url}/download{path}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": "1",
            "contentType": self.content_type,
            "storageClass": "STANDARD",
            "size": str(self.size),
            "md5Hash": self.md5,
            "etag": base64.b64encode(str(self.generation).encode()).decode(),
            "timeCreated": timestamp(self.created),
            "updated": timestamp(self.created),
            "timeStorageClassUpdated": timestamp(self.created),
        }
        if self.crc32c is not None:
            view["crc32c"] = self.crc32c
        if self.metadata:
            view["metadata"] = self.metadata
        return view


@dataclass(slots=True)
class Upload:
    """A resumable upload: `received` bytes are kept; `stored` is set once it is complete."""

    id: str
    bucket: str
    name: str
    content_type: str
    metadata: dict[str, str]
    path: Path
    received: int = 0
    stored: StoredObject | None = None


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """Where a bucket is, and what the bot's account may do there; `dual_region` names two regions, or none.

    `project_number` is empty for a bucket of the bot's own project. `policy` is who else has which role on it.
    """

    location: str = "US-CENTRAL1"
    kind: str = "region"
    dual_region: tuple[str, ...] = ()
    permissions: frozenset[str] = frozenset(
        f"storage.{name}"
        for name in ("objects.create", "objects.delete", "objects.get", "objects.list", "buckets.get")
    )
    project_number: str = ""
    policy: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Buckets:
    """All buckets; every file lies under `directory`."""

    directory: Path
    clock: Callable[[], float]
    uploads: dict[str, Upload] = field(default_factory=dict)
    _buckets: dict[str, dict[str, StoredObject]] = field(default_factory=dict)
    _settings: dict[str, BucketSettings] = field(default_factory=dict)
    _generation: int = 1_700_000_000_000_000

    def create(self, name: str, settings: BucketSettings = BucketSettings()) -> None:
        """Create an empty bucket.

        Raises:
            GoogleError: 409 when there is one of this name.
        """
        if name in self._buckets:
            raise GoogleError(
                409, "Your previous request to create the named bucket succeeded and you already own it."
            )
        self._buckets[name] = {}
        self._settings[name] = settings

    def change(self, name: str, settings: BucketSettings) -> None:
        """Change what a bucket's settings are."""
        self.bucket(name)
        self._settings[name] = settings

    def settings(self, name: str) -> BucketSettings:
        """Return a bucket's settings, or raise Google's 404."""
        self.bucket(name)
        return self._settings[name]

    def bucket(self, name: str) -> dict[str, StoredObject]:
        """Return a bucket's objects by name, or raise Google's 404."""
        if name not in self._buckets:
            raise not_found(NO_BUCKET)
        return self._buckets[name]

    def find(self, bucket: str, name: str) -> StoredObject:
        """Return an object, or raise Google's 404."""
        stored = self.bucket(bucket).get(name)
        if stored is None:
            raise not_found(f"No such object: {bucket}/{name}")
        return stored

    def read(self, bucket: str, name: str) -> bytes:
        """Return an object's whole content."""
        return self.find(bucket, name).path.read_bytes()

    def put(self, bucket: str, name: str, content: bytes, content_type: str = "application/jsonl") -> StoredObject:
        """Store a content, as if it had been uploaded."""
        path = self.new_file()
        path.write_bytes(content)
        return self.keep(bucket, name, path, content_type, {})

    def delete(self, bucket: str, name: str) -> None:
        """Delete an object."""
        self.find(bucket, name).path.unlink(missing_ok=True)
        del self._buckets[bucket][name]

    def new_file(self) -> Path:
        """Return the path of a new file to write a content to."""
        return self.directory / secrets.token_hex(12)

    def keep(
        self, bucket: str, name: str, path: Path, content_type: str, metadata: dict[str, str]
    ) -> StoredObject:
        """Make the content of a file an object; one of the same name is replaced."""
        objects = self.bucket(bucket)
        size = path.stat().st_size
        with path.open("rb") as content:
            md5 = base64.b64encode(hashlib.file_digest(content, _md5).digest()).decode()
        check = crc32c(path.read_bytes()) if size <= CRC32C_BYTES else None
        self._generation += 1
        if name in objects:
            objects[name].path.unlink(missing_ok=True)
        objects[name] = StoredObject(
            bucket=bucket,
            name=name,
            path=path,
            size=size,
            content_type=content_type,
            created=self.clock(),
            generation=self._generation,
            md5=md5,
            crc32c=check,
            metadata=metadata,
        )
        return objects[name]


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)
