"""Unpacks a zip archive that holds one file of rows, and maybe pictures beside it, as a stream.

A zip's table of contents is at its end, but each file has a header of its own in front of it, which is enough to
read the first one. Source: APPNOTE.TXT of PKWARE, sections 4.3.7 (local file header) and 4.3.9 (data descriptor).
"""

import struct
import zlib
from collections.abc import Iterator

from bot.datasets.findings.collector import Problem
from bot.datasets.formats.json_lines import PIECE_BYTES
from bot.datasets.formats.pictures import PICTURE_NAMES, PictureFolder

ZIP = b"PK\x03\x04"
_HEADER = struct.Struct("<4sHHHHHIIIHH")
_STORED, _DEFLATED, _ENCRYPTED, _SIZES_FOLLOW = 0, 8, 1, 8
_OFFICE = ("[Content_Types].xml", "_rels/")
_APPLE = (".iwa", "Index.zip")
# What macOS and Windows put beside a file.
_IGNORED = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


class ZipUnpacker:
    """Yields the bytes of the one file in pieces of at most PIECE_BYTES. Nothing follows once `problem` is set.

    The pictures beside it are put into `folder`.
    """

    def __init__(self, folder: PictureFolder) -> None:
        self.problem: Problem | None = None
        self._folder = folder
        self._in_picture = False
        self._read = 0
        self.name = ""
        self._held = b""
        self._inflate: zlib._Decompress | None = None
        self._left = 0
        self._ignoring = False
        self._between = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._read += len(data)
        data = self._held + data
        self._held = b""
        while data and not self.problem:
            if self._between:
                data = self._begin(data)
                continue
            if self._inflate is None:
                piece, data = data[: min(self._left, PIECE_BYTES)], data[min(self._left, PIECE_BYTES) :]
                self._left -= len(piece)
                self._between = not self._left
            else:
                try:
                    piece = self._inflate.decompress(data, PIECE_BYTES)
                except zlib.error:
                    self.problem = Problem("broken-zip", detail="its bytes are damaged")
                    return
                data = self._inflate.unconsumed_tail or self._inflate.unused_data
                self._between = self._inflate.eof
            if self._in_picture:
                self.problem = self.problem or self._folder.add(piece, self._read)
                self._end_picture()
            elif piece and not self._ignoring:
                yield piece

    def finish(self) -> None:
        """Set `problem` where the archive was cut off or holds no file."""
        if self.problem:
            return
        if not self._between or not self.name:
            self.problem = Problem("broken-zip", detail="it ends too early" if self.name else "it holds no file")

    def _begin(self, data: bytes) -> bytes:
        """Read the next header; return what follows it, or nothing while it is not complete."""
        at = data.find(b"PK")
        if at < 0:
            self._held = data[-1:]
            return b""
        data = data[at:]
        if len(data) < 4:
            self._held = data
            return b""
        if data[:4] != ZIP:
            # A data descriptor, or the table of contents: no further header may follow.
            return data[2:]
        if len(data) < _HEADER.size:
            self._held = data
            return b""
        _, _, flags, method, _, _, _, packed, _, name_size, extra_size = _HEADER.unpack_from(data)
        end = _HEADER.size + name_size + extra_size
        if len(data) < end:
            self._held = data
            return b""
        name = data[_HEADER.size : _HEADER.size + name_size].decode("utf-8", "replace")
        self._ignoring = name.endswith("/") or any(part in name for part in _IGNORED)
        self._in_picture = not self._ignoring and name.lower().endswith(PICTURE_NAMES)
        if not self._ignoring:
            self._take(name, flags, method)
            if self.problem:
                return b""
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS) if method == _DEFLATED else None
        self._left = packed
        self._between = self._inflate is None and not packed
        self._end_picture()
        return data[end:]

    def _end_picture(self) -> None:
        if self._in_picture and self._between:
            self._folder.end()
            self._in_picture = False

    def _take(self, name: str, flags: int, method: int) -> None:
        if name == "mimetype":
            self.problem = Problem("not-a-text-file", detail="a file of LibreOffice or an e-book")
        elif name.startswith(_OFFICE):
            self.problem = Problem("not-a-text-file", detail="an Excel or Office file")
        elif name.endswith(_APPLE):
            self.problem = Problem("not-a-text-file", detail="a file of Numbers or Pages")
        elif self.name and not self._in_picture:
            self.problem = Problem("several-files", value=f"{self.name}, {name}")
        elif flags & _ENCRYPTED:
            self.problem = Problem("broken-zip", detail="it is encrypted")
        elif method not in (_STORED, _DEFLATED) or (method == _STORED and flags & _SIZES_FOLLOW):
            self.problem = Problem("broken-zip", detail="it is packed in a way that cannot be read as it comes")
        elif self._in_picture:
            self.problem = self._folder.begin(name)
        if not self._in_picture:
            self.name = self.name or name


def stored_header(name: str, size: int) -> bytes:
    """Return what stands in front of a file's bytes in a zip that packs nothing."""
    path = name.encode()
    return _HEADER.pack(ZIP, 20, 1 << 11, _STORED, 0, 0, 0, size, size, len(path), 0) + path
