"""Files on their way from the browser: chosen in its dialog, or dropped on a part of the page."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.events import MultiUploadEventArguments

Give = Callable[[list[Any]], Awaitable[None]]


class Picker:
    """Hands chosen or dropped files on as (name, bytes); the uploader itself stays out of sight."""

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
