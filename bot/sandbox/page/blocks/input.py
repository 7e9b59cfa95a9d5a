"""The `input` block: a label, an element, a hint, and the error that a form answers with."""

from bot.sandbox.page.blocks.elements import draw_element
from bot.sandbox.page.markup import html, tag
from bot.sandbox.page.surface import Surface
from bot.sandbox.page.texts.mrkdwn import text_object
from bot.sandbox.slack.records import Json


def draw_input(block: Json, surface: Surface) -> None:
    """Label and element belong together for those who hear the form; hint and error describe it."""
    names = surface.reader.names
    with tag("div", classes="field") as field:
        with tag("label", classes="field-label") as label:
            html(text_object(block["label"], names), name="span")
            if block.get("optional"):
                tag("span", " (optional)", "field-optional")
        control = draw_element(block["element"], block, surface)
        error = tag("p", classes="field-error", role="alert")
        described = error.html_id
        if block.get("hint"):
            hint = html(text_object(block["hint"], names), "field-hint", name="p")
            described = f"{error.html_id} {hint.html_id}"
        if control is None:
            # Several controls under one name: the name belongs to the group.
            field.attribute("role", "group")
            field.attribute("aria-labelledby", label.html_id)
            field.attribute("aria-describedby", described)
        else:
            label.attribute("for", control.html_id)
            control.props["aria-describedby"] = described
            if not block.get("optional"):
                control.props["aria-required"] = "true"

    def show_error(text: str) -> None:
        if error.text != text:
            error.text = text
            field.classes(add="field-wrong" if text else "", remove="" if text else "field-wrong")
            if control is not None:
                control.props["aria-invalid"] = "true" if text else "false"

    surface.show_error[block["block_id"]] = show_error
