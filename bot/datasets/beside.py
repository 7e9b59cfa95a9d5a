"""Looks for personal data beside the decoding of rows, on a second core where there is one.

RE2 lets go of Python's lock while it works, but has to wait for it twice a call. Only few and large calls are
worth that, so that files of a few megabytes never start a thread.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from bot.datasets.lines import Block
from bot.datasets.privacy import PersonalData

_AT_ONCE = 4 * 1024 * 1024
# Calls that may wait; bounds memory.
_AHEAD = 1


class Beside:
    """Hands blocks to `personal`, in order. Its thread ends with `finish`, or when the object is dropped."""

    def __init__(self, personal: PersonalData) -> None:
        self._personal = personal
        self._held: list[bytes] = []
        self._held_size = 0
        self._first = self._next = 0
        self._executor: ThreadPoolExecutor | None = None
        self._running: deque[Future[None]] = deque()

    def scan(self, block: Block) -> None:
        """Look through the block, now or later."""
        if block.first != self._next or self._held_size >= _AT_ONCE:
            self._hand_over()
            self._first = block.first
        self._next = block.first + block.count
        self._held.append(block.raw if block.raw.endswith(b"\n") else block.raw + b"\n")
        self._held_size += len(block.raw)

    def finish(self) -> None:
        """Wait for everything."""
        self._wait(0)
        self._personal.scan(b"".join(self._held), self._first)
        if self._executor is not None:
            self._executor.shutdown()

    def _hand_over(self) -> None:
        raw, self._held = b"".join(self._held), []
        if self._held_size < _AT_ONCE:
            self._wait(0)
            self._personal.scan(raw, self._first)
        else:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(1, thread_name_prefix="personal-data")
            self._running.append(self._executor.submit(self._personal.scan, raw, self._first))
            self._wait(_AHEAD)
        self._held_size = 0

    def _wait(self, allowed: int) -> None:
        while len(self._running) > allowed:
            self._running.popleft().result()
