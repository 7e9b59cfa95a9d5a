"""Choosing: selects, radio buttons and checkboxes, as the browser's own controls."""

from collections.abc import Sequence
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from bot.sandbox.page.markup import html, tag
from bot.sandbox.page.surface import Surface
from bot.sandbox.page.texts.mrkdwn import text_object
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
