"""Reading channels and threads."""

from collections.abc import Awaitable, Callable
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Channel, Person, SlackStandIn

Refused = Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]


async def test_history_is_newest_first_in_pages_and_leaves_replies_out(
    client: AsyncWebClient, ana: Person, general: Channel
) -> None:
    first, second, third = (ana.post(general, text) for text in ("one", "two", "three"))
    ana.post(general, "a reply", thread_ts=first.ts)
    page = await client.conversations_history(channel=general.id, limit=2)
    assert [message["text"] for message in page["messages"]] == ["three", "two"]
    assert page["has_more"]
    cursor = page["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(channel=general.id, limit=2, cursor=cursor)
    assert [message["text"] for message in rest["messages"]] == ["one"]
    assert rest["messages"][0]["reply_count"] == 1
    between = await client.conversations_history(channel=general.id, oldest=first.ts, latest=third.ts)
    assert [message["ts"] for message in between["messages"]] == [second.ts]
    one = await client.conversations_history(channel=general.id, latest=second.ts, inclusive=True, limit=1)
    assert one["messages"][0]["ts"] == second.ts


async def test_replies_begin_with_the_root(
    client: AsyncWebClient, ana: Person, general: Channel, refused: Refused
) -> None:
    root = ana.post(general, "root")
    ana.post(general, "other")
    reply = await client.chat_postMessage(channel=general.id, text="reply", thread_ts=root.ts)
    thread = await client.conversations_replies(channel=general.id, ts=reply["ts"])
    assert [message["text"] for message in thread["messages"]] == ["root", "reply"]
    assert thread["messages"][1]["parent_user_id"] == ana.id
    lost = await refused(client.conversations_replies(channel=general.id, ts="1.000001"))
    assert lost["error"] == "thread_not_found"


async def test_reading_takes_membership_and_the_scope_of_that_kind_of_channel(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, refused: Refused
) -> None:
    outside = slack.add_channel("outside", ana, with_bot=False)
    secret = slack.add_channel("secret", ana, private=True)
    slack.app.scopes.discard("groups:history")
    assert (await refused(client.conversations_history(channel=outside.id)))["error"] == "not_in_channel"
    missing = await refused(client.conversations_history(channel=secret.id))
    assert (missing["error"], missing["needed"]) == ("missing_scope", "groups:history")
    slack.invite_bot(outside.id)
    assert (await client.conversations_history(channel=outside.id))["messages"] == []


async def test_a_channel_is_described_and_its_members_are_listed_in_pages(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel, refused: Refused
) -> None:
    described = (await client.conversations_info(channel=general.id))["channel"]
    assert [described[name] for name in ("name", "is_private", "is_ext_shared")] == ["general", False, False]
    first = await client.conversations_members(channel=general.id, limit=1)
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_members(channel=general.id, limit=1, cursor=cursor)
    assert {*first["members"], *second["members"]} == {ana.id, slack.app.bot_user_id}
    assert second["response_metadata"]["next_cursor"] == ""
    wrong = await refused(client.conversations_members(channel=general.id, cursor="nonsense"))
    assert wrong["error"] == "invalid_cursor"


async def test_the_members_of_a_private_channel_are_told_to_those_who_are_in_it(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, refused: Refused
) -> None:
    secret = slack.add_channel("secret", ana, private=True)
    hidden = slack.add_channel("hidden", ana, private=True, with_bot=False)
    assert set((await client.conversations_members(channel=secret.id))["members"]) == {
        ana.id,
        slack.app.bot_user_id,
    }
    assert (await refused(client.conversations_members(channel=hidden.id)))["error"] == "channel_not_found"
    slack.app.scopes.discard("groups:read")
    assert (await refused(client.conversations_members(channel=secret.id)))["error"] == "missing_scope"
