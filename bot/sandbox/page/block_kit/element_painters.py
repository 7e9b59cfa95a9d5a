"""The elements of Block Kit: buttons, menus, choices and inputs, and one table from a type to its painter."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from bot.sandbox.page.file_controls import draw_file_input
from bot.sandbox.page.markup import busy_while, button, html, tag
from bot.sandbox.page.reader import Surface
from bot.sandbox.page.texts.mrkdwn import EMOJI, text_object
from bot.sandbox.slack import ChannelKind
from bot.sandbox.slack.records import Json


def draw_select(element: Json, block: Json, surface: Surface) -> Element:
    """A static select, with its groups; the empty choice says what to choose."""
    held = str((surface.value(block, element).get("selected_option") or {}).get("value", ""))
    placeholder = element.get("placeholder", {}).get("text", "Choose an option")
    name = None if block["type"] == "input" else placeholder
    with tag("select", classes="select", aria_label=name) as drawn:
        # Only what may be left empty can be emptied again.
        if not held or block.get("optional"):
            tag("option", placeholder, value="", selected=None if held else "selected")
        _options(element.get("options", []), held)
        for group in element.get("option_groups", []):
            with tag("optgroup", label=group["label"]["text"]):
                _options(group["options"], held)

    async def chosen(event: GenericEventArguments) -> None:
        await surface.put(block, element, event.args or None)

    drawn.on("change", chosen, js_handler="(event) => emit(event.target.value)")
    return drawn


def _options(options: Sequence[Json], held: str) -> None:
    for option in options:
        value = str(option["value"])
        tag("option", str(option["text"]["text"]), value=value, selected="selected" if value == held else None)


def draw_checkboxes(element: Json, block: Json, surface: Surface) -> None:
    """Any of the options."""
    held = {each["value"] for each in surface.value(block, element)["selected_options"]}
    _boxes(element, block, surface, element["options"], held)


def draw_people_select(element: Json, block: Json, surface: Surface) -> None:
    """Any of the people in the workspace: checkboxes, which anybody can work without holding a key down."""
    users = surface.reader.sandbox.slack.workspace.users.values()
    options = [_named(each.id, each.real_name) for each in users if not each.is_bot]
    _boxes(element, block, surface, options, set(surface.value(block, element)["selected_users"]))


def draw_channel_select(element: Json, block: Json, surface: Surface) -> None:
    """Any of the person's channels."""
    reader = surface.reader
    mine = [each for each in reader.sandbox.channels(reader.person) if each.kind is not ChannelKind.IM]
    options = [_named(each.id, reader.sandbox.title(each, reader.person)) for each in mine]
    _boxes(element, block, surface, options, set(surface.value(block, element)["selected_conversations"]))


def _named(value: str, name: str) -> Json:
    return {"value": value, "text": {"type": "plain_text", "text": name, "emoji": False}}


def _boxes(element: Json, block: Json, surface: Surface, options: Sequence[Json], held: set[str]) -> None:
    with tag("div", classes="boxes"):
        for option in options:
            with tag("label", classes="box"):
                checked = "checked" if option["value"] in held else None
                box = tag("input", type="checkbox", value=option["value"], checked=checked)
                box.on(
                    "change",
                    lambda event, each=option["value"]: put(each, on=bool(event.args)),
                    js_handler="(event) => emit(event.target.checked)",
                )
                html(text_object(option["text"], surface.reader.names), "words", name="span")
                if option.get("description"):
                    html(text_object(option["description"], surface.reader.names), "box-more", name="span")

    async def put(chosen: str, *, on: bool) -> None:
        (held.add if on else held.discard)(chosen)
        given: Any = [each["value"] for each in options if each["value"] in held]
        await surface.put(block, element, given)


def draw_unknown(element: Json, block: Json, surface: Surface) -> None:
    """A box with the block's or element's type and its JSON."""
    with tag("div", classes="unknown", role="note"):
        tag("p", f"This page cannot draw “{element.get('type', '')}”. Slack may; here is its JSON:")
        tag("pre", json.dumps(element, indent=2, ensure_ascii=False))


def draw_button(element: Json, block: Json, surface: Surface) -> Element:
    """A button; one with an address opens it as well."""
    style = f"btn-{element['style']}" if element.get("style") else ""
    drawn = button(_label(element), f"block-btn {style}", aria_label=element.get("accessibility_label"))
    if url := str(element.get("url") or ""):
        drawn.on("click", js_handler=f"() => window.open({url!r}, '_blank', 'noopener')")
    busy_while(drawn, lambda: surface.click(block, element))
    return drawn


def _label(element: Json) -> str:
    words = str(element["text"]["text"])
    for name, character in EMOJI.items():
        words = words.replace(f":{name}:", character)
    return words


def draw_feedback(element: Json, block: Json, surface: Surface) -> None:
    """Thumbs up and down."""
    for side, symbol in (("positive_button", "thumb_up"), ("negative_button", "thumb_down")):
        half = element[side]
        name = half.get("accessibility_label") or half["text"]["text"]
        drawn = button(symbol=symbol, classes="btn-icon", aria_label=name, title=half["text"]["text"])
        busy_while(drawn, partial(surface.click, block, element, half["value"]))


def draw_text(element: Json, block: Json, surface: Surface) -> Element:
    """A line or a box to type into."""
    value = str(surface.value(block, element)["value"] or "")
    hint = element.get("placeholder", {}).get("text", "")
    if element.get("multiline"):
        drawn: ui.input = ui.textarea(value=value, placeholder=hint).props("autogrow")
    else:
        drawn = ui.input(value=value, placeholder=hint)
        # A number is typed as text: the browser's own number field would swallow what it does not like.
        drawn.props["type"] = "text"
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


# What is returned is the one control that a label names; None where there are several.
DrawElement = Callable[[Json, Json, Surface], Element | None]

ELEMENTS: Final[dict[str, DrawElement]] = {
    "button": draw_button,
    "checkboxes": draw_checkboxes,
    "feedback_buttons": draw_feedback,
    "file_input": draw_file_input,
    "multi_conversations_select": draw_channel_select,
    "multi_users_select": draw_people_select,
    "number_input": draw_text,
    "plain_text_input": draw_text,
    "static_select": draw_select,
}


def draw_element(element: Json, block: Json, surface: Surface) -> Element | None:
    """Draw one element of a block."""
    return ELEMENTS.get(element["type"], draw_unknown)(element, block, surface)
