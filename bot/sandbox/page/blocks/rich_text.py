"""The `rich_text` block: sections, lists, quotes and code made of styled pieces."""

from bot.sandbox.page.markup import html
from bot.sandbox.page.surface import Surface
from bot.sandbox.page.texts.emoji import emoji
from bot.sandbox.page.texts.names import Names
from bot.sandbox.page.texts.tokens import escaped, link
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
