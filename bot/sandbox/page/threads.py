"""The thread at the side: its first message, the replies, and where one answers."""

from collections.abc import Callable
from typing import Final

from nicegui import ui

from bot.sandbox.page.composer import Composer, Draft
from bot.sandbox.page.conversation import say
from bot.sandbox.page.feed import Feed, status_of, thread_entries
from bot.sandbox.page.markup import button, tag
from bot.sandbox.page.reader import Reader
from bot.sandbox.slack import Channel, Message

_ESCAPE: Final = "(event) => { if (!document.querySelector('.q-menu, .q-dialog')) emit(); }"


class ThreadPane:
    """One open thread; made anew when another one is opened."""

    def __init__(self, reader: Reader, channel: Channel, root: Message, close: Callable[[], None]) -> None:
        self._reader = reader
        self.channel = channel
        self.root = root
        with tag("section", classes="pane thread-pane", aria_label="Thread") as pane:
            with tag("header", classes="channel-head"):
                tag("h2", "Thread", "channel-name")
                tag("span", reader.sandbox.title(channel, reader.person), "channel-members")
                button(symbol="close", classes="btn-icon push", aria_label="Close thread", on_click=close)
            self._feed = Feed(reader, "Messages in this thread", None)
            with tag("p", classes="doing", role="status") as self._doing:
                ui.spinner("dots", size="1.2em")
                self._doing_words = tag("span")
            self._composer = Composer(reader, self._send, in_thread=True)
            self._composer.address("Reply in this thread")
        self._composer.takes_drops_on(pane)
        pane.on("keydown.escape", close, js_handler=_ESCAPE)

    def refresh(self) -> None:
        """Bring everything up to date and note what was read."""
        reader = self._reader
        entries = thread_entries(reader, self.channel, self.root)
        self._feed.show(entries)
        reader.has_read(f"{self.channel.id}/{self.root.ts}", entries[-1].message.ts)
        status = status_of(reader, self.channel, self.root.ts)
        self._doing.set_visibility(bool(status))
        self._doing_words.text = f"{reader.bot_name} {status}" if status else ""

    def focus(self) -> None:
        """Put the cursor where one writes."""
        self._composer.focus()

    async def _send(self, draft: Draft) -> bool:
        return await say(self._reader, self.channel, draft, self._feed, self.root.ts)
