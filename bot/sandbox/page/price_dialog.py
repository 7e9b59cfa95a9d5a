"""The dialog in which a reader of the page changes the bot's table of prices, to see what the bot makes of it."""

from typing import Final

from nicegui import ui

from bot.sandbox.page.markup import button, tag
from bot.sandbox.page.reader import Reader
from bot.sandbox.price_file import PriceFile

_ABOUT: Final = (
    "In US dollars for a million tokens. With a higher price of training, reports, approvals and budgets show it, "
    "and a start over $50 asks twice. The bot starts again to read it."
)


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
        reader.tell("The bot uses this table now.")
    except RuntimeError as error:
        reader.tell(f"The bot keeps the table from before. {error}")
    reader.sandbox.stopped = False
    reader.sandbox.slack.workspace.changed()
