"""Files under a message: name, size, a look inside where it is text, and a way to take it home."""

from typing import Final

from nicegui import ui

from bot.sandbox.page.markup import QUIETLY, button, icon, tag
from bot.sandbox.page.reader import Reader
from bot.sandbox.page.uploads import size
from bot.sandbox.slack import File

_LINES: Final = 4
_WIDTH: Final = 160
_PEEK: Final = 4_096


def draw_file(reader: Reader, file: File) -> None:
    """A card; of a text the first lines are shown."""
    with tag("div", classes="file-card"):
        if file.deleted:
            tag("p", "This file was deleted.", "file-gone")
            return
        with tag("div", classes="file-head"):
            icon("image" if file.mimetype.startswith("image/") else "description")
            with tag("div", classes="file-title"):
                tag("span", file.name, "file-name")
                tag("span", f"{file.filetype.upper() or 'FILE'} · {size(file.size)}", "file-size")
            save = button(symbol="download", classes="btn-icon", aria_label=f"Download {file.name}")
            save.on("click", lambda: ui.download.content(file.content, file.name), js_handler=QUIETLY)
        if lines := _first_lines(file):
            tag(
                "pre", "\n".join(lines), "file-preview", tabindex="0", aria_label=f"The first lines of {file.name}"
            )


def _first_lines(file: File) -> list[str]:
    """The first few lines, cut to what fits; none of what is no text."""
    head = file.content[:_PEEK]
    if not file.mimetype.startswith("text/") or b"\0" in head:
        return []
    lines = head.decode(errors="replace").splitlines()
    more = file.content.count(b"\n") - _LINES
    shown = [line[:_WIDTH] for line in lines[:_LINES]]
    return [*shown, f"… {more:,} more line{'s' if more > 1 else ''}"] if more > 0 else shown
