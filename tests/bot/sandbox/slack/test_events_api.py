"""Events of other bots, other workspaces and nobody, as Slack delivers them."""

from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Channel, Person, SlackStandIn


def events(slack: SlackStandIn) -> list[dict[str, Any]]:
    return [delivery.payload["event"] for delivery in slack.workspace.deliveries]


async def test_another_bot_is_heard_with_its_bot_id_and_profile(
    slack: SlackStandIn, client: AsyncWebClient, general: Channel
) -> None:
    robot = slack.other_bot("robot")
    robot.join(general)
    posted = robot.post(general, robot.typed("@Tunebot hello"))
    message, mention = events(slack)[-2:]
    assert (message["type"], mention["type"]) == ("message", "app_mention")
    for event in (message, mention):
        assert (event["bot_id"], event["user"]) == (robot.user.bot_id, robot.id)
        assert event["bot_profile"]["name"] == "Robot"
    (read,) = (await client.conversations_history(channel=general.id))["messages"]
    assert (read["ts"], read["bot_id"], read["app_id"]) == (posted.ts, robot.user.bot_id, mention["app_id"])


async def test_a_legacy_bots_message_has_no_user(slack: SlackStandIn, general: Channel) -> None:
    robot = slack.other_bot("robot")
    robot.join(general)
    robot.post(general, "beep", as_legacy_bot=True)
    event = events(slack)[-1]
    assert (event["subtype"], event["username"]) == ("bot_message", "Robot")
    assert event["bot_id"] == robot.user.bot_id
    assert "user" not in event


async def test_somebody_of_another_workspace_is_told_by_team_and_channel(slack: SlackStandIn, ana: Person) -> None:
    stranger = slack.person("stranger", team_id="T0OTHER")
    shared = slack.add_channel("shared", ana, stranger)
    shared.is_ext_shared = True
    stranger.post(shared, "hello")
    payload = slack.workspace.deliveries[-1].payload
    assert payload["is_ext_shared_channel"]
    assert payload["team_id"] == slack.workspace.team_id
    event = payload["event"]
    assert [event[name] for name in ("team", "user_team", "source_team")] == ["T0OTHER"] * 3
    ana.post(shared, "hello")
    assert events(slack)[-1]["team"] == slack.workspace.team_id
    assert "user_team" not in events(slack)[-1]


async def test_a_workspace_of_an_enterprise_says_so_everywhere(
    slack: SlackStandIn, ana: Person, general: Channel
) -> None:
    slack.workspace.enterprise_id = "E0GRID"
    ana.post(general, "hello")
    payload = slack.workspace.deliveries[-1].payload
    assert payload["context_enterprise_id"] == payload["authorizations"][0]["enterprise_id"] == "E0GRID"
    assert (await ana.slash_command(general, "/tune")).payload["enterprise_id"] == "E0GRID"
    shortcut = await ana.message_shortcut("tune", slack.workspace.messages()[-1])
    assert shortcut.payload["enterprise"]["id"] == "E0GRID"


async def test_edits_and_deletions_by_the_app_itself_are_told_too(
    slack: SlackStandIn, client: AsyncWebClient, general: Channel
) -> None:
    posted = (await client.chat_postMessage(channel=general.id, text="one"))["ts"]
    await client.chat_update(channel=general.id, ts=posted, text="two")
    await client.chat_delete(channel=general.id, ts=posted)
    posted_event, changed, deleted = events(slack)
    assert (posted_event["text"], posted_event["bot_id"]) == ("one", slack.app.bot_id)
    assert (changed["subtype"], changed["message"]["text"], changed["message"]["ts"]) == (
        "message_changed", "two", posted,
    )  # fmt: skip
    assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", posted)


async def test_the_first_message_of_a_thread_with_replies_that_is_deleted_is_told_as_an_edit_by_slack(
    slack: SlackStandIn, ana: Person, general: Channel
) -> None:
    root = ana.post(general, "first")
    ana.post(general, "reply", thread_ts=root.ts)
    ana.delete(root)
    told = events(slack)[-1]
    assert told["subtype"] == "message_changed"
    assert (told["message"]["subtype"], told["message"]["user"]) == ("tombstone", "USLACKBOT")
    assert (told["message"]["ts"], told["previous_message"]["user"]) == (root.ts, ana.id)
