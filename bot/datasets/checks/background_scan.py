"""Hashes the file and looks for personal data beside the decoding of rows, on a second core where there is one.

Both let go of Python's lock while they work, but wait for it before and after each call. Only few and large calls
are worth that, so that files of a few megabytes never start a thread.
"""

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from bot.datasets.checks.personal_data import PersonalData
from bot.datasets.formats.json_lines import Block

_AT_ONCE = 4 * 1024 * 1024
# Calls that may wait; bounds memory.
_AHEAD = 1


class BackgroundScan:
    """Does its work in order, now or later. Its thread ends with `finish`, or when the object is dropped."""

    def __init__(self) -> None:
        self.personal = PersonalData()
        self._sha256 = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._raws: list[bytes] = []
        self._held = 0
        self._first = self._next = 0
        self._executor: ThreadPoolExecutor | None = None
        self._running: deque[Future[None]] = deque()

    def hash(self, piece: bytes) -> None:
        """The file's next bytes, as they came."""
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held >= _AT_ONCE:
            self._hand_over()

    def scan(self, block: Block) -> None:
        """The file's next rows."""
        if block.first != self._next and self._raws:
            self._hand_over()
        if not self._raws:
            self._first = block.first
        self._next = block.first + block.count
        self._raws.append(block.raw if block.raw.endswith(b"\n") else block.raw + b"\n")
        self._held += len(block.raw)

    def finish(self) -> str:
        """Wait for everything; the SHA-256 of the whole file."""
        self._wait(0)
        self._work(*self._take())
        if self._executor is not None:
            self._executor.shutdown()
        return self._sha256.hexdigest()

    def _hand_over(self) -> None:
        large = self._held >= _AT_ONCE
        work = self._take()
        if not large:
            self._wait(0)
            self._work(*work)
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="dataset")
        self._running.append(self._executor.submit(self._work, *work))
        self._wait(_AHEAD)

    def _take(self) -> tuple[bytes, bytes, int]:
        data, raw = b"".join(self._pieces), b"".join(self._raws)
        self._pieces, self._raws, self._held = [], [], 0
        return data, raw, self._first

    def _work(self, data: bytes, raw: bytes, first: int) -> None:
        self._sha256.update(data)
        self.personal.scan(raw, first)

    def _wait(self, allowed: int) -> None:
        while len(self._running) > allowed:
            self._running.popleft().result()
