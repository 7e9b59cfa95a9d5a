"""Typing: texts, numbers, addresses, dates and times."""

from typing import Final

from nicegui import ui
from nicegui.element import Element
from nicegui.events import ValueChangeEventArguments

from bot.sandbox.page.surface import Surface
from bot.sandbox.slack.records import Json

# A number is typed as text: the browser's own number field would swallow what it does not like.
_KINDS: Final = {"email_text_input": "email", "url_text_input": "url"}
_PICKERS: Final = {"datepicker": ("date", "selected_date"), "timepicker": ("time", "selected_time")}


def draw_text(element: Json, block: Json, surface: Surface) -> Element:
    """A line or a box to type into."""
    value = str(surface.value(block, element)["value"] or "")
    hint = element.get("placeholder", {}).get("text", "")
    if element.get("multiline"):
        drawn: ui.input = ui.textarea(value=value, placeholder=hint).props("autogrow")
    else:
        drawn = ui.input(value=value, placeholder=hint)
        drawn.props["type"] = _KINDS.get(element["type"], "text")
    drawn.props("outlined dense autocomplete=off").classes("text-field")
    if element["type"] == "number_input":
        drawn.props["inputmode"] = "decimal" if element.get("is_decimal_allowed") else "numeric"
    if element.get("max_length"):
        drawn.props["maxlength"] = str(element["max_length"])
    drawn.on_value_change(lambda event: surface.fill(block, element, event.value))
    if block.get("dispatch_action"):
        drawn.on(
            "keydown.enter",
            lambda event: surface.put(block, element, event.args),
            js_handler="(event) => emit(event.target.value)",
        )
    return drawn


def draw_date(element: Json, block: Json, surface: Surface) -> Element:
    """A day or a time of day, by the browser's own picker."""
    kind, held = _PICKERS[element["type"]]
    drawn = ui.input(value=str(surface.value(block, element)[held] or ""))
    drawn.props["type"] = kind
    drawn.props("outlined dense").classes("text-field text-field-short")
    if block["type"] != "input":
        drawn.props["aria-label"] = element.get("placeholder", {}).get("text", f"Choose a {kind}")

    async def chosen(event: ValueChangeEventArguments[str | None]) -> None:
        await surface.put(block, element, event.value or None)

    drawn.on_value_change(chosen)
    return drawn
