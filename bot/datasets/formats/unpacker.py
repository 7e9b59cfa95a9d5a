"""Unpacks a gzip stream, or a zip with one file, a small piece at a time; other bytes pass through unchanged."""

import zlib
from collections.abc import Iterator

from bot.datasets.findings.collector import Problem
from bot.datasets.formats.json_lines import PIECE_BYTES
from bot.datasets.formats.pictures import PictureFolder
from bot.datasets.formats.zip_unpacker import ZIP, ZipUnpacker

# A gzip file can unpack to a thousand times its size.
MAX_UNPACKED_BYTES = 2 * 1024**3
_GZIP = b"\x1f\x8b"
# zlib's way to say "gzip header and trailer", see zlib.decompressobj.
_GZIP_BITS = 16 + zlib.MAX_WBITS


class Unpacker:
    """Yields pieces of at most PIECE_BYTES bytes, and nothing more once `problem` is set.

    `name` is that of the file inside of a zip, once it is known; `folder` takes the pictures beside it.
    """

    def __init__(self, folder: PictureFolder | None = None) -> None:
        self.folder = PictureFolder() if folder is None else folder
        self.problem: Problem | None = None
        self.unpacked = 0
        self._first = b""
        self._member: zlib._Decompress | None = None
        self._zip: ZipUnpacker | None = None
        self._plain = False

    @property
    def name(self) -> str:
        return self._zip.name if self._zip is not None else ""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self.problem:
            return
        if not self._plain and self._member is None and self._zip is None:
            data = self._first + data
            if len(data) < len(ZIP):
                self._first = data
                return
            self._first = b""
            self._zip = ZipUnpacker(self.folder) if data.startswith(ZIP) else None
            self._plain = not data.startswith((_GZIP, ZIP))
        if self._zip is not None:
            yield from self._unzip(self._zip, data)
        else:
            yield from self._pieces(data) if self._plain else self._gunzip(data)

    def finish(self) -> Iterator[bytes]:
        """Yield the rest, and set `problem` for a file that was cut off."""
        if self._first.startswith(_GZIP):
            yield from self._gunzip(self._first)
        elif self._first:
            yield from self._pieces(self._first)
        if self._zip is not None:
            self._zip.finish()
            self.problem = self.problem or self._zip.problem
        if self._member is not None and not self._member.eof and not self.problem:
            self.problem = Problem("broken-gzip", detail="it ends too early")

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            self.unpacked += len(piece)
            yield piece

    def _unzip(self, archive: ZipUnpacker, data: bytes) -> Iterator[bytes]:
        for piece in archive.feed(data):
            if self._count(piece):
                yield piece
        self.problem = self.problem or archive.problem

    def _gunzip(self, data: bytes) -> Iterator[bytes]:
        while data and not self.problem:
            if self._member is None or self._member.eof:
                # Padding of zeros may follow a member; another member may, too.
                data = data.lstrip(b"\0") if self._member else data
                if not data:
                    return
                self._member = zlib.decompressobj(_GZIP_BITS)
            try:
                piece = self._member.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                self.problem = Problem("broken-gzip", detail=str(error).rpartition(": ")[2])
                return
            data = self._member.unconsumed_tail or self._member.unused_data
            if piece and self._count(piece):
                yield piece

    def _count(self, piece: bytes) -> bool:
        """Count unpacked bytes; return whether they are still within the limit."""
        self.unpacked += len(piece)
        if self.unpacked > MAX_UNPACKED_BYTES:
            self.problem = Problem("file-too-large", value="unpacked", limit=MAX_UNPACKED_BYTES)
        return self.problem is None
