"""Pictures that lie beside the rows of a training file, in one zip: their names, their kinds and their limits.

What a picture is, its first bytes say and not its name. Nothing is unpacked to a disk.
Sources: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/models/tune_gemini/image_tune for the limits,
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/image-understanding for the kinds.
"""

import posixpath
import re
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from bot.datasets.findings.collector import Problem

PICTURE_NAMES: Final = (
    *(".png", ".jpg", ".jpeg", ".webp", ".heic", ".heif"),
    *(".gif", ".bmp", ".tif", ".tiff", ".svg", ".avif"),
)
MOST_PICTURES: Final = 10_000
MOST_IN_A_ROW: Final = 30
MOST_BYTES: Final = 20 * 1024 * 1024
_MOST_IN_ALL: Final = 4 * 1024**3
_HEAD: Final = 16
# A picture is packed already: what unpacks to so many times its size is no picture.
_MOST_UNPACKED, _UNSUSPICIOUS = 100, 16 * 1024 * 1024
_LONGEST_NAME: Final = 500
_OUTSIDE: Final = re.compile(r"^/|\\|[\x00-\x1f:]|(?:^|/)\.\.(?:/|$)")
_HEIF: Final = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis"), "image/heic"),
    **dict.fromkeys((b"mif1", b"heif"), "image/heif"),
}


class PictureFile(msgspec.Struct, frozen=True):
    """A picture of a zip. `mime` is empty where it is no picture that Gemini takes; `size` is in bytes."""

    mime: str
    size: int


class Picture(msgspec.Struct, frozen=True):
    """A picture with its bytes; `name` is its path in the zip."""

    name: str
    mime: str
    content: bytes


def mime_of(head: bytes) -> str:
    """Return the kind of a picture by its first bytes, empty for one that Gemini does not take."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return _HEIF.get(head[8:12], "") if head[4:8] == b"ftyp" else ""


def relative_name(address: str) -> str:
    """Return the path of a picture beside its rows; empty for an address, or for a path that leads elsewhere."""
    if not address or len(address) > _LONGEST_NAME or _OUTSIDE.search(address):
        return ""
    name = posixpath.normpath(address)
    return "" if name == "." else name


def find_picture(name: str, data_name: str, known: Collection[str]) -> str:
    """Return which of the known paths a row means: beside the rows, from the zip's root on, or by its last word.

    The last counts only where no picture lies in a folder, as where they were attached one by one.
    """
    beside = posixpath.join(posixpath.dirname(data_name), name)
    for path in (beside, name):
        if path in known:
            return path
    last = posixpath.basename(name)
    return last if last in known and not any("/" in path for path in known) else ""


class PictureFolder:
    """Takes the pictures of a zip one after the other; with `keep` also their bytes, see `take`."""

    def __init__(self, *, keep: bool = False) -> None:
        self.files: dict[str, PictureFile] = {}
        self._keep = keep
        self._name = ""
        self._head = b""
        self._size = self._total = 0
        self._content: list[bytes] = []
        self._taken: list[Picture] = []

    def begin(self, path: str) -> Problem | None:
        """Begin with the next picture; return why the zip cannot be read, or None."""
        name = relative_name(path)
        if not name:
            return Problem("broken-zip", detail=f"it names {path[:60]!r}, which leads out of the zip")
        if name in self.files:
            return Problem("broken-zip", detail=f"two of its files are called {name[:60]}")
        if len(self.files) >= MOST_PICTURES:
            return Problem("broken-zip", detail=f"it holds more than {MOST_PICTURES:,} pictures")
        self._name, self._head, self._size, self._content = name, b"", 0, []
        return None

    def add(self, piece: bytes, read: int) -> Problem | None:
        """Add unpacked bytes of the picture; `read` counts the bytes of the zip so far."""
        self._head += piece[: _HEAD - len(self._head)]
        self._size += len(piece)
        self._total += len(piece)
        if self._keep and self._size <= MOST_BYTES:
            self._content.append(piece)
        if self._total > _MOST_IN_ALL or self._total > max(_UNSUSPICIOUS, _MOST_UNPACKED * read):
            return Problem("broken-zip", detail="its pictures unpack to far too much")
        return None

    def end(self) -> None:
        """End the picture."""
        mime = mime_of(self._head)
        self.files[self._name] = PictureFile(mime, self._size)
        if self._keep and mime and self._size <= MOST_BYTES:
            self._taken.append(Picture(self._name, mime, b"".join(self._content)))
        self._content = []

    def take(self) -> Iterator[Picture]:
        """Yield each whole picture once, those that Gemini takes."""
        taken, self._taken = self._taken, []
        yield from taken
