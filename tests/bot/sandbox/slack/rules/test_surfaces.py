"""The limits of Block Kit, one broken at a time, and cross-checked with Slack's own model classes."""

import copy
from typing import Any

import pytest
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, HeaderBlock, Option, SectionBlock

from bot.sandbox.slack import SlackError, SlackWorkspace
from bot.sandbox.slack.rules import block_shapes, element_shapes
from bot.sandbox.slack.rules.surfaces import message_blocks, view_definition

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def button(**changes: Any) -> Json:
    return {"type": "button", "action_id": "go", "text": plain("Go"), **changes}


def actions(*inside: Json) -> Json:
    return {"type": "actions", "elements": list(inside)}


def option(number: int = 1, **changes: Any) -> Json:
    return {"text": plain(f"Option {number}"), "value": str(number), **changes}


def select(count: int = 2, **changes: Any) -> Json:
    return {"type": "static_select", "options": [option(number) for number in range(count)], **changes}


def chart(points: int = 2, **changes: Any) -> Json:
    labels = [str(number) for number in range(points)]
    data = [{"label": label, "value": 1.5} for label in labels]
    line = {
        "type": "line",
        "series": [{"name": "loss", "data": data}],
        "axis_config": {"categories": labels, "x_label": "step", "y_label": "loss"},
    }
    return {"type": "data_visualization", "title": "Loss", "chart": line, **changes}


def feedback(value: str = "good") -> Json:
    good, bad = {"text": plain("Good"), "value": value}, {"text": plain("Bad"), "value": "bad"}
    element = {"type": "feedback_buttons", "action_id": "f", "positive_button": good, "negative_button": bad}
    return {"type": "context_actions", "elements": [element]}


SOUND: list[Json] = [
    {"type": "section", "text": mrkdwn("x" * 3000), "accessory": button()},
    {"type": "section", "fields": [mrkdwn("x" * 200)] * 10},
    {"type": "header", "text": plain("x" * 150)},
    {"type": "divider", "block_id": "b" * 255},
    actions(*(button(action_id=str(number), value="v" * 2000) for number in range(25))),
    actions(select(100, placeholder=plain("x" * 150)), button(text=plain("x" * 75))),
    {"type": "context", "elements": [mrkdwn("x")] * 10},
    {"type": "markdown", "text": "x" * 12_000},
    chart(20),
    feedback(),
    {
        "type": "container",
        "title": plain("x" * 150),
        "is_collapsible": True,
        "child_blocks": [actions(button())] * 10,
    },
]
UNSOUND: list[tuple[Json, str]] = [
    ({"type": "sparkle"}, "unsupported type: sparkle [json-pointer:/blocks/0]"),
    (actions({"type": "datepicker"}), "unsupported type: datepicker [json-pointer:/blocks/0/elements/0]"),
    ({"type": "section"}, "missing required field: text or fields"),
    ({"type": "section", "text": mrkdwn("x" * 3001)}, "3001 characters [json-pointer:/blocks/0/text/text]"),
    ({"type": "section", "fields": [mrkdwn("x" * 2001)]}, "must be less than 2001 characters"),
    ({"type": "section", "fields": [mrkdwn("x")] * 11}, "10 items allowed [json-pointer:/blocks/0/fields]"),
    ({"type": "section", "text": mrkdwn("")}, "must be more than 0 characters"),
    ({"type": "section", "text": {"type": "html", "text": "x"}}, "unsupported type: html"),
    ({"type": "section", "text": mrkdwn("x"), "accessory": {"type": "file_input"}}, "type: file_input"),
    ({"type": "header", "text": plain("x" * 151)}, "must be less than 151 characters"),
    ({"type": "header", "text": mrkdwn("x")}, "unsupported type: mrkdwn"),
    ({"type": "divider", "block_id": "b" * 256}, "256 characters [json-pointer:/blocks/0/block_id]"),
    (actions(*(button(action_id=str(number)) for number in range(26))), "no more than 25 items"),
    (actions(), "must have at least 1 item"),
    (actions(button(text=plain("x" * 76))), "must be less than 76 characters"),
    (actions(button(value="v" * 2001)), "must be less than 2001 characters"),
    (actions(button(action_id="a" * 256)), "must be less than 256 characters"),
    (actions(button(style="shiny")), "must be one of the allowed values"),
    (actions(button(), button()), "already exists for another element"),
    (actions(button(confirm={"title": plain("x" * 101)})), "must be less than 101 characters"),
    (actions(select(101)), "no more than 100 items allowed"),
    (actions(select(placeholder=plain("x" * 151))), "must be less than 151 characters"),
    (actions(select(initial_option=option(9))), "initial option is not one of the options"),
    (actions({"type": "static_select", "options": [option(text=plain("x" * 76))]}), "less than 76 characters"),
    (actions({"type": "static_select", "options": [option(value="x" * 151)]}), "must be less than 151 characters"),
    (actions({"type": "static_select", "options": [option(), option()]}), "must be unique"),
    (actions({"type": "static_select"}), "exactly one of options or option_groups"),
    (actions({"type": "plain_text_input"}), "unsupported type: plain_text_input"),
    ({"type": "context", "elements": [mrkdwn("x")] * 11}, "no more than 10 items allowed"),
    ({"type": "markdown", "text": "x" * 12_001}, "must be less than 12001 characters"),
    ({"type": "input", "label": plain("x"), "element": {"type": "plain_text_input"}}, "unsupported type: input"),
    (chart(21), "no more than 20 items allowed"),
    (chart(title="x" * 51), "must be less than 51 characters"),
    (feedback("x" * 2001), "must be less than 2001 characters"),
    ({"type": "context_actions", "elements": [button()]}, "unsupported type: button"),
    ({"type": "divider", "colour": "red"}, "invalid additional property: colour [json-pointer:/blocks/0]"),
    (actions(button(text={**plain("Go"), "verbatim": True})), "invalid additional property: verbatim"),
    ({"type": "container", "child_blocks": [{"type": "divider"}] * 11}, "no more than 10 items allowed"),
    ({"type": "container", "child_blocks": [{"type": "header", "text": mrkdwn("x")}]}, "/child_blocks/0/text]"),
]  # fmt: skip


def reasons(*given: Json, workspace: SlackWorkspace | None = None) -> str:
    with pytest.raises(SlackError) as caught:
        message_blocks(list(given), workspace or SlackWorkspace())
    assert caught.value.code == "invalid_blocks"
    return "\n".join(caught.value.messages)


@pytest.mark.parametrize("block", SOUND, ids=lambda block: block["type"])
def test_a_block_at_its_limits_is_taken(block: Json) -> None:
    kept = message_blocks([block], SlackWorkspace())
    assert kept[0]["type"] == block["type"]
    assert kept[0]["block_id"]


@pytest.mark.parametrize(("block", "reason"), UNSOUND, ids=lambda value: value if isinstance(value, str) else "")
def test_a_block_past_a_limit_is_refused_with_the_place(block: Json, reason: str) -> None:
    assert reason in reasons(block)


def test_every_fault_is_named_at_once() -> None:
    said = reasons({"type": "header", "text": plain("x" * 151)}, actions(button(value="v" * 2001)))
    assert "/blocks/0/text/text" in said
    assert "/blocks/1/elements/0/value" in said


def test_block_ids_are_unique_and_blocks_at_most_fifty() -> None:
    divider = {"type": "divider", "block_id": "same"}
    assert '`block_id` "same" already exists' in reasons(divider, divider)
    assert "no more than 50 items allowed [json-pointer:/blocks]" in reasons(*[{"type": "divider"}] * 51)


def test_a_chart_must_cover_its_categories_and_a_message_holds_two() -> None:
    lame = chart(3)
    lame["chart"] = copy.deepcopy(lame["chart"])
    lame["chart"]["series"][0]["data"].pop()
    assert "one data point for every category" in reasons(lame)
    long = chart(1)
    long["chart"]["axis_config"]["categories"] = ["x" * 21]
    assert "categories must be strings of 1 to 20 characters" in reasons(long)
    endless = chart(1)
    endless["chart"]["series"][0]["data"][0]["value"] = float("nan")
    assert "value must be a finite number" in reasons(endless)
    assert "no more than 2 data_visualization blocks" in reasons(chart(), chart(), chart())


def test_a_workspace_without_charts_refuses_them_as_an_unknown_type() -> None:
    workspace = SlackWorkspace()
    workspace.charts_enabled = False
    assert "unsupported type: data_visualization" in reasons(chart(), workspace=workspace)


def test_markdown_counts_over_all_blocks() -> None:
    assert "over all blocks" in reasons(*[{"type": "markdown", "text": "x" * 6_001}] * 2)


def modal(*inside: Json, **changes: Any) -> Json:
    return {"type": "modal", "title": plain("Tune"), "submit": plain("Go"), "blocks": list(inside), **changes}


def field(element: Json, **changes: Any) -> Json:
    return {"type": "input", "label": plain("Label"), "element": element, **changes}


BROKEN_MODALS: list[tuple[Json, str]] = [
    (modal(title=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
    (modal(submit=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
    (modal(close=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/close/text]"),
    (modal(private_metadata="x" * 3001), "must be less than 3001 characters"),
    (modal(*[{"type": "divider"}] * 101), "no more than 100 items allowed"),
    (modal(field({"type": "plain_text_input"}), submit=None), "missing required field: submit"),
    (modal(field({"type": "file_input", "max_files": 11})), "must be between 1 and 10"),
    (modal(field({"type": "file_input", "max_files": 0})), "must be between 1 and 10"),
    (modal(field({"type": "file_input"}, dispatch_action=True)), "dispatch_action is not allowed"),
    (modal(actions({"type": "file_input"})), "unsupported type: file_input"),
    (modal(field({"type": "file_input", "placeholder": plain("x")})), "invalid additional property: placeholder"),
    (modal(field({"type": "button", "text": plain("x")})), "unsupported type: button"),
    (modal(field({"type": "number_input"})), "missing required field: is_decimal_allowed"),
    (modal(field({"type": "number_input", "is_decimal_allowed": False, "initial_value": "1.5"})), "an integer"),
    (modal(field({"type": "number_input", "is_decimal_allowed": True, "min_value": 1})), "a number in a string"),
    (modal(field({"type": "plain_text_input", "max_length": 3001})), "must be between 1 and 3000"),
    (modal(field({"type": "plain_text_input"}, label=plain("x" * 2001))), "must be less than 2001 characters"),
    (modal(chart()), "unsupported type: data_visualization"),
    (modal(colour="red"), "invalid additional property: colour [json-pointer:/view]"),
    ({"type": "home", "blocks": [], "title": plain("x")}, "invalid additional property: title"),
    ({"type": "home", "blocks": [field({"type": "file_input"})]}, "unsupported type: file_input"),
    ({"type": "window", "blocks": []}, "must be one of the allowed values: modal, home"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("view", "reason"), BROKEN_MODALS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_view_past_a_limit_is_refused(view: Json, reason: str) -> None:
    with pytest.raises(SlackError) as caught:
        view_definition(view)
    assert caught.value.code == "invalid_arguments"
    assert reason in "\n".join(caught.value.messages)


def test_a_modal_at_its_limits_is_taken() -> None:
    inputs = [
        field({"type": "file_input", "max_files": 10}),
        field({"type": "number_input", "is_decimal_allowed": False, "initial_value": "3"}),
    ]
    kept = view_definition(modal(*inputs, *[{"type": "divider"}] * 98, title=plain("x" * 24)))
    assert len({block["block_id"] for block in kept["blocks"]}) == 100


def test_a_huge_view_is_too_large() -> None:
    rows = [{"type": "section", "text": mrkdwn("x" * 2900)}] * 100
    with pytest.raises(SlackError, match="view_too_large"):
        view_definition(modal(*rows))


def test_our_limits_are_those_of_slacks_own_model_classes() -> None:
    assert ButtonElement.action_id_max_length == element_shapes.ID
    assert ButtonElement.text_max_length == element_shapes.BUTTON_TEXT
    assert ButtonElement.value_max_length == element_shapes.BUTTON_VALUE
    assert SectionBlock.text_max_length == block_shapes.SECTION_TEXT
    assert HeaderBlock.text_max_length == block_shapes.HEADER_TEXT
    assert Option.label_max_length == element_shapes.OPTION_TEXT
    assert Option.value_max_length == element_shapes.OPTION_VALUE
    assert ActionsBlock.elements_max_length == 25


def test_what_slacks_own_classes_build_is_taken_and_what_they_refuse_is_refused() -> None:
    sound = [
        HeaderBlock(text="x" * 150),
        SectionBlock(text="x" * 3000),
        ActionsBlock(elements=[ButtonElement(text="x" * 75, action_id="a", value="v" * 2000)]),
    ]
    assert len(message_blocks([block.to_dict() for block in sound], SlackWorkspace())) == 3
    for block, raw in (
        (HeaderBlock(text="x" * 151), {"type": "header", "text": plain("x" * 151)}),
        (SectionBlock(text="x" * 3001), {"type": "section", "text": mrkdwn("x" * 3001)}),
    ):
        with pytest.raises(SlackObjectFormationError):
            block.to_dict()
        assert reasons(raw)
