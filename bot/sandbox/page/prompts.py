"""What the app suggests to say above the direct messages with it; a press says it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bot.sandbox.page.markup import button, tag
from bot.sandbox.page.reader import Reader
from bot.sandbox.slack import Channel


class SuggestedPrompts:
    """A row of buttons, as the app last set them for the whole conversation."""

    def __init__(self, reader: Reader, channel: Channel, say: Callable[[str], None]) -> None:
        self._reader = reader
        self._channel = channel
        self._say = say
        self._shown: Any = None
        self._row = tag("div", classes="actions prompts", role="group", aria_label="Suggestions")

    def refresh(self) -> None:
        """Show the suggestions of now."""
        threads = self._reader.sandbox.slack.workspace.assistant_threads
        now: Any = threads.get((self._channel.id, ""), {}).get("prompts") or []
        self._row.set_visibility(bool(now))
        if now == self._shown:
            return
        self._shown = now
        self._row.clear()
        with self._row:
            for prompt in now:
                button(prompt["title"], on_click=partial(self._say, prompt["message"]))
