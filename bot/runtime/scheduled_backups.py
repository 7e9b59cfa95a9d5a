"""Copies the database on a schedule, to a folder or a bucket, while the bot works."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.errors import BotError
from bot.ports.clock import Clock
from bot.runtime.logs import log_event

logger = logging.getLogger(__name__)

# Writes a copy of the database to a new file; it blocks.
Copy = Callable[[Path], None]
# Stores the file under its name where the operator keeps copies.
Store = Callable[[Path], Awaitable[None]]


class ScheduledBackups:
    """Makes a copy every `seconds` and hands it to `store`; a failure is logged, and the next turn tries again."""

    def __init__(self, copy: Copy, store: Store, clock: Clock, seconds: float) -> None:
        self._copy = copy
        self._store = store
        self._clock = clock
        self._seconds = seconds

    async def watch(self) -> None:
        """Make copies until this is cancelled; the first one after the first interval."""
        while True:
            await asyncio.sleep(self._seconds)
            await self.make()

    async def make(self) -> None:
        """Make one copy. Never raises."""
        name = f"tunebot-{self._clock.now():%Y%m%dT%H%M%SZ}.db"
        try:
            with TemporaryDirectory(prefix="tunebot-backup-") as directory:
                path = Path(directory, name)
                await asyncio.to_thread(self._copy, path)
                await self._store(path)
                log_event(logger, "backup.made", file=name)
        except (BotError, OSError) as error:
            log_event(logger, "backup.failed", logging.ERROR, file=name, reason=str(error))
