"""The elements of Block Kit: what each must hold, and in which blocks it may stand."""

from collections.abc import Callable

from bot.sandbox.slack.records import Json
from bot.sandbox.slack.rules.findings import Findings
from bot.sandbox.slack.rules.objects import (
    PLACEHOLDER,
    check_confirm,
    check_initial_options,
    check_option_source,
    check_optional_text,
    check_options,
    check_text,
)

ACTION_ID = 255
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
URL = 3000
ALT_TEXT = 2000


def _button(findings: Findings, element: Json) -> None:
    check_text(findings, element, "text", BUTTON_TEXT, plain=True)
    findings.longest(element, "value", BUTTON_VALUE)
    findings.longest(element, "url", URL)
    findings.longest(element, "accessibility_label", BUTTON_TEXT)
    findings.one_of(element, "style", "primary", "danger")


def check_image_source(findings: Findings, image: Json) -> None:
    """Check that a picture comes from one place and has words for those who cannot see it."""
    findings.required(image, "alt_text")
    findings.longest(image, "alt_text", ALT_TEXT)
    findings.longest(image, "image_url", URL)
    if ("image_url" in image) == ("slack_file" in image):
        findings.add("must provide exactly one of image_url or slack_file")
    if "slack_file" in image:
        with findings.at("slack_file"):
            if ("id" in image["slack_file"]) == ("url" in image["slack_file"]):
                findings.add("must provide exactly one of id or url")


def _static_select(findings: Findings, element: Json) -> None:
    check_option_source(findings, element)
    check_initial_options(findings, element)


def _external_select(findings: Findings, element: Json) -> None:
    length = element.get("min_query_length")
    if length is not None and not isinstance(length, int):
        findings.add("min_query_length must be an integer")


def _choice(findings: Findings, element: Json) -> None:
    check_options(findings, element, "options", 10, plain=False)
    check_initial_options(findings, element)


def _overflow(findings: Findings, element: Json) -> None:
    check_options(findings, element, "options", 5)


def _plain_text_input(findings: Findings, element: Json) -> None:
    longest = element.get("max_length")
    if longest is not None and not 1 <= longest <= 3000:
        with findings.at("max_length"):
            findings.add("must be between 1 and 3000")
    shortest = element.get("min_length")
    if shortest is not None and not 0 <= shortest <= 3000:
        with findings.at("min_length"):
            findings.add("must be between 0 and 3000")
    findings.longest(element, "initial_value", longest or 3000)


def _number_input(findings: Findings, element: Json) -> None:
    if not isinstance(element.get("is_decimal_allowed"), bool):
        findings.add("missing required field: is_decimal_allowed")
    for name in ("initial_value", "min_value", "max_value"):
        value = element.get(name)
        if value is None:
            continue
        with findings.at(name):
            try:
                number = float(value) if isinstance(value, str) else None
            except ValueError:
                number = None
            if number is None:
                findings.add("must be a number in a string")
            elif not element.get("is_decimal_allowed") and number != int(number):
                findings.add("must be an integer where is_decimal_allowed is false")


def _file_input(findings: Findings, element: Json) -> None:
    most = element.get("max_files", 10)
    if not isinstance(most, int) or not 1 <= most <= 10:
        with findings.at("max_files"):
            findings.add("must be between 1 and 10")
    if "filetypes" in element and not all(isinstance(kind, str) for kind in element["filetypes"]):
        with findings.at("filetypes"):
            findings.add("must be an array of strings")


def _feedback_buttons(findings: Findings, element: Json) -> None:
    for name in ("positive_button", "negative_button"):
        if findings.required(element, name):
            with findings.at(name):
                check_text(findings, element[name], "text", BUTTON_TEXT, plain=True)
                findings.required(element[name], "value")
                findings.longest(element[name], "value", BUTTON_VALUE)


def _icon_button(findings: Findings, element: Json) -> None:
    check_text(findings, element, "text", BUTTON_TEXT, plain=True)
    findings.required(element, "icon")
    findings.one_of(element, "icon", "trash")
    findings.longest(element, "value", BUTTON_VALUE)


def _nothing_more(findings: Findings, element: Json) -> None:
    """Has no fields beyond those that every element shares."""


_CHECKS: dict[str, Callable[[Findings, Json], None]] = {
    "button": _button,
    "static_select": _static_select,
    "multi_static_select": _static_select,
    "external_select": _external_select,
    "multi_external_select": _external_select,
    "users_select": _nothing_more,
    "multi_users_select": _nothing_more,
    "conversations_select": _nothing_more,
    "multi_conversations_select": _nothing_more,
    "channels_select": _nothing_more,
    "multi_channels_select": _nothing_more,
    "overflow": _overflow,
    "radio_buttons": _choice,
    "checkboxes": _choice,
    "datepicker": _nothing_more,
    "timepicker": _nothing_more,
    "datetimepicker": _nothing_more,
    "plain_text_input": _plain_text_input,
    "number_input": _number_input,
    "email_text_input": _nothing_more,
    "url_text_input": _nothing_more,
    "rich_text_input": _nothing_more,
    "file_input": _file_input,
    "feedback_buttons": _feedback_buttons,
    "icon_button": _icon_button,
}
_SELECTS = {kind for kind in _CHECKS if kind.endswith("_select")}
_PICKERS = {"datepicker", "timepicker"}

IN_ACTIONS = {"button", "overflow", "radio_buttons", "checkboxes", "datetimepicker"} | _SELECTS | _PICKERS
IN_SECTION = {"button", "overflow", "radio_buttons", "checkboxes", "image"} | _SELECTS | _PICKERS
IN_INPUT = set(_CHECKS) - {"button", "overflow", "feedback_buttons", "icon_button"}
IN_CONTEXT_ACTIONS = {"feedback_buttons", "icon_button"}
WITH_PLACEHOLDER = _SELECTS | _PICKERS | {
    "plain_text_input", "number_input", "email_text_input", "url_text_input", "rich_text_input",
}  # fmt: skip


def check_element(findings: Findings, element: Json, allowed: set[str]) -> None:
    """Check one element in a block that may hold the `allowed` types."""
    kind = element.get("type") if isinstance(element, dict) else None
    if kind not in allowed:
        findings.add(f"unsupported type: {kind}")
        return
    if kind == "image":
        check_image_source(findings, element)
        return
    findings.longest(element, "action_id", ACTION_ID)
    if "placeholder" in element and kind not in WITH_PLACEHOLDER:
        findings.add("invalid additional property: placeholder")
    check_optional_text(findings, element, "placeholder", PLACEHOLDER, plain=True)
    check_confirm(findings, element)
    _CHECKS[kind](findings, element)
