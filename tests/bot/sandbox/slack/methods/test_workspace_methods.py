"""Looking up users, user groups and the token, by Slack's own client."""

from collections.abc import Awaitable, Callable
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Person, SlackStandIn

Refused = Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]


async def test_people_and_the_token_can_be_looked_up(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, refused: Refused
) -> None:
    assert (await client.users_info(user=ana.id))["user"]["real_name"] == "Ana"
    assert (await refused(client.users_info(user="U404")))["error"] == "user_not_found"
    identity = await client.auth_test()
    assert identity["user_id"] == slack.app.bot_user_id
    assert "chat:write" in identity.headers["x-oauth-scopes"]


async def test_guests_strangers_and_deactivated_users_are_marked(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, refused: Refused
) -> None:
    guest = slack.person("guest", is_ultra_restricted=True)
    stranger = slack.person("stranger", team_id="T0OTHER")
    slack.workspace.users[guest.id].deleted = True
    shown = {each.id: (await client.users_info(user=each.id))["user"] for each in (ana, guest, stranger)}
    assert [shown[ana.id][mark] for mark in ("is_restricted", "is_stranger", "deleted")] == [False] * 3
    marks = ("is_restricted", "is_ultra_restricted", "deleted")
    assert [shown[guest.id][mark] for mark in marks] == [True] * 3
    assert (shown[stranger.id]["team_id"], shown[stranger.id]["is_stranger"]) == ("T0OTHER", True)
    assert (await refused(client.users_info(user="U0GONE")))["error"] == "user_not_found"


async def test_the_users_of_a_user_group_are_listed(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, refused: Refused
) -> None:
    slack.workspace.usergroups["S0TUNERS"] = [ana.id]
    assert (await client.usergroups_users_list(usergroup="S0TUNERS"))["users"] == [ana.id]
    assert (await refused(client.usergroups_users_list(usergroup="S0NONE")))["error"] == "no_such_subteam"
    slack.app.scopes.discard("usergroups:read")
    missing = await refused(client.usergroups_users_list(usergroup="S0TUNERS"))
    assert (missing["error"], missing["needed"]) == ("missing_scope", "usergroups:read")
