"""Other prices for the bot: its table as a file, and the dialog in which a reader of the page changes it.

The first text is what the bot's own command prints. The bot reads the file when it starts.
"""

import asyncio
import sys
from typing import Final

from nicegui import ui

from bot.sandbox.page.markup import button, tag
from bot.sandbox.page.reader import Reader
from bot.sandbox.stage import Stage

NAME: Final = "TUNEBOT_PRICES"
_PRINT: Final = ("-m", "bot", "prices")
_ABOUT: Final = (
    "In US dollars for a million tokens. With a higher price of training, reports, approvals and budgets show it, "
    "and a start over $50 asks twice. The bot starts again to read it."
)


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


async def change_prices(reader: Reader, prices: PriceFile) -> None:
    """Show the table, and start the bot again with what was made of it."""
    text = await prices.text()
    with reader.client, ui.dialog() as dialog, tag("div", classes="modal"):
        title = tag("h2", "The bot's table of prices", "modal-title")
        about = tag("p", _ABOUT, "modal-about")
        box = ui.textarea(value=text).props("outlined data-autofocus").classes("text-field price-table")
        box.props["aria-labelledby"], box.props["aria-describedby"] = title.html_id, about.html_id
        with tag("div", classes="modal-foot"):
            button("Cancel", on_click=lambda: dialog.submit(None))
            button("Use this table", "btn-primary", on_click=lambda: dialog.submit(box.value))
    dialog.props["aria-labelledby"] = title.html_id
    changed = await dialog
    dialog.delete()
    if changed is None or changed == text:
        return
    reader.sandbox.stopped = True
    try:
        await prices.use(changed)
        reader.notify("The bot uses this table now.")
    except RuntimeError as error:
        reader.notify(f"The bot keeps the table from before. {error}")
    reader.sandbox.stopped = False
    reader.sandbox.slack.workspace.changed()
