"""The app's Home tab, as the app published it for this person."""

from bot.sandbox.page.blocks import BlockList
from bot.sandbox.page.markup import tag
from bot.sandbox.page.reader import Reader
from bot.sandbox.page.surface import Surface
from bot.sandbox.slack import View


class Home:
    """Shows the Home tab, or that there is none yet."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._shown: View | None = None
        self._blocks: BlockList | None = None
        with tag("div", classes="home", tabindex="0", role="region", aria_label=f"{reader.bot_name}, Home"):
            self._empty = tag("p", f"{reader.bot_name} has not put anything here yet.", "home-empty")
            self._holder = tag("div", classes="blocks")

    def refresh(self) -> None:
        """Show what is published now."""
        view = self._reader.person.home
        self._empty.set_visibility(view is None)
        if view is None:
            return
        if view is not self._shown or self._blocks is None:
            self._shown = view
            self._holder.clear()
            self._blocks = BlockList(self._holder, Surface(self._reader, view))
        self._blocks.show(view.blocks)
