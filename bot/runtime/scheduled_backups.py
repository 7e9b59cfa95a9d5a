"""Copies the database on a schedule, to a folder or a bucket, while the bot works."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bot.errors import BotError
from bot.ports.clock import Clock
from bot.runtime.logs import log_event

logger = logging.getLogger(__name__)

# The first moments of a process belong to the work that the last one left.
FIRST_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 900.0  # after a failure
_NAME: Final = "tunebot-%Y%m%dT%H%M%SZ.db"

# Writes a copy of the database to a new file; it blocks.
Copy = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class BackupTarget:
    """Where the operator keeps copies: `store` puts a file there under its name, `names` returns what is there."""

    store: Callable[[Path], Awaitable[None]]
    names: Callable[[], Awaitable[Sequence[str]]]


class ScheduledBackups:
    """Makes a copy every `seconds`, counted from the newest one that is there, also over starts of the process.

    A failure is logged, and tried again after `again_seconds`. `count` is called with whether a copy was made.
    """

    def __init__(
        self,
        copy: Copy,
        target: BackupTarget,
        clock: Clock,
        seconds: float,
        count: Callable[[bool], None] = lambda _: None,
        *,
        first_seconds: float = FIRST_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        self._copy = copy
        self._target = target
        self._clock = clock
        self._seconds = seconds
        self._count = count
        self._first_seconds = first_seconds
        self._again_seconds = again_seconds

    async def watch(self) -> None:
        """Make copies until this is cancelled."""
        await asyncio.sleep(await self.until_due())
        while True:
            made = await self.make()
            await asyncio.sleep(self._seconds if made else min(self._again_seconds, self._seconds))

    async def until_due(self) -> float:
        """Return in how many seconds the next copy is due. Never raises."""
        soon = min(self._first_seconds, self._seconds)
        try:
            made = [moment for name in await self._target.names() if (moment := _moment_of(name)) is not None]
        except (BotError, OSError) as error:
            logger.warning("which copies of the database are there is not known: %s", error)
            return soon
        if not made:
            return soon
        left = self._seconds - (self._clock.now() - max(made)).total_seconds()
        # A clock that was wrong may have given a copy the name of a later time.
        return min(max(left, soon), self._seconds)

    async def make(self) -> bool:
        """Make one copy; returns whether it was made. Never raises."""
        name = f"{self._clock.now():{_NAME}}"
        try:
            with TemporaryDirectory(prefix="tunebot-backup-") as directory:
                path = Path(directory, name)
                await asyncio.to_thread(self._copy, path)
                await self._target.store(path)
        except (BotError, OSError) as error:
            log_event(logger, "backup.failed", logging.ERROR, file=name, reason=str(error))
            self._count(False)
            return False
        log_event(logger, "backup.made", file=name)
        self._count(True)
        return True


def _moment_of(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, _NAME).replace(tzinfo=UTC)
    except ValueError:
        return None
