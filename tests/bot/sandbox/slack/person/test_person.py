"""What people type and do outside forms, the events it causes, and response URLs."""

from typing import Any

import aiohttp
import pytest

from bot.sandbox.slack import Channel, ClientRefusal, Person, SlackStandIn
from tests.support.clock import FixedClock


def heard(slack: SlackStandIn) -> list[str]:
    return [delivery.event_type for delivery in slack.workspace.deliveries]


async def test_a_message_causes_an_event_and_a_mention_two(
    slack: SlackStandIn, ana: Person, general: Channel
) -> None:
    ana.post(general, "hello")
    said = ana.post(general, ana.typed("@Tunebot tune"), [("a.jsonl", b"{}")])
    assert heard(slack) == ["message", "message", "app_mention"]
    message, mention = (delivery.payload["event"] for delivery in slack.workspace.deliveries[1:3])
    assert (message["subtype"], message["channel_type"], message["ts"]) == ("file_share", "channel", said.ts)
    assert mention["files"][0]["name"] == "a.jsonl"
    assert "subtype" not in mention
    ids = [delivery.payload["event_id"] for delivery in slack.workspace.deliveries]
    assert len(set(ids)) == 3


async def test_slack_sometimes_drops_the_mention_or_its_files(
    slack: SlackStandIn, ana: Person, general: Channel
) -> None:
    ana.post(general, ana.typed("@Tunebot tune"), [("a.jsonl", b"{}")], mention_files=False)
    ana.post(general, ana.typed("@Tunebot tune"), mention_event=False)
    assert heard(slack) == ["message", "app_mention", "message"]
    assert "files" not in slack.workspace.deliveries[1].payload["event"]


async def test_the_bot_hears_only_where_it_is_and_mentions_in_direct_messages_are_messages(
    slack: SlackStandIn, ana: Person
) -> None:
    elsewhere = slack.add_channel("elsewhere", ana, with_bot=False)
    ana.post(elsewhere, ana.typed("@Tunebot hello"))
    assert heard(slack) == []
    direct = ana.open_dm()
    ana.post(direct, ana.typed("@Tunebot hello"))
    assert heard(slack) == ["app_home_opened", "message"]
    assert slack.workspace.deliveries[1].payload["event"]["channel_type"] == "im"
    slack.invite_bot(elsewhere.id)
    assert heard(slack)[-1] == "member_joined_channel"


async def test_edits_and_deletions_are_told(slack: SlackStandIn, ana: Person, general: Channel) -> None:
    message = ana.post(general, "one")
    ana.edit(message, "two")
    ana.delete(message)
    events = [delivery.payload["event"] for delivery in slack.workspace.deliveries]
    told = [event.get("subtype", event["type"]) for event in events]
    assert told == ["message", "message_changed", "message_deleted"]
    assert events[1]["previous_message"]["text"] == "one"
    assert events[1]["message"]["text"] == "two"
    assert message.edits == 1


async def test_a_person_cannot_speak_where_they_are_not(slack: SlackStandIn, general: Channel) -> None:
    bob = slack.person("bob")
    with pytest.raises(ClientRefusal, match="bob is not in"):
        bob.post(general, "hello")
    bob.join("general")
    assert bob.post(general, "hello").user == bob.id
    assert heard(slack) == ["member_joined_channel", "message"]


async def test_a_command_with_nobody_listening_fails_as_slack_says_it(
    slack: SlackStandIn, ana: Person, general: Channel
) -> None:
    delivery = await ana.slash_command(general, "/tune", "x")
    assert not delivery.acked
    (regret,) = slack.workspace.messages(general.id)
    assert regret.text == '/tune failed with the error "dispatch_failed"'
    assert regret.visible_to == ana.id
    payload = delivery.payload
    assert (payload["command"], payload["text"], payload["user_id"]) == ("/tune", "x", ana.id)
    assert (payload["channel_id"], payload["channel_name"]) == (general.id, "general")


@pytest.fixture
async def response_url(slack: SlackStandIn, ana: Person, general: Channel) -> str:
    delivery = await ana.slash_command(general, "/tune")
    general.messages.clear()
    return str(delivery.payload["response_url"])


async def respond(url: str, **body: Any) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        return answer.status, await answer.text()


async def test_a_response_url_works_five_times(general: Channel, response_url: str, ana: Person) -> None:
    for number in range(5):
        assert await respond(response_url, text=str(number)) == (200, "ok")
    status, body = await respond(response_url, text="too much")
    assert status == 404
    assert "used_url" in body
    assert [message.visible_to for message in general.messages] == [ana.id] * 5


async def test_a_response_url_ends_after_half_an_hour(response_url: str, clock: FixedClock) -> None:
    clock.advance(seconds=1801)
    status, body = await respond(response_url, text="late")
    assert status == 404
    assert "expired_url" in body


async def test_a_response_may_be_for_all_and_must_be_sound(general: Channel, response_url: str) -> None:
    await respond(response_url, text="all", response_type="in_channel")
    assert general.messages[0].visible_to is None
    broken = [{"type": "sparkle"}]
    assert "invalid_blocks" in (await respond(response_url, text="x", blocks=broken))[1]
    assert "no_text" in (await respond(response_url))[1]
    assert "invalid_url" in (await respond(response_url + "x", text="x"))[1]


async def test_waiting_ends_with_a_clear_timeout(slack: SlackStandIn) -> None:
    with pytest.raises(TimeoutError, match=r"a matching message did not happen within 0\.01 s"):
        await slack.workspace.wait_for_message(within=0.01)


async def test_a_watcher_sees_every_change(slack: SlackStandIn, ana: Person, general: Channel) -> None:
    before = slack.workspace.version
    ana.post(general, "hello")
    assert await slack.workspace.wait_for_change(before) > before
