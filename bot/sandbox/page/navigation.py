"""The list of channels and direct messages, and the bar at the top with the name of the person."""

from collections.abc import Callable
from urllib.parse import quote

from nicegui import ui

from bot.sandbox.page.markup import QUIETLY, Keyed, avatar, button, icon, tag
from bot.sandbox.page.reader import Reader
from bot.sandbox.slack import Channel, ChannelKind


class Sidebar:
    """Opens what is chosen."""

    def __init__(self, reader: Reader, open_channel: Callable[[Channel], None]) -> None:
        self._reader = reader
        self._open = open_channel
        self._current = ""
        with tag("nav", aria_label="Channels and direct messages"):
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


class TopBar:
    """A person is a window: choosing another one opens another window."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        with tag("header", classes="topbar"):
            with tag("span", classes="brand"):
                icon("tune")
                tag("h1", "Tunebot sandbox", "brand-name")
            tag("p", "Everything here runs on this machine: no account, no network.", "brand-about")
            you = button(classes="you", aria_haspopup="menu")
            with you:
                avatar(reader.person.user, small=True)
                tag("span", f"You are {reader.person.user.real_name}")
                icon("expand_more")
                with ui.menu().props("auto-close no-parent-event").classes("menu") as menu:
                    for name in reader.sandbox.people():
                        if name != reader.person.user.name:
                            self._other(name)
        you.on("click", menu.open, js_handler="(event) => { if (!event.target.closest('.q-menu')) emit(); }")

    def _other(self, name: str) -> None:
        users = self._reader.sandbox.slack.workspace.users.values()
        real_name = next(user.real_name for user in users if user.name == name)
        # A link, because browsers open new windows only where a person pressed something themselves.
        tag(
            "a", f"Open a window as {real_name}", "menu-item menu-link",
            href=f"/?as={quote(name)}", target="_blank", role="menuitem",
        )  # fmt: skip
