"""The bar at the top: who one is here, and how to become somebody else."""

from urllib.parse import quote

from nicegui import ui

from bot.sandbox.page.markup import button, icon, tag
from bot.sandbox.page.people import avatar
from bot.sandbox.page.reader import Reader


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
