"""Block Kit, drawn from its JSON: one table from a block's type to what draws it."""

import json
import logging
from collections.abc import Callable, Sequence
from typing import Final

from nicegui import ui
from nicegui.element import Element

from bot.sandbox.page.block_kit.charts import draw_chart
from bot.sandbox.page.block_kit.element_painters import draw_element, draw_unknown
from bot.sandbox.page.markup import Keyed, Redraw, html, tag
from bot.sandbox.page.reader import Surface
from bot.sandbox.page.texts.markdown_html import markdown
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
    """Small words in a row."""
    with tag("div", classes="context"):
        for element in block["elements"]:
            html(text_object(element, surface.reader.names), "words")


def draw_markdown(block: Json, surface: Surface) -> Redraw[Json]:
    """Standard Markdown; streamed words are added in place."""
    shown = html(markdown(block["text"], surface.reader.names), "words markdown")

    def redraw(later: Json) -> None:
        shown.content = markdown(later["text"], surface.reader.names)

    return redraw


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


def draw_input(block: Json, surface: Surface) -> None:
    """Label and element belong together for those who hear the form; hint and error describe it."""
    names = surface.reader.names
    with tag("div", classes="field") as field:
        with tag("label", classes="field-label") as label:
            html(text_object(block["label"], names), name="span")
            if block.get("optional"):
                tag("span", " (optional)", "field-optional")
        control = draw_element(block["element"], block, surface)
        error = tag("p", classes="field-error", role="alert")
        described = error.html_id
        if block.get("hint"):
            hint = html(text_object(block["hint"], names), "field-hint", name="p")
            described = f"{error.html_id} {hint.html_id}"
        if control is None:
            # Several controls under one name: the name belongs to the group.
            field.attribute("role", "group")
            field.attribute("aria-labelledby", label.html_id)
            field.attribute("aria-describedby", described)
        else:
            label.attribute("for", control.html_id)
            control.props["aria-describedby"] = described
            if not block.get("optional"):
                control.props["aria-required"] = "true"

    def show_error(text: str) -> None:
        if error.text != text:
            error.text = text
            field.classes(add="field-wrong" if text else "", remove="" if text else "field-wrong")
            if control is not None:
                control.props["aria-invalid"] = "true" if text else "false"

    surface.show_error[block["block_id"]] = show_error


def draw_container(block: Json, surface: Surface) -> None:
    """Blocks that a person folds and unfolds."""
    with tag("details", classes="container") as folded:
        if not block.get("default_collapsed"):
            folded.attribute("open", "")
        html(text_object(block["title"], surface.reader.names), name="summary")
        for child in block["child_blocks"]:
            BLOCKS[child["type"]](child, surface)


logger = logging.getLogger(__name__)

DrawBlock = Callable[[Json, Surface], Redraw[Json] | None]

BLOCKS: Final[dict[str, DrawBlock]] = {
    "actions": draw_actions,
    "container": draw_container,
    "context": draw_context,
    "context_actions": draw_context_actions,
    "data_visualization": draw_chart,
    "divider": draw_divider,
    "header": draw_header,
    "input": draw_input,
    "markdown": draw_markdown,
    "section": draw_section,
}


class BlockList:
    """The blocks of one message or view, kept in step with its JSON."""

    def __init__(self, container: Element, surface: Surface) -> None:
        self._surface = surface
        self._rows: Keyed[Json] = Keyed(container, self._draw, classes="block")

    def show(self, blocks: Sequence[Json]) -> None:
        """Draw these; a block whose JSON is as before stays as it is, with what was typed into it."""
        self._rows.show([(block["block_id"], json.dumps(block), block) for block in blocks])

    def _draw(self, block: Json) -> Redraw[Json] | None:
        holder = ui.context.slot.parent
        try:
            return BLOCKS[block["type"]](block, self._surface)
        except (KeyError, TypeError, ValueError, AttributeError):
            # An unknown block, or one without what its type promises, must neither vanish nor end the page.
            logger.exception("cannot draw a block of type %s", block["type"])
            holder.clear()
            draw_unknown(block, block, self._surface)
            return None
