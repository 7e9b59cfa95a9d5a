"""The fields, types and limits of Block Kit's composition objects and elements, and where each element may be.

Only what the bot sends is here; a new element of the bot's needs a row first, and a painter in `page/block_kit`.
Source: https://docs.slack.dev/reference/block-kit/composition-objects (a page an object) and
https://docs.slack.dev/reference/block-kit/block-elements (a page an element, as ``button-element``).
"""

from bot.sandbox.slack.records import Json
from bot.sandbox.slack.rules.shapes import (
    Check,
    Fields,
    Findings,
    Needed,
    anything,
    boolean,
    by_type,
    exactly_one,
    items,
    one_of,
    shape,
    string,
    whole,
)

ID = 255
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
OPTION_TEXT = 75
OPTION_VALUE = 150
_URL = string(3000)


def text(most: int, *kinds: str) -> Check:
    """Return the check of a text object: https://docs.slack.dev/reference/block-kit/composition-objects/text-object"""
    words = Needed(string(most, least=1))
    shapes = {"plain_text": shape(text=words, emoji=boolean), "mrkdwn": shape(text=words, verbatim=boolean)}
    return by_type(shapes, kinds or shapes)


def plain(most: int) -> Check:
    return text(most, "plain_text")


def _options(most: int, *kinds: str) -> Check:
    words = text(OPTION_TEXT, *kinds)
    option = shape(text=Needed(words), value=Needed(string(OPTION_VALUE, 1)), description=words, url=_URL)
    return items(most, option, unique="value", called="option")


def _initial_option_is_offered(findings: Findings, element: Json) -> None:
    """Check that what is selected at first is one of the options, exactly."""
    one = element.get("initial_option")
    chosen = [*element.get("initial_options", []), *([one] if one is not None else [])]
    offered = {(option.get("value"), option.get("text", {}).get("text")) for option in all_options(element)}
    for option in chosen:
        if (
            not isinstance(option, dict)
            or (option.get("value"), option.get("text", {}).get("text")) not in offered
        ):
            findings.add("initial option is not one of the options")


_CONFIRM = shape(
    title=Needed(plain(100)), text=Needed(text(300)), confirm=Needed(plain(30)), deny=Needed(plain(30)),
    style=one_of("primary", "danger"),
)  # fmt: skip


def all_options(element: Json) -> list[Json]:
    """Return an element's options, those inside groups too."""
    grouped = [option for group in element.get("option_groups", []) for option in group.get("options", [])]
    return [*element.get("options", []), *grouped]


def _element(*also: Check, **fields: Check | Needed) -> Check:
    return shape(*also, action_id=string(ID), confirm=_CONFIRM, focus_on_load=boolean, **fields)


def _field(*also: Check, **fields: Check | Needed) -> Check:
    return _element(*also, placeholder=plain(150), **fields)


def _number_in_string(findings: Findings, element: Json) -> None:
    for name in ("initial_value", "min_value", "max_value"):
        value = element.get(name)
        if value is None:
            continue
        with findings.at(name):
            try:
                given = float(value) if isinstance(value, str) else None
            except ValueError:
                given = None
            if given is None:
                findings.add("must be a number in a string")
            elif not element.get("is_decimal_allowed") and not given.is_integer():
                findings.add("must be an integer where is_decimal_allowed is false")


def _initial_value_fits(findings: Findings, element: Json) -> None:
    most = element.get("max_length")
    if isinstance(most, int) and len(str(element.get("initial_value") or "")) > most:
        with findings.at("initial_value"):
            findings.add(f"must be less than {most + 1} characters")


_GROUPS = items(100, shape(label=Needed(plain(OPTION_TEXT)), options=Needed(_options(100, "plain_text"))))
_SEVERAL: Fields = {"max_selected_items": whole(1, 100)}
_IDS = items(100, string(ID))
_BUTTON: Fields = {"text": Needed(plain(BUTTON_TEXT)), "value": string(BUTTON_VALUE),
           "accessibility_label": string(BUTTON_TEXT)}  # fmt: skip
_THUMB = shape(**{**_BUTTON, "value": Needed(string(BUTTON_VALUE, 1))})

ELEMENTS: dict[str, Check] = {
    "button": _element(**_BUTTON, url=_URL, style=one_of("primary", "danger")),
    "feedback_buttons": _element(positive_button=Needed(_THUMB), negative_button=Needed(_THUMB)),
    "static_select": _field(
        exactly_one("options", "option_groups"), _initial_option_is_offered, initial_option=anything,
        options=_options(100, "plain_text"), option_groups=_GROUPS, response_url_enabled=boolean,
    ),
    "multi_users_select": _field(**_SEVERAL, initial_users=_IDS),
    "multi_conversations_select": _field(
        **_SEVERAL, initial_conversations=_IDS, default_to_current_conversation=boolean, filter=anything
    ),
    "checkboxes": _element(
        _initial_option_is_offered, options=Needed(_options(10)), initial_options=items(10, anything)
    ),
    "plain_text_input": _field(
        _initial_value_fits, initial_value=string(3000), dispatch_action_config=anything, multiline=boolean,
        min_length=whole(0, 3000), max_length=whole(1, 3000),
    ),
    "number_input": _field(
        _number_in_string, is_decimal_allowed=Needed(boolean), dispatch_action_config=anything,
        initial_value=anything, min_value=anything, max_value=anything,
    ),
    "file_input": _element(max_files=whole(1, 10), filetypes=items(100, string(20))),
}  # fmt: skip
IN_ACTIONS = {"button", "checkboxes"} | {kind for kind in ELEMENTS if kind.endswith("_select")}
IN_INPUT = set(ELEMENTS) - {"button", "feedback_buttons"}
