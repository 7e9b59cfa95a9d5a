"""Task cards and plans: what is being done, step by step."""

from typing import Final

from bot.sandbox.page.blocks.rich_text import rich_html
from bot.sandbox.page.markup import html, icon, tag
from bot.sandbox.page.surface import Surface
from bot.sandbox.page.texts.markdown import markdown
from bot.sandbox.slack.records import Json

# A symbol and a word for each, so that colour is never all there is.
_STATES: Final = {
    "pending": ("radio_button_unchecked", "waiting"),
    "in_progress": ("pending", "under way"),
    "complete": ("check_circle", "done"),
    "error": ("error", "failed"),
}


def draw_plan(block: Json, surface: Surface) -> None:
    """A title over its tasks."""
    with tag("div", classes="plan"):
        tag("div", str(block["title"]), "plan-title")
        for task in block.get("tasks", []):
            draw_task_card(task, surface)


def draw_task_card(block: Json, surface: Surface) -> None:
    """One task with its state, details and outcome."""
    symbol, word = _STATES.get(block.get("status", ""), ("", ""))
    with tag("div", classes=f"task task-{block.get('status', 'pending')}"):
        with tag("div", classes="task-title"):
            if symbol:
                icon(symbol)
            tag("span", str(block["title"]))
            if word:
                tag("span", word, "task-state")
        for name in ("details", "output"):
            if name in block:
                _detail(block[name], surface)


def _detail(detail: Json | str, surface: Surface) -> None:
    names = surface.reader.names
    shown = markdown(detail, names) if isinstance(detail, str) else rich_html(detail, names)
    html(shown, "words task-detail")
