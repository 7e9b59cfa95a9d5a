"""Menus that drop from a button, worked by key as well as by mouse."""

from collections.abc import Callable

from nicegui import ui
from nicegui.element import Element

from bot.sandbox.page.markup import QUIETLY, Tag, tag


def opens_menu(opener: Tag, fill: Callable[[], None]) -> None:
    """Make the menu when it is first wanted: most messages never need theirs."""
    opener.attribute("aria-haspopup", "menu")
    menus: list[ui.menu] = []

    def show() -> None:
        if not menus:
            with opener:
                menus.append(ui.menu().props("auto-close no-parent-event").classes("menu"))
            with menus[0]:
                fill()
        menus[0].open()

    opener.on("click", show, js_handler="(event) => { if (!event.target.closest('.q-menu')) emit(); }")


def menu_item(text: str, act: Callable[[], object], detail: str = "") -> Element:
    """One line of a menu."""
    with ui.item().classes("menu-item").props("clickable role=menuitem tabindex=0") as item:
        tag("span", text)
        if detail:
            tag("span", detail, "menu-detail")
    item.on("click", act, js_handler=QUIETLY)
    return item
