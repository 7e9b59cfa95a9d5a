"""Rows of buttons and menus."""

from bot.sandbox.page.blocks.elements import draw_element
from bot.sandbox.page.markup import tag
from bot.sandbox.page.surface import Surface
from bot.sandbox.slack.records import Json


def draw_actions(block: Json, surface: Surface) -> None:
    """The elements side by side."""
    with tag("div", classes="actions"):
        for element in block["elements"]:
            draw_element(element, block, surface)


def draw_context_actions(block: Json, surface: Surface) -> None:
    """Small buttons under an answer."""
    with tag("div", classes="actions context-actions"):
        for element in block["elements"]:
            draw_element(element, block, surface)
