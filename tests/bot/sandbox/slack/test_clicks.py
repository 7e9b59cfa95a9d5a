"""Buttons, thumbs and shortcuts on messages, and what is not before a person's eyes."""

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Channel, ClientRefusal, Person, SlackStandIn
from tests.bot.sandbox.slack.recorder import OPTIONS, Recorder, modal, opened, plain

Json = dict[str, Any]


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
