"""Posting, editing and deleting, with the refusals that Slack answers."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import APP_TOKEN, BOT_TOKEN, Channel, Person, SlackStandIn
from tests.support.clock import FixedClock

Refused = Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}}


async def test_a_posted_message_is_in_the_workspace_with_what_slack_fills_in(
    slack: SlackStandIn, client: AsyncWebClient, general: Channel
) -> None:
    answer = await client.chat_postMessage(
        channel=general.id,
        text="hello",
        blocks=[SECTION],
        metadata={"event_type": "job", "event_payload": {"id": 1}},
    )
    message = general.message(answer["ts"])
    assert message is not None
    assert (message.text, message.bot_id) == ("hello", slack.app.bot_id)
    assert message.blocks[0]["block_id"]
    assert message.blocks[0]["text"]["verbatim"] is False
    assert message.metadata == {"event_type": "job", "event_payload": {"id": 1}}
    call = slack.workspace.calls_of("chat.postMessage")[0]
    assert call.ok
    assert "token" not in call.args
    assert BOT_TOKEN not in repr(call)


async def test_an_update_without_blocks_removes_them_and_keeps_the_history(
    client: AsyncWebClient, general: Channel
) -> None:
    ts = (await client.chat_postMessage(channel=general.id, text="one", blocks=[SECTION]))["ts"]
    await client.chat_update(channel=general.id, ts=ts, text="two")
    message = general.message(ts)
    assert message is not None
    assert (message.text, message.blocks, message.edits) == ("two", [], 1)
    assert message.revisions[0].text == "one"


async def test_metadata_comes_back_in_history_only_when_asked_for(
    client: AsyncWebClient, general: Channel
) -> None:
    described = {"event_type": "job", "event_payload": {"key": "k"}}
    await client.chat_postMessage(channel=general.id, text="hello", metadata=described)
    plain = (await client.conversations_history(channel=general.id))["messages"][0]
    full = (await client.conversations_history(channel=general.id, include_all_metadata=True))["messages"][0]
    assert "metadata" not in plain
    assert full["metadata"] == described


async def test_under_a_first_message_that_was_deleted_a_thread_with_replies_goes_on_and_another_is_left(
    client: AsyncWebClient, general: Channel, ana: Person
) -> None:
    with_replies, alone = ana.post(general, "first"), ana.post(general, "second")
    ana.post(general, "reply", thread_ts=with_replies.ts)
    ana.delete(with_replies)
    ana.delete(alone)
    inside = await client.chat_postMessage(channel=general.id, text="x", thread_ts=with_replies.ts)
    outside = await client.chat_postMessage(channel=general.id, text="y", thread_ts=alone.ts)
    assert inside["message"]["thread_ts"] == with_replies.ts
    assert "thread_ts" not in outside["message"]
    thread = await client.conversations_replies(channel=general.id, ts=with_replies.ts)
    assert [each["text"] for each in thread["messages"]] == ["reply", "x"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": ""}, "no_text"),
        ({"text": "x", "thread_ts": "1.000000"}, "thread_not_found"),
        ({"text": "x", "blocks": [SECTION] * 51}, "invalid_blocks"),
        ({"text": "x", "blocks": "no json"}, "invalid_blocks_format"),
        ({"text": "x", "metadata": {"event_type": "job"}}, "invalid_metadata_schema"),
        ({"text": "x", "channel": "C404"}, "channel_not_found"),
    ],
)
async def test_a_message_that_breaks_a_rule_is_refused(
    client: AsyncWebClient, general: Channel, refused: Refused, arguments: dict[str, Any], code: str
) -> None:
    call = client.api_call("chat.postMessage", json={"channel": general.id, **arguments})
    answer = await refused(call)
    assert answer["error"] == code
    assert general.messages == []


async def test_blocks_together_may_not_say_too_much(
    client: AsyncWebClient, general: Channel, refused: Refused
) -> None:
    long = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2_700}}
    assert (await refused(client.chat_postMessage(channel=general.id, text="x", blocks=[long] * 5)))["error"] == (
        "msg_blocks_too_long"
    )
    assert (await client.chat_postMessage(channel=general.id, text="x", blocks=[long] * 4))["ok"]


async def test_an_update_takes_less_text_than_a_post(
    client: AsyncWebClient, general: Channel, refused: Refused
) -> None:
    ts = (await client.chat_postMessage(channel=general.id, text="x" * 4_001))["ts"]
    answer = await refused(client.chat_update(channel=general.id, ts=ts, text="x" * 4_001))
    assert answer["error"] == "msg_too_long"


async def test_only_its_own_messages_can_be_changed(
    client: AsyncWebClient, ana: Person, general: Channel, refused: Refused
) -> None:
    ts = ana.post(general, "mine").ts
    assert (await refused(client.chat_update(channel=general.id, ts=ts, text="x")))[
        "error"
    ] == "cant_update_message"
    assert (await refused(client.chat_delete(channel=general.id, ts=ts)))["error"] == "cant_delete_message"
    assert (await refused(client.chat_update(channel=general.id, ts="9.9", text="x")))[
        "error"
    ] == "message_not_found"


async def test_an_ephemeral_message_is_seen_by_one_and_cannot_be_updated(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel, refused: Refused
) -> None:
    ts = (await client.chat_postEphemeral(channel=general.id, user=ana.id, text="psst"))["message_ts"]
    shown = slack.workspace.messages(general.id)[0]
    assert shown.visible_to == ana.id
    assert (await refused(client.chat_update(channel=general.id, ts=ts, text="x")))["error"] == "message_not_found"
    assert (await client.conversations_history(channel=general.id))["messages"] == []
    with_bob = slack.person("bob")
    answer = await refused(client.chat_postEphemeral(channel=general.id, user=with_bob.id, text="psst"))
    assert answer["error"] == "user_not_in_channel"


async def test_a_deleted_message_is_gone(client: AsyncWebClient, general: Channel) -> None:
    ts = (await client.chat_postMessage(channel=general.id, text="hello"))["ts"]
    await client.chat_delete(channel=general.id, ts=ts)
    assert general.message(ts) is None
    assert (await client.conversations_history(channel=general.id))["messages"] == []


async def test_membership_and_archiving_are_respected(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, refused: Refused
) -> None:
    elsewhere = slack.add_channel("elsewhere", ana, with_bot=False)
    secret = slack.add_channel("secret", ana, private=True, with_bot=False)
    slack.app.scopes.discard("chat:write.public")

    async def code(channel: str) -> str:
        return str((await refused(client.chat_postMessage(channel=channel, text="x")))["error"])

    assert await code(elsewhere.id) == "not_in_channel"
    assert await code(secret.id) == "channel_not_found"
    elsewhere.members.add(slack.app.bot_user_id)
    elsewhere.is_archived = True
    assert await code(elsewhere.id) == "is_archived"


async def test_a_post_to_a_person_lands_in_their_direct_message(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person
) -> None:
    answer = await client.chat_postMessage(channel=ana.id, text="hello")
    assert answer["channel"].startswith("D")
    opened = await client.conversations_open(users=[ana.id])
    assert opened["channel"]["id"] == answer["channel"]


async def test_tokens_and_scopes_are_checked(slack: SlackStandIn, general: Channel, refused: Refused) -> None:
    async def code(token: str, method: str = "chat.postMessage") -> dict[str, Any]:
        caller = AsyncWebClient(token=token, base_url=slack.api_url)
        return await refused(caller.api_call(method, params={"channel": general.id, "text": "x"}))

    assert (await code(""))["error"] == "not_authed"
    assert (await code("xoxb-wrong"))["error"] == "invalid_auth"
    assert (await code(APP_TOKEN))["error"] == "not_allowed_token_type"
    assert (await code(BOT_TOKEN, "apps.connections.open"))["error"] == "not_allowed_token_type"
    assert (await code(BOT_TOKEN, "chat.fly"))["error"] == "unknown_method"
    slack.app.scopes.discard("chat:write")
    missing = await code(BOT_TOKEN)
    assert (missing["error"], missing["needed"]) == ("missing_scope", "chat:write")
    assert "files:read" in missing["provided"]


async def test_arguments_may_come_as_form_json_or_query_and_the_token_in_the_body(
    slack: SlackStandIn, general: Channel
) -> None:
    wanted = {"channel": general.id, "text": "hello", "token": BOT_TOKEN}
    url = f"{slack.api_url}chat.postMessage"
    bearer = {"Authorization": f"Bearer {BOT_TOKEN}"}
    async with aiohttp.ClientSession() as session:
        for request in (
            session.post(url, data=wanted),
            session.get(url, params=wanted),
            session.post(url, json={"channel": general.id, "text": "hello"}, headers=bearer),
        ):
            async with request as answer:
                assert (await answer.json())["ok"] is True
        async with session.post(url, data=b"{", headers={**bearer, "Content-Type": "application/json"}) as answer:
            assert (await answer.json())["error"] == "invalid_json"
    assert len(general.messages) == 3


async def test_rate_limits_answer_429_and_let_the_patient_through(
    slack: SlackStandIn, client: AsyncWebClient, general: Channel, clock: FixedClock, refused: Refused
) -> None:
    slack.limits.enabled = True
    ts = (await client.chat_postMessage(channel=general.id, text="one"))["ts"]
    assert (await refused(client.chat_postMessage(channel=general.id, text="two")))["error"] == "ratelimited"
    call = slack.workspace.calls[-1]
    assert call.status == 429
    clock.advance(seconds=1)
    assert (await client.chat_postMessage(channel=general.id, text="two"))["ok"]
    for number in range(50):
        await client.chat_update(channel=general.id, ts=ts, text=str(number))
    assert (await refused(client.chat_update(channel=general.id, ts=ts, text="too much")))[
        "error"
    ] == "ratelimited"
    clock.advance(seconds=60)
    assert (await client.chat_update(channel=general.id, ts=ts, text="now"))["ok"]
