"""Files on the page: the upload from the browser, the card under a message, and the `file_input` element."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from nicegui import ui
from nicegui.element import Element
from nicegui.events import MultiUploadEventArguments

from bot.sandbox.page.markup import QUIETLY, Keyed, button, icon, tag
from bot.sandbox.page.reader import Reader, Surface
from bot.sandbox.sample_dataset import SAMPLE, SAMPLE_NAME
from bot.sandbox.slack import File
from bot.sandbox.slack.records import Json

Give = Callable[[list[Any]], Awaitable[None]]


class Picker:
    """Gives chosen or dropped files as (name, bytes) to a function; the uploader itself is not shown."""

    def __init__(self, zone: Element, give: Give, *, multiple: bool = True) -> None:
        self._give = give
        with zone:
            self._uploader = ui.upload(
                multiple=multiple, auto_upload=True, on_multi_upload=self._uploaded
            ).classes("out-of-sight")
        self._uploader.props["aria-hidden"] = "true"
        self._uploader.props["tabindex"] = "-1"
        self.takes_drops_on(zone)

    @property
    def _in_browser(self) -> str:
        return f"getElement({self._uploader.id}).$refs.qRef"

    def opens_from(self, opener: Element) -> None:
        """Open the browser's dialog when this is pressed; only the browser itself may do that."""
        opener.on("click", js_handler=f"() => {self._in_browser}.pickFiles()")

    def takes_drops_on(self, zone: Element) -> None:
        """Take what is dropped on this part of the page."""
        files = "(event) => [...(event.dataTransfer?.types || [])].includes('Files')"
        mark = "event.currentTarget.classList"
        zone.on("dragover", js_handler=f"(event) => {{ if (({files})(event)) {{ event.preventDefault(); "
                                       f"event.stopPropagation(); {mark}.add('dropping'); }} }}")  # fmt: skip
        zone.on("dragleave", js_handler=f"(event) => {mark}.remove('dropping')")
        zone.on("drop", js_handler=f"(event) => {{ if (({files})(event)) {{ event.preventDefault(); "
                                   f"event.stopPropagation(); {mark}.remove('dropping'); "
                                   f"{self._in_browser}.addFiles(event.dataTransfer.files); }} }}")  # fmt: skip

    async def _uploaded(self, event: MultiUploadEventArguments) -> None:
        files = [(file.name, await file.read()) for file in event.files]
        self._uploader.reset()
        await self._give(files)


def size(byte_count: int) -> str:
    """`812 bytes`, `1.5 MB`."""
    if byte_count < 1_000:
        return f"{byte_count} byte{'' if byte_count == 1 else 's'}"
    amount = float(byte_count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1_000
        if amount < 1_000 or unit == "GB":
            break
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}"


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
    """The first few lines, cut to what fits; none of what is not a text."""
    head = file.content[:_PEEK]
    if not file.mimetype.startswith("text/") or b"\0" in head:
        return []
    lines = head.decode(errors="replace").splitlines()
    more = file.content.count(b"\n") - _LINES
    shown = [line[:_WIDTH] for line in lines[:_LINES]]
    return [*shown, f"… {more:,} more line{'s' if more > 1 else ''}"] if more > 0 else shown


Given = File | tuple[str, bytes]


def draw_file_input(element: Json, block: Json, surface: Surface) -> None:
    """Where to drop files, and what is there already."""
    most = int(element.get("max_files", 10))
    with tag("div", classes="file-input") as zone:
        chosen = tag("ul", classes="file-list", aria_label="Chosen files")
        with tag("div", classes="file-ways"):
            add = button("Add a file" if most == 1 else "Add files", symbol="upload_file")
            sample = button(f"Use the sample {SAMPLE_NAME}", "btn-link")
            tag("span", "or drop it here", "file-drop-words")

    async def give(files: list[Given]) -> None:
        held: list[Given] = [*surface.files(block, element)]
        # A form for one file takes the newest.
        await surface.put(block, element, files[-1:] if most == 1 else [*held, *files])
        show()

    async def take_away(file: File) -> None:
        await surface.put(block, element, [each for each in surface.files(block, element) if each is not file])
        show()

    def draw(file: File) -> None:
        with tag("div", classes="file-chip"):
            icon("description")
            tag("span", file.name, "file-name")
            tag("span", size(file.size), "file-size")
            button(
                symbol="close", classes="btn-icon", aria_label=f"Remove {file.name}",
                on_click=lambda: take_away(file),
            )  # fmt: skip

    rows: Keyed[File] = Keyed(chosen, draw, name="li")

    def show() -> None:
        rows.show([(file.id, file.id, file) for file in surface.files(block, element)])

    picker = Picker(zone, give, multiple=most > 1)
    picker.opens_from(add)
    sample.on("click", lambda: give([(SAMPLE_NAME, SAMPLE)]), js_handler="() => emit()")
    show()
