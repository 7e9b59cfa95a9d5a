"""The `table` block: its first row is the head, as Slack draws it."""

from bot.sandbox.page.blocks.rich_text import rich_html
from bot.sandbox.page.markup import html, tag
from bot.sandbox.page.surface import Surface
from bot.sandbox.slack.records import Json


def draw_table(block: Json, surface: Surface) -> None:
    """Rows and columns, aligned as the columns say."""
    columns = block.get("column_settings") or []
    with (
        tag("div", classes="table-scroll", tabindex="0", role="region", aria_label="Table"),
        tag("table", classes="table"),
    ):
        for index, row in enumerate(block["rows"]):
            with tag("tr"):
                for place, cell in enumerate(row):
                    settings = (columns[place] if place < len(columns) else None) or {}
                    with tag("td" if index else "th", classes=f"align-{settings.get('align', 'left')}"):
                        _cell(cell, surface)


def _cell(cell: Json, surface: Surface) -> None:
    match cell["type"]:
        case "rich_text":
            html(rich_html(cell, surface.reader.names), "words")
        case "raw_number":
            tag("span", str(cell.get("text") or cell["value"]))
        case _:
            tag("span", str(cell.get("text", "")))
