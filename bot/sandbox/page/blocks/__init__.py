"""Block Kit, drawn from its JSON: one file a family, and one table from a block's type to what draws it."""

import json
import logging
from collections.abc import Callable, Sequence
from typing import Final

from nicegui import ui
from nicegui.element import Element

from bot.sandbox.page.blocks.actions import draw_actions, draw_context_actions
from bot.sandbox.page.blocks.charts import draw_chart
from bot.sandbox.page.blocks.input import draw_input
from bot.sandbox.page.blocks.pictures import draw_image
from bot.sandbox.page.blocks.rich_text import draw_rich_text
from bot.sandbox.page.blocks.tables import draw_table
from bot.sandbox.page.blocks.tasks import draw_plan, draw_task_card
from bot.sandbox.page.blocks.unknown import draw_unknown
from bot.sandbox.page.blocks.words import (
    draw_context,
    draw_divider,
    draw_header,
    draw_markdown,
    draw_section,
)
from bot.sandbox.page.markup import Keyed, Redraw
from bot.sandbox.page.surface import Surface
from bot.sandbox.slack.records import Json

logger = logging.getLogger(__name__)

DrawBlock = Callable[[Json, Surface], Redraw[Json] | None]

BLOCKS: Final[dict[str, DrawBlock]] = {
    "actions": draw_actions,
    "context": draw_context,
    "context_actions": draw_context_actions,
    "data_visualization": draw_chart,
    "divider": draw_divider,
    "header": draw_header,
    "image": draw_image,
    "input": draw_input,
    "markdown": draw_markdown,
    "plan": draw_plan,
    "rich_text": draw_rich_text,
    "section": draw_section,
    "table": draw_table,
    "task_card": draw_task_card,
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
            return BLOCKS.get(block["type"], draw_unknown)(block, self._surface)
        except (KeyError, TypeError, ValueError, AttributeError):
            # A block without what its type promises must neither vanish nor take the page down.
            logger.exception("cannot draw a block of type %s", block["type"])
            holder.clear()
            draw_unknown(block, self._surface)
            return None
