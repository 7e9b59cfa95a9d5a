"""Hashes the file and looks for personal data in a second thread, while the first one decodes rows.

Both release Python's global lock while they work, but wait for it before and after each call. This pays only for
few and large calls, so files of a few megabytes never start a thread.
"""

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from bot.datasets.checks.personal_data import PersonalData
from bot.datasets.formats.json_lines import Block

_SCAN_BYTES = 4 * 1024 * 1024
# Calls that may wait in the queue; this bounds memory.
_MAX_QUEUED = 1


class BackgroundScan:
    """Does its work in order, at once or later. Its thread ends with `finish`, or when the object is deleted."""

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
        """Hash the file's next bytes, as they came."""
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held >= _SCAN_BYTES:
            self._start()

    def scan(self, block: Block) -> None:
        """Search the file's next rows."""
        if block.first != self._next and self._raws:
            self._start()
        if not self._raws:
            self._first = block.first
        self._next = block.first + block.count
        self._raws.append(block.raw if block.raw.endswith(b"\n") else block.raw + b"\n")
        self._held += len(block.raw)
        # A table's rows are many times longer as JSON than the bytes that were hashed.
        if self._held >= _SCAN_BYTES:
            self._start()

    def finish(self) -> str:
        """Wait for all work and return the SHA-256 of the file."""
        self._wait(0)
        self._work(*self._pop())
        if self._executor is not None:
            self._executor.shutdown()
        return self._sha256.hexdigest()

    def _start(self) -> None:
        large = self._held >= _SCAN_BYTES
        work = self._pop()
        if not large:
            self._wait(0)
            self._work(*work)
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="dataset")
        self._running.append(self._executor.submit(self._work, *work))
        self._wait(_MAX_QUEUED)

    def _pop(self) -> tuple[list[bytes], list[bytes], int]:
        work = self._pieces, self._raws, self._first
        self._pieces, self._raws, self._held = [], [], 0
        return work

    def _work(self, pieces: list[bytes], raws: list[bytes], first: int) -> None:
        # The joins release the lock, too, where they are of a megabyte or more.
        self._sha256.update(b"".join(pieces))
        self.personal.scan(b"".join(raws), first)

    def _wait(self, allowed: int) -> None:
        while len(self._running) > allowed:
            self._running.popleft().result()
