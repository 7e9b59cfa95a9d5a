"""The blocks that are words: section, header, context, divider and markdown."""

from bot.sandbox.page.blocks.elements import draw_element
from bot.sandbox.page.blocks.pictures import picture
from bot.sandbox.page.markup import Redraw, html, tag
from bot.sandbox.page.surface import Surface
from bot.sandbox.page.texts.markdown import markdown
from bot.sandbox.page.texts.mrkdwn import text_object
from bot.sandbox.slack.records import Json


def draw_section(block: Json, surface: Surface) -> None:
    """Text, fields in two columns, and an element beside them."""
    names = surface.reader.names
    with tag("div", classes="section"):
        with tag("div", classes="section-text"):
            if block.get("text"):
                html(text_object(block["text"], names), "words")
            if block.get("fields"):
                with tag("div", classes="fields"):
                    for field in block["fields"]:
                        html(text_object(field, names), "words")
        if "accessory" in block:
            with tag("div", classes="accessory"):
                draw_element(block["accessory"], block, surface)


def draw_header(block: Json, surface: Surface) -> None:
    """A heading."""
    html(text_object(block["text"], surface.reader.names), "block-header", name="h3")


def draw_divider(block: Json, surface: Surface) -> None:
    """A line."""
    tag("hr", classes="divider")


def draw_context(block: Json, surface: Surface) -> None:
    """Small words and small pictures in a row."""
    with tag("div", classes="context"):
        for element in block["elements"]:
            if element["type"] == "image":
                picture(element, surface, "context-image")
            else:
                html(text_object(element, surface.reader.names), "words")


def draw_markdown(block: Json, surface: Surface) -> Redraw[Json]:
    """Standard Markdown; streamed words are added in place."""
    shown = html(markdown(block["text"], surface.reader.names), "words markdown")

    def redraw(later: Json) -> None:
        shown.content = markdown(later["text"], surface.reader.names)

    return redraw
