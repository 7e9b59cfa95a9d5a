"""Who can read a channel, as Slack says it; where Slack says nothing, nobody can."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import ChannelKind, SlackStandIn
from handlers.transport.manifest import manifest
from handlers.transport.slack_people import ChannelMembers, SlackUsers
from tests.support.http_server import serving


@dataclass
class Asked:
    """Slack's stand-in with people of every kind, and the ChannelMembers that asks it."""

    slack: SlackStandIn
    members: ChannelMembers
    client: AsyncWebClient


@asynccontextmanager
async def asked(seconds: float = 5.0) -> AsyncIterator[Asked]:
    async with SlackStandIn(manifest=manifest()) as slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.app.bot_token, base_url=slack.api_url, session=session)
        members = ChannelMembers(client, SlackUsers(client), slack.workspace.team_id, seconds)
        yield Asked(slack, members, client)


async def test_each_kind_of_person_reads_what_slack_says() -> None:
    async with asked() as at:
        workspace = at.slack.workspace
        ada, eve = at.slack.person("ada"), at.slack.person("eve")
        guest = workspace.add_user("guest", is_restricted=True).id
        stranger = workspace.add_user("stranger", team_id="T0ELSEWHERE").id
        public = at.slack.add_channel("public", ada).id
        private = at.slack.add_channel("private", ada, private=True).id
        direct = ada.open_dm().id
        foreign = workspace.direct_message(ada.id, eve.id).id
        reads = {
            who: [await at.members.can_read(user, channel) for channel in (public, private, direct, foreign)]
            for who, user in {"ada": ada.id, "eve": eve.id, "guest": guest, "stranger": stranger}.items()
        }
        assert reads == {
            "ada": [True, True, True, False],
            "eve": [True, False, False, False],
            "guest": [False, False, False, False],
            "stranger": [False, False, False, False],
        }
        gone = workspace.add_user("gone", deleted=True).id
        members = [await at.members.is_member(user) for user in (ada.id, guest, stranger, gone, "U0NOBODY")]
        assert members == [True, True, False, False, False]
        assert [await at.members.is_public(channel) for channel in (public, private, direct)] == [
            True,
            False,
            False,
        ]


async def test_a_guest_reads_the_channels_in_which_they_are() -> None:
    async with asked() as at:
        ada = at.slack.person("ada")
        guest = at.slack.workspace.add_user("guest", is_restricted=True).id
        channel = at.slack.add_channel("public", ada)
        channel.members.add(guest)
        assert await at.members.can_read(guest, channel.id)


@pytest.mark.parametrize("missing", ["groups:read", "channels:read"])
async def test_where_slack_refuses_the_answer_is_no(missing: str) -> None:
    async with asked() as at:
        ada, eve = at.slack.person("ada"), at.slack.person("eve")
        channel = at.slack.add_channel("one", ada, private=missing == "groups:read").id
        at.slack.app.scopes = at.slack.app.scopes - {missing}
        assert not await at.members.can_read(ada.id, channel)
        assert not await at.members.can_read(eve.id, channel)
        assert not await at.members.can_read(ada.id, "C0NOSUCH")


async def test_a_no_is_told_from_silence() -> None:
    async with asked() as at:
        ada = at.slack.person("ada")
        gone = at.slack.workspace.add_user("gone", deleted=True).id
        private = at.slack.add_channel("private", ada, private=True).id
        assert [await at.members.answers(user, [private]) for user in (ada.id, gone)] == [True, True]
        assert not await at.members.is_member(gone), "that is Slack's own word"
        assert not await at.members.answers(ada.id, [private, "C0NOSUCH"])
        assert await at.members.answers("U0NOBODY", []), "a start of nobody must not wait for ever"
        assert await at.members.answers(ada.id, ["S0NOSUCH"]), "a group that was deleted has no members"
    async with asked() as at:
        ada = at.slack.person("ada")
        at.slack.faults.fail("users.info", error="fatal_error", times=None)
        assert not await at.members.answers(ada.id, [])


async def test_administrators_and_owners_are_told_from_members() -> None:
    async with asked() as at:
        add = at.slack.workspace.add_user
        people = [add("admin", is_admin=True), add("owner", is_owner=True), add("member")]
        people.append(add("stranger", is_admin=True, team_id="T0ELSEWHERE"))
        assert [await at.members.is_admin(one.id) for one in people] == [True, True, False, False]
        assert not await at.members.is_admin("U0NOBODY")


async def test_an_answer_is_remembered_for_a_short_time() -> None:
    async with asked() as at:
        ada = at.slack.person("ada")
        channel = at.slack.add_channel("private", ada, private=True).id
        for _ in range(5):
            assert await at.members.can_read(ada.id, channel)
        assert len(at.slack.workspace.calls_of("conversations.members")) == 1


async def test_a_person_of_whom_slack_says_nothing_is_nobody() -> None:
    async def nothing(_: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async with serving(nothing) as url, aiohttp.ClientSession() as session:
        client = AsyncWebClient("xoxb-1", base_url=f"{url}api/", session=session)
        members = ChannelMembers(client, SlackUsers(client), "T1", 5.0)
        assert not await members.is_full_member("U1")
        assert not await members.is_admin("U1")
        assert not await members.can_read("U1", "C1")


async def test_a_channel_that_turns_public_private_or_shared_is_read_as_slack_says_then() -> None:
    """A channel that another company shares is still read only by this workspace and by who is in it."""
    async with asked() as at:
        workspace = at.slack.workspace
        ada, eve = at.slack.person("ada"), at.slack.person("eve")
        stranger = workspace.add_user("stranger", team_id="T0ELSEWHERE").id
        channel = at.slack.add_channel("plans", ada, private=True)

        async def readers() -> list[bool]:
            # One that remembers nothing.
            members = ChannelMembers(at.client, SlackUsers(at.client), workspace.team_id)
            return [await members.can_read(user, channel.id) for user in (ada.id, eve.id, stranger)]

        assert await readers() == [True, False, False]
        channel.kind = ChannelKind.CHANNEL
        assert await readers() == [True, True, False]
        assert not await ChannelMembers(at.client, SlackUsers(at.client), workspace.team_id).is_external(
            channel.id
        )
        channel.is_ext_shared = True
        assert await readers() == [True, True, False]
        members = ChannelMembers(at.client, SlackUsers(at.client), workspace.team_id)
        assert await members.is_external(channel.id)
        assert await members.is_external("C0UNKNOWN")
        channel.kind = ChannelKind.GROUP
        assert await readers() == [True, False, False]
