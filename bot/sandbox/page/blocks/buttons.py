"""Buttons: plain ones, thumbs, icons, and the menu behind three dots."""

from functools import partial

from nicegui.element import Element

from bot.sandbox.page.markup import busy_while, button
from bot.sandbox.page.menus import menu_item, opens_menu
from bot.sandbox.page.surface import Surface
from bot.sandbox.page.texts.emoji import EMOJI
from bot.sandbox.slack.records import Json


def draw_button(element: Json, block: Json, surface: Surface) -> Element:
    """A button; one with an address opens it as well."""
    style = f"btn-{element['style']}" if element.get("style") else ""
    drawn = button(_label(element), f"block-btn {style}", aria_label=element.get("accessibility_label"))
    if url := str(element.get("url") or ""):
        drawn.on("click", js_handler=f"() => window.open({url!r}, '_blank', 'noopener')")
    busy_while(drawn, lambda: surface.click(block, element))
    return drawn


def _label(element: Json) -> str:
    words = str(element["text"]["text"])
    for name, character in EMOJI.items():
        words = words.replace(f":{name}:", character)
    return words


def draw_feedback(element: Json, block: Json, surface: Surface) -> None:
    """Thumbs up and down."""
    for side, symbol in (("positive_button", "thumb_up"), ("negative_button", "thumb_down")):
        half = element[side]
        name = half.get("accessibility_label") or half["text"]["text"]
        drawn = button(symbol=symbol, classes="btn-icon", aria_label=name, title=half["text"]["text"])
        busy_while(drawn, partial(surface.click, block, element, half["value"]))


def draw_icon_button(element: Json, block: Json, surface: Surface) -> Element:
    """A button that is a symbol."""
    name = element.get("accessibility_label") or element["text"]["text"]
    symbol = {"trash": "delete"}.get(element["icon"], "touch_app")
    drawn = button(symbol=symbol, classes="btn-icon", aria_label=name, title=element["text"]["text"])
    busy_while(drawn, lambda: surface.click(block, element))
    return drawn


def draw_overflow(element: Json, block: Json, surface: Surface) -> Element:
    """Three dots with a menu."""
    drawn = button(symbol="more_horiz", classes="btn-icon", aria_label="More actions")

    def fill() -> None:
        for option in element["options"]:
            menu_item(option["text"]["text"], partial(surface.click, block, element, option["value"]))

    opens_menu(drawn, fill)
    return drawn
