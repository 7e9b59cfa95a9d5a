"""The bot's table of prices as a file, so that a reader of the page can try other prices.

The first text is what the bot's own command prints. The bot reads the file when it starts.
"""

import asyncio
import sys
from typing import Final

from bot.sandbox.stage import Stage

NAME: Final = "TUNEBOT_PRICES"
_PRINT: Final = ("-m", "bot", "prices")


class PriceFile:
    """The table of one bot, in the directory beside its database."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._path = stage.directory / "prices.toml"

    async def text(self) -> str:
        """Return the table that the bot uses."""
        if NAME in self._stage.extra:
            return self._path.read_text(encoding="utf-8")
        printed = await asyncio.create_subprocess_exec(
            sys.executable, *_PRINT, env=self._stage.environment(), stdout=asyncio.subprocess.PIPE
        )
        return (await printed.communicate())[0].decode()

    async def use(self, text: str) -> None:
        """Start the bot again with this table.

        Raises RuntimeError with the bot's own words where it refuses the table; it then runs with the one before.
        """
        before = self._path.read_text(encoding="utf-8") if NAME in self._stage.extra else None
        await self._stage.stop()
        self._put(text)
        try:
            await self._stage.start()
        except RuntimeError:
            self._put(before)
            await self._stage.start()
            raise

    def _put(self, text: str | None) -> None:
        if text is None:
            self._stage.extra.pop(NAME, None)
            return
        self._path.write_text(text, encoding="utf-8")
        self._stage.extra[NAME] = str(self._path)
