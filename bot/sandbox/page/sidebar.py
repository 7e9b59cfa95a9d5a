"""The list of channels and direct messages, with what is new in each."""

from collections.abc import Callable

from bot.sandbox.page.markup import QUIETLY, Keyed, icon, tag
from bot.sandbox.page.people import avatar
from bot.sandbox.page.reader import Reader
from bot.sandbox.slack import Channel, ChannelKind


class Sidebar:
    """Opens what is chosen."""

    def __init__(self, reader: Reader, open_channel: Callable[[Channel], None]) -> None:
        self._reader = reader
        self._open = open_channel
        self._current = ""
        with tag("nav", classes="sidebar", aria_label="Channels and direct messages"):
            tag("h2", "Channels", "sidebar-head")
            self._channels = Keyed[Channel](tag("ul", classes="places"), self._draw, name="li")
            tag("h2", "Direct messages", "sidebar-head")
            self._direct = Keyed[Channel](tag("ul", classes="places"), self._draw, name="li")

    def show(self, current: str) -> None:
        """Show the channels as they are now; `current` is the one that is open."""
        self._current = current
        mine = self._reader.sandbox.channels(self._reader.person)
        rows = [(each.id, (each.id == current, self._unread(each)), each) for each in mine]
        self._channels.show([row for row in rows if row[2].kind is not ChannelKind.IM])
        self._direct.show([row for row in rows if row[2].kind is ChannelKind.IM])

    def _unread(self, channel: Channel) -> tuple[int, int]:
        return self._reader.sandbox.unread(channel, self._reader.person)

    def _draw(self, channel: Channel) -> Callable[[Channel], None]:
        reader = self._reader
        title = reader.sandbox.title(channel, reader.person)
        with tag("button", classes="place", type="button") as place:
            if channel.kind is ChannelKind.IM:
                other = next((each for each in channel.members if each != reader.person.id), reader.person.id)
                avatar(reader.sandbox.slack.workspace.users[other], small=True)
            else:
                icon("lock" if channel.kind is ChannelKind.GROUP else "tag")
            tag("span", title.removeprefix("#"), "place-name")
            mark = tag("span", classes="place-mark")
        place.on("click", lambda: self._open(channel), js_handler=QUIETLY)

        def show(now: Channel) -> None:
            new, calls = self._unread(now)
            current = now.id == self._current
            place.attribute("aria-current", "page" if current else None)
            place.classes(add="place-new" if new or calls else "", remove="" if new or calls else "place-new")
            mark.text = str(calls) if calls else ""
            said = f", {calls} for you" if calls else ", new messages" if new else ""
            place.attribute("aria-label", f"{title}{said}")

        show(channel)
        return show
