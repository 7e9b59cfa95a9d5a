"""Says new messages aloud to those who hear the page, each once, as Slack does: from a message's plain text."""

from typing import Final

from bot.sandbox.page.markup import Keyed, tag
from bot.sandbox.page.reader import Reader
from bot.sandbox.page.texts.mrkdwn import spoken
from bot.sandbox.slack import Message

_KEPT: Final = 5


class Announcer:
    """A part of the page that nobody sees; blocks that are redrawn while a job runs are not read out again."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._since = max((each.ts for each in self._heard()), default="")
        holder = tag("div", classes="visually-hidden", role="log", aria_live="polite", aria_label="New messages")
        self._rows: Keyed[Message] = Keyed(holder, self._draw, name="p")

    def refresh(self) -> None:
        """Say what is new."""
        new = [message for message in self._heard() if message.ts > self._since]
        self._rows.show([(message.ts, message.ts, message) for message in new[-_KEPT:]])

    def _heard(self) -> list[Message]:
        reader = self._reader
        found = [
            message
            for channel in reader.sandbox.channels(reader.person)
            for message in reader.sandbox.messages(channel, reader.person)
            if message.user != reader.person.id
        ]
        return sorted(found, key=lambda message: message.ts)

    def _draw(self, message: Message) -> None:
        names = self._reader.names
        tag("span", f"{names.user(message.user)}: {spoken(message.text, names)}")
