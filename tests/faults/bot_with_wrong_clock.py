"""The bot as `tunebot run` starts it, but for two things that no user may set: a shorter wait for a start of which
Google shows nothing, and a clock that a test sets wrong.

The clock's file holds the seconds by which it is wrong. Google's, Slack's and the operating system's clocks stay
right; so do APScheduler's and asyncio's, which read the system's by themselves.
"""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot import app
from bot.cli.serving import READ_BY_BOLT
from bot.runtime import logs
from bot.settings import Settings


class ClockFromFile:
    """As wrong as its file says."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self._file.read_text() or 0))

    def monotonic(self) -> float:
        return time.monotonic()


def main() -> None:
    """Arguments: seconds of grace for a start, and the clock's file."""
    grace, clock = sys.argv[1:]
    settings = Settings.read(os.environ)
    for name in READ_BY_BOLT:
        os.environ.pop(name, None)
    logs.set_up(settings.log_level, settings.secrets())
    asyncio.run(app.run(settings, ClockFromFile(Path(clock)), timedelta(seconds=float(grace))))


if __name__ == "__main__":
    main()
