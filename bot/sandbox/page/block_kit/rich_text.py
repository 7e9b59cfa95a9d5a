"""The blocks `rich_text`, `table`, `plan` and `task_card`."""

from typing import Final

from bot.sandbox.page.markup import html, icon, tag
from bot.sandbox.page.reader import Surface
from bot.sandbox.page.texts.markdown_html import markdown
from bot.sandbox.page.texts.mrkdwn import Names, emoji, escaped, link
from bot.sandbox.slack.records import Json

_STYLES = {"bold": "strong", "italic": "em", "strike": "s", "code": "code"}


def draw_rich_text(block: Json, surface: Surface) -> None:
    """The whole block."""
    html(rich_html(block, surface.reader.names), "words")


def rich_html(block: Json, names: Names) -> str:
    """The block as HTML."""
    return "".join(_part(part, names) for part in block["elements"])


def _part(part: Json, names: Names) -> str:
    if part["type"] == "rich_text_list":
        name = "ol" if part.get("style") == "ordered" else "ul"
        items = "".join(f"<li>{_pieces(item, names)}</li>" for item in part["elements"])
        return f"<{name}>{items}</{name}>"
    inside = _pieces(part, names)
    match part["type"]:
        case "rich_text_preformatted":
            return f"<pre><code>{inside}</code></pre>"
        case "rich_text_quote":
            return f"<blockquote>{inside}</blockquote>"
    return f"<div>{inside}</div>"


def _pieces(part: Json, names: Names) -> str:
    return "".join(_styled(piece, names) for piece in part["elements"])


def _styled(piece: Json, names: Names) -> str:
    shown = _piece(piece, names)
    for style, name in _STYLES.items():
        if piece.get("style", {}).get(style):
            shown = f"<{name}>{shown}</{name}>"
    return shown


def _piece(piece: Json, names: Names) -> str:
    match piece["type"]:
        case "text":
            return escaped(piece["text"])
        case "link":
            return link(piece["url"], piece.get("text") or piece["url"])
        case "user":
            return f'<span class="mention">@{escaped(names.user(piece["user_id"]))}</span>'
        case "channel":
            return f'<span class="mention">#{escaped(names.channel(piece["channel_id"]))}</span>'
        case "broadcast":
            return f'<span class="mention mention-me">@{escaped(piece["range"])}</span>'
        case "emoji":
            return escaped(emoji(piece["name"]))
    return f"[{escaped(piece['type'])}]"


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
