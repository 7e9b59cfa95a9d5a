"""Forms and clicks: what people fill in and press, and what the app hears and answers."""

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Channel, ClientRefusal, Person, SlackStandIn
from tests.bot.sandbox.slack.recorder import OPTIONS, Recorder, field, modal, opened, plain

Json = dict[str, Any]


EVERYTHING = [
    field("name", {"type": "plain_text_input", "action_id": "a", "initial_value": "numbers", "max_length": 10}),
    field("epochs", {"type": "number_input", "action_id": "a", "is_decimal_allowed": False, "max_value": "100"}),
    field(
        "backend", {"type": "static_select", "action_id": "a", "options": OPTIONS, "initial_option": OPTIONS[0]}
    ),
    field("more", {"type": "checkboxes", "action_id": "a", "options": OPTIONS}, optional=True),
    field("where", {"type": "multi_conversations_select", "action_id": "a"}, optional=True),
    field("file", {"type": "file_input", "action_id": "a", "max_files": 1, "filetypes": ["jsonl"]}, optional=True),
]


async def test_a_submission_carries_every_inputs_value_in_slacks_shapes(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel, bolt: Recorder
) -> None:
    await opened(slack, client, ana, modal(*EVERYTHING, private_metadata="kept"))
    sent = await ana.submit_view(
        values={
            "epochs": 5,
            "more": ["vertex", "palm"],
            "where": [general.id],
            "file": ("numbers.jsonl", b"{}"),
        }
    )
    assert sent.action == "close"
    (body,) = bolt.seen
    values = {block: inputs["a"] for block, inputs in body["view"]["state"]["values"].items()}
    assert values["name"] == {"type": "plain_text_input", "value": "numbers"}
    assert values["epochs"] == {"type": "number_input", "value": "5"}
    assert values["backend"]["selected_option"]["value"] == "vertex"
    assert [option["value"] for option in values["more"]["selected_options"]] == ["vertex", "palm"]
    assert values["where"]["selected_conversations"] == [general.id]
    (file,) = values["file"]["files"]
    assert (file["name"], file["size"], file["user"]) == ("numbers.jsonl", 2, ana.id)
    assert body["view"]["private_metadata"] == "kept"


async def test_an_empty_file_input_is_sent_as_none(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, bolt: Recorder
) -> None:
    await opened(slack, client, ana, modal(*EVERYTHING))
    await ana.submit_view(values={"epochs": 5})
    values = bolt.seen[0]["view"]["state"]["values"]
    assert values["file"]["a"] == {"type": "file_input", "files": None}


@pytest.mark.parametrize(
    ("values", "field_id"),
    [
        ({}, "epochs"),
        ({"epochs": "5.5"}, "epochs"),
        ({"epochs": "101"}, "epochs"),
        ({"epochs": "many"}, "epochs"),
        ({"epochs": 1, "name": "x" * 11}, "name"),
    ],
)
async def test_slacks_app_holds_an_unsound_form_back(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, bolt: Recorder, values: Any, field_id: str
) -> None:
    await opened(slack, client, ana, modal(*EVERYTHING))
    with pytest.raises(ClientRefusal) as caught:
        await ana.submit_view(values=values)
    assert list(caught.value.fields) == [field_id]
    assert bolt.seen == []


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"file": [("a.jsonl", b""), ("b.jsonl", b"")]}, "at most 1 file"),
        ({"file": ("a.csv", b"")}, "not one of"),
        ({"file": ("a.jsonl", bytes(10 * 1024 * 1024 + 1))}, "larger than 10 MB"),
        ({"backend": "claude"}, "is not offered"),
        ({"colour": "red"}, "0 elements are called 'colour'"),
    ],
)
async def test_slacks_app_takes_no_value_that_the_element_does_not_allow(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, values: Any, reason: str
) -> None:
    await opened(slack, client, ana, modal(*EVERYTHING))
    with pytest.raises(ClientRefusal, match=reason):
        ana.fill(values)


@pytest.mark.parametrize("action", ["update", "push", "clear", "errors"])
async def test_the_acknowledgement_decides_what_is_seen_next(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, bolt: Recorder, action: str
) -> None:
    await opened(slack, client, ana, modal(field("name", {"type": "plain_text_input", "action_id": "a"})))
    first = ana.modal
    second = modal(title=plain("Next"))
    extra = {"update": {"view": second}, "push": {"view": second}, "errors": {"errors": {"name": "Taken."}}}
    bolt.answer = {"response_action": action, **extra.get(action, {})}
    sent = await ana.submit_view(values={"name": "x"})
    assert sent.action == action
    match action:
        case "update":
            assert ana.modal is first
            assert first is not None
            assert first.title == "Next"
        case "push":
            assert ana.modal is not first
            assert sent.view is ana.modal
        case "clear":
            assert ana.modal is None
        case "errors":
            assert (ana.modal, sent.errors) == (first, {"name": "Taken."})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"response_action": "errors", "errors": {"nowhere": "x"}}, "no input block is called nowhere"),
        ({"response_action": "update", "view": {"type": "modal", "blocks": []}}, "missing required field: title"),
    ],
)
async def test_an_acknowledgement_that_slack_cannot_follow_is_shown_as_an_error(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, bolt: Recorder, answer: Json, reason: str
) -> None:
    await opened(slack, client, ana, modal(field("name", {"type": "plain_text_input", "action_id": "a"})))
    bolt.answer = answer
    sent = await ana.submit_view(values={"name": "x"})
    assert sent.action == "error"
    assert reason in sent.problem
    assert ana.modal is not None


async def test_closing_is_told_only_where_the_view_asks_for_it(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, bolt: Recorder
) -> None:
    await opened(slack, client, ana, modal())
    assert await ana.close_view() is None
    await opened(slack, client, ana, modal(notify_on_close=True))
    closed = await ana.close_view()
    assert closed is not None
    assert closed.acked
    assert [body["type"] for body in bolt.seen] == ["view_closed"]
    with pytest.raises(ClientRefusal, match="no modal open"):
        await ana.close_view()


async def test_inputs_speak_up_only_with_dispatch_action(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, bolt: Recorder
) -> None:
    quiet = field("quiet", {"type": "plain_text_input", "action_id": "b"})
    loud = field("loud", {"type": "static_select", "action_id": "a", "options": OPTIONS}, dispatch_action=True)
    await opened(slack, client, ana, modal(quiet, loud))
    assert ana.modal is not None
    assert await ana.select(ana.modal, "quiet", "words") is None
    assert (await ana.select(ana.modal, "loud", "palm")) is not None
    (body,) = bolt.seen
    assert body["actions"][0]["selected_option"]["value"] == "palm"
    assert body["view"]["state"]["values"]["quiet"]["b"]["value"] == "words"
    assert body["container"] == {"type": "view", "view_id": ana.modal.id}


async def test_clicks_in_messages_name_the_button_the_message_and_its_state(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel, bolt: Recorder
) -> None:
    buttons = [
        {"type": "button", "action_id": name, "text": plain(name), "value": value}
        for name, value in (("a", "1"), ("b", "2"))
    ]
    chooser = {"type": "static_select", "action_id": "c", "options": OPTIONS}
    thumbs: Json = {"type": "feedback_buttons", "action_id": "b"}
    for side in ("positive", "negative"):
        thumbs[f"{side}_button"] = {"text": plain(side), "value": f"{side}!"}
    blocks: list[Json] = [
        {"type": "actions", "block_id": "row", "elements": [*buttons, chooser]},
        {"type": "context_actions", "block_id": "thumbs", "elements": [thumbs]},
    ]
    ts = (await client.chat_postMessage(channel=general.id, text="card", blocks=blocks))["ts"]
    card = general.message(ts)
    assert card is not None
    await ana.click(card, "a")
    body = bolt.seen[0]
    assert (body["actions"][0]["value"], body["message"]["ts"], body["channel"]["id"]) == ("1", ts, general.id)
    assert body["state"]["values"]["row"]["c"] == {"type": "static_select", "selected_option": None}
    await ana.click(card, ("thumbs", "b"), "negative")
    assert bolt.seen[1]["actions"][0]["value"] == "negative!"
    with pytest.raises(ClientRefusal, match="cannot be clicked"):
        await ana.click(card, "c")
    with pytest.raises(ClientRefusal, match="2 elements"):
        await ana.click(card, "b")


async def test_a_message_shortcut_carries_the_message_with_its_files(
    slack: SlackStandIn, ana: Person, general: Channel, bolt: Recorder
) -> None:
    file = ana.upload(general, "a.jsonl", b"{}", "here")
    message = general.messages[-1]
    await ana.message_shortcut("tune_file", message)
    (body,) = bolt.seen
    assert body["type"] == "message_action"
    assert body["message"]["files"][0]["id"] == file.id
    assert body["message_ts"] == message.ts
    await slack.settle()


async def test_nobody_acts_on_what_they_do_not_see(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel
) -> None:
    bob = slack.person("bob")
    general.members.add(bob.id)
    button = {"type": "button", "action_id": "a", "text": plain("a")}
    actions = {"type": "actions", "elements": [button]}
    await client.chat_postEphemeral(channel=general.id, user=ana.id, text="psst", blocks=[actions])
    with pytest.raises(ClientRefusal, match="does not see"):
        await bob.click(slack.workspace.messages()[0], "a")
    await opened(slack, client, ana, modal())
    with pytest.raises(ClientRefusal, match="does not see"):
        await bob.submit_view(ana.modal)
