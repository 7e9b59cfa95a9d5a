"""One table from an element's type to what draws it, wherever the element stands."""

from collections.abc import Callable
from typing import Final

from nicegui.element import Element

from bot.sandbox.page.blocks.buttons import draw_button, draw_feedback, draw_icon_button, draw_overflow
from bot.sandbox.page.blocks.choices import (
    draw_channel_select,
    draw_checkboxes,
    draw_multi_select,
    draw_radio_buttons,
    draw_select,
    draw_user_select,
)
from bot.sandbox.page.blocks.fields import draw_date, draw_text
from bot.sandbox.page.blocks.files import draw_file_input
from bot.sandbox.page.blocks.pictures import picture
from bot.sandbox.page.blocks.unknown import draw_unknown
from bot.sandbox.page.surface import Surface
from bot.sandbox.slack.records import Json

# What is returned is the one control that a label names; None where there are several.
DrawElement = Callable[[Json, Json, Surface], Element | None]

ELEMENTS: Final[dict[str, DrawElement]] = {
    "button": draw_button,
    "channels_select": draw_channel_select,
    "checkboxes": draw_checkboxes,
    "conversations_select": draw_channel_select,
    "datepicker": draw_date,
    "email_text_input": draw_text,
    "feedback_buttons": draw_feedback,
    "file_input": draw_file_input,
    "icon_button": draw_icon_button,
    "multi_static_select": draw_multi_select,
    "number_input": draw_text,
    "overflow": draw_overflow,
    "plain_text_input": draw_text,
    "radio_buttons": draw_radio_buttons,
    "static_select": draw_select,
    "timepicker": draw_date,
    "url_text_input": draw_text,
    "users_select": draw_user_select,
}


def draw_element(element: Json, block: Json, surface: Surface) -> Element | None:
    """Draw one element of a block."""
    if element["type"] == "image":
        picture(element, surface, "accessory-image")
        return None
    draw = ELEMENTS.get(element["type"])
    if draw is None:
        draw_unknown(element, surface)
        return None
    return draw(element, block, surface)
