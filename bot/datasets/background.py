"""Runs what needs no Python lock (hashing, RE2) beside the decoding of rows, in order and bounded."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

# Handing over costs about as much as this many bytes take.
_WORTH_IT = 32 * 1024
# Blocks that may wait; bounds memory.
_AHEAD = 4


class Background:
    """One thread, started when it is first worth it. It ends with `finish`, or when the object is dropped."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[None]] = deque()

    def run(self, work: Callable[..., None], data: bytes, *more: int) -> None:
        """Do `work(data, *more)` after all that was handed over before. Its errors are raised here, later."""
        if len(data) < _WORTH_IT:
            self._settle(0)
            work(data, *more)
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="dataset")
        self._waiting.append(self._executor.submit(work, data, *more))
        self._settle(_AHEAD)

    def finish(self) -> None:
        """Wait for everything."""
        self._settle(0)
        if self._executor is not None:
            self._executor.shutdown()
            self._executor = None

    def _settle(self, allowed: int) -> None:
        while len(self._waiting) > allowed:
            self._waiting.popleft().result()
