"""Work that goes on after Slack was acknowledged: started here, owned here, drained here.

A bare task can be collected in mid-flight and takes its exception with it; these are held until they end, and
whatever escapes one is logged.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)


class Tasks:
    """A set of running tasks with one end."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run it now, beside everything else. After `drain` began it is refused and logged."""
        if self._closed:
            work.close()
            logger.warning("refused %s: shutting down", name)
            return
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed", task.get_name(), exc_info=error)

    async def drain(self, seconds: float) -> None:
        """Take nothing new, wait for what runs, then cancel the rest."""
        self._closed = True
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=seconds)
        for task in late:
            logger.warning("cancelled %s: it did not end in time", task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
