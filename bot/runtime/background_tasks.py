"""Runs the work that continues after a request of Slack's was acknowledged.

The event loop keeps only weak references to tasks, so a task that nothing else refers to may be garbage-collected
while it runs: https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task. These tasks are held until
they end, and an exception of one is logged.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

logger = logging.getLogger(__name__)

AT_ONCE: Final = 4

Work = Coroutine[Any, Any, None]


class BackgroundTasks:
    """Owns the running tasks, and a queue of work that may wait."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        """`at_once` is how many works of the queue run at the same time."""
        self._running: set[asyncio.Task[None]] = set()
        self._queued: deque[tuple[Work, str]] = deque()
        self._places = at_once
        self._closed = False

    def __len__(self) -> int:
        return len(self._running) + len(self._queued)

    def spawn(self, work: Work, name: str) -> None:
        """Run the work now. After `drain` began it is refused and logged."""
        if not self._refuses(work, name):
            self._begin(work, name)

    def queue(self, work: Work, name: str) -> None:
        """Run the work when a place is free, so that many of them do not delay work that must not wait.

        After `drain` began it is refused and logged.
        """
        if not self._refuses(work, name):
            self._queued.append((work, name))
            self._fill_places()

    def _refuses(self, work: Work, name: str) -> bool:
        if self._closed:
            work.close()
            logger.warning("refused %s: shutting down", name)
        return self._closed

    def _fill_places(self) -> None:
        while self._queued and self._places:
            self._places -= 1
            self._begin(*self._queued.popleft()).add_done_callback(self._leave_place)

    def _leave_place(self, _: asyncio.Task[None]) -> None:
        self._places += 1
        self._fill_places()

    def _begin(self, work: Work, name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed", task.get_name(), exc_info=error)

    async def drained(self) -> None:
        """Wait until nothing runs or is queued; new work is taken meanwhile."""
        while self._running:
            await asyncio.wait(self._running)

    async def drain(self, seconds: float) -> None:
        """Refuse new work, wait for running and queued work, and cancel what is left after `seconds`."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._running:
                    await asyncio.wait(self._running)
        while self._queued:
            work, name = self._queued.popleft()
            work.close()
            logger.warning("dropped %s: it had not begun in time", name)
        late = list(self._running)
        for task in late:
            logger.warning("cancelled %s: it did not end in time", task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
