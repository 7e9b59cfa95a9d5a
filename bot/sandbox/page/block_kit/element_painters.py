"""The elements of Block Kit: buttons, menus, choices and inputs, and one table from a type to its painter."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from bot.sandbox.page.block_kit.charts import picture
from bot.sandbox.page.file_controls import draw_file_input
from bot.sandbox.page.markup import busy_while, button, html, menu_item, opens_menu, tag
from bot.sandbox.page.reader import Surface
from bot.sandbox.page.texts.mrkdwn import EMOJI, text_object
from bot.sandbox.slack import ChannelKind
from bot.sandbox.slack.records import Json

Option = tuple[str, str]


def draw_select(element: Json, block: Json, surface: Surface) -> Element:
    """A static select, with its groups."""
    held = surface.value(block, element).get("selected_option") or {}
    groups = [
        (group["label"]["text"], [_option(each) for each in group["options"]])
        for group in element.get("option_groups", [])
    ]
    return _select(
        element, block, surface, [("", [_option(each) for each in element.get("options", [])]), *groups],
        str(held.get("value", "")),
    )  # fmt: skip


def draw_user_select(element: Json, block: Json, surface: Surface) -> Element:
    """One of the people in the workspace."""
    users = surface.reader.sandbox.slack.workspace.users.values()
    held = surface.value(block, element).get("selected_user") or ""
    return _select(element, block, surface, [("", [(each.id, each.real_name) for each in users])], held)


def draw_channel_select(element: Json, block: Json, surface: Surface) -> Element:
    """One of the person's channels."""
    reader = surface.reader
    found = [
        (each.id, reader.sandbox.title(each, reader.person))
        for each in reader.sandbox.channels(reader.person)
        if element["type"] == "conversations_select" or each.kind is not ChannelKind.IM
    ]
    value = surface.value(block, element)
    held = value.get("selected_channel") or value.get("selected_conversation") or ""
    return _select(element, block, surface, [("", found)], held)


def _option(option: Json) -> Option:
    return str(option["value"]), str(option["text"]["text"])


def _select(
    element: Json, block: Json, surface: Surface, groups: Sequence[tuple[str, Sequence[Option]]], held: str
) -> Element:
    """The control; the empty choice says what to choose, and takes the choice back where that is allowed."""
    placeholder = element.get("placeholder", {}).get("text", "Choose an option")
    name = None if block["type"] == "input" else placeholder
    with tag("select", classes="select", aria_label=name) as drawn:
        # Only what may be left empty can be emptied again.
        if not held or block.get("optional"):
            tag("option", placeholder, value="", selected=None if held else "selected")
        for label, options in groups:
            if label:
                with tag("optgroup", label=label):
                    _options(options, held)
            else:
                _options(options, held)

    async def chosen(event: GenericEventArguments) -> None:
        await surface.put(block, element, event.args or None)

    drawn.on("change", chosen, js_handler="(event) => emit(event.target.value)")
    return drawn


def _options(options: Sequence[Option], held: str) -> None:
    for value, words in options:
        tag("option", words, value=value, selected="selected" if value == held else None)


def draw_multi_select(element: Json, block: Json, surface: Surface) -> None:
    """Several of the options: a list of checkboxes, which anybody can work without holding a key down."""
    grouped = [option for group in element.get("option_groups", []) for option in group["options"]]
    _boxes({**element, "options": [*element.get("options", []), *grouped]}, block, surface, "checkbox")


def draw_checkboxes(element: Json, block: Json, surface: Surface) -> None:
    """Any of the options."""
    _boxes(element, block, surface, "checkbox")


def draw_radio_buttons(element: Json, block: Json, surface: Surface) -> None:
    """One of the options."""
    _boxes(element, block, surface, "radio")


def _boxes(element: Json, block: Json, surface: Surface, kind: str) -> None:
    value = surface.value(block, element)
    single = value.get("selected_option")
    held = {each["value"] for each in ([single] if single else value.get("selected_options") or [])}
    # The block's own group has the name of several boxes; one of several wants a role of its own.
    radio = kind == "radio"
    name = block.get("label", {}).get("text", "Choose one") if radio else None
    with tag("div", classes="boxes", role="radiogroup" if radio else None, aria_label=name) as group:
        for option in element["options"]:
            with tag("label", classes="box"):
                box = tag(
                    "input", type=kind, value=option["value"], name=f"{group.html_id}",
                    checked="checked" if option["value"] in held else None,
                )  # fmt: skip
                box.on(
                    "change",
                    lambda event, each=option["value"]: put(each, on=bool(event.args)),
                    js_handler="(event) => emit(event.target.checked)",
                )
                html(text_object(option["text"], surface.reader.names), "words", name="span")
                if option.get("description"):
                    html(text_object(option["description"], surface.reader.names), "box-more", name="span")

    async def put(chosen: str, *, on: bool) -> None:
        if radio:
            await surface.put(block, element, chosen)
            return
        (held.add if on else held.discard)(chosen)
        given: Any = [each["value"] for each in element["options"] if each["value"] in held]
        await surface.put(block, element, given)


def draw_unknown(block: Json, surface: Surface) -> None:
    """A box with the block's or element's type and its JSON."""
    with tag("div", classes="unknown", role="note"):
        tag("p", f"This page cannot draw “{block.get('type', '')}”. Slack may; here is its JSON:")
        tag("pre", json.dumps(block, indent=2, ensure_ascii=False))


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


def draw_icon_button(element: Json, block: Json, surface: Surface) -> Element:
    """A button that is a symbol."""
    name = element.get("accessibility_label") or element["text"]["text"]
    symbol = {"trash": "delete"}.get(element["icon"], "touch_app")
    drawn = button(symbol=symbol, classes="btn-icon", aria_label=name, title=element["text"]["text"])
    busy_while(drawn, lambda: surface.click(block, element))
    return drawn


def draw_overflow(element: Json, block: Json, surface: Surface) -> Element:
    """Three dots with a menu."""
    drawn = button(symbol="more_horiz", classes="btn-icon", aria_label="More actions")

    def fill() -> None:
        for option in element["options"]:
            menu_item(option["text"]["text"], partial(surface.click, block, element, option["value"]))

    opens_menu(drawn, fill)
    return drawn


# A number is typed as text: the browser's own number field would swallow what it does not like.
_KINDS: Final = {"email_text_input": "email", "url_text_input": "url"}


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


# What is returned is the one control that a label names; None where there are several.
DrawElement = Callable[[Json, Json, Surface], Element | None]

ELEMENTS: Final[dict[str, DrawElement]] = {
    "button": draw_button,
    "channels_select": draw_channel_select,
    "checkboxes": draw_checkboxes,
    "conversations_select": draw_channel_select,
    "email_text_input": draw_text,
    "feedback_buttons": draw_feedback,
    "file_input": draw_file_input,
    "icon_button": draw_icon_button,
    "multi_static_select": draw_multi_select,
    "number_input": draw_text,
    "overflow": draw_overflow,
    "plain_text_input": draw_text,
    "radio_buttons": draw_radio_buttons,
    "static_select": draw_select,
    "url_text_input": draw_text,
    "users_select": draw_user_select,
}


def draw_element(element: Json, block: Json, surface: Surface) -> Element | None:
    """Draw one element of a block."""
    if element["type"] == "image":
        picture(element, surface, "accessory-image")
        return None
    draw = ELEMENTS.get(element["type"])
    if draw is None:
        draw_unknown(element, surface)
        return None
    return draw(element, block, surface)
