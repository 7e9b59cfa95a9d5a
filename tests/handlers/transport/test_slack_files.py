"""Who may read which Slack file, told by the facts that files.info gives."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.datasets.formats.pictures import PictureFile
from bot.datasets.formats.unpacker import Unpacker
from bot.domain.place import Place
from bot.errors import FileUnavailable
from bot.sandbox.slack import SlackStandIn
from handlers.transport.attachments import location_of
from handlers.transport.slack_files import SlackFiles
from handlers.transport.slack_people import SlackUsers
from tests.support.dataset_builders import PNG
from tests.support.http_server import serving

PLACE = Place("T1", "C1")
THERE = {"C1": [{"ts": "1.2"}]}
ELSEWHERE = {"C2": [{"ts": "1.2"}]}


@pytest.fixture
def facts() -> dict[str, Any]:
    """A file of somebody else, shared in another private channel."""
    return {
        "id": "F1", "name": "rows.jsonl", "size": 3, "user": "U2", "user_team": "T1", "is_public": False,
        "shares": {"private": ELSEWHERE}, "channels": [], "groups": ["C2"], "ims": [],
    }  # fmt: skip


@pytest.fixture
def person() -> dict[str, Any]:
    """The answer of users.info: a full member of the workspace."""
    return {"ok": True, "user": {"id": "U1", "team_id": "T1"}}


@pytest.fixture
async def files(facts: dict[str, Any], person: dict[str, Any]) -> AsyncIterator[SlackFiles]:
    async def info(request: web.Request) -> web.Response:
        if request.path.endswith("users.info"):
            return web.json_response(person)
        return web.json_response({"ok": True, "file": facts})

    async with serving(info) as url, httpx.AsyncClient() as http:
        yield slack_files(url, http)


def slack_files(url: str, http: httpx.AsyncClient, base: str = "") -> SlackFiles:
    client = AsyncWebClient(token="xoxb-1", base_url=f"{url}api/")
    return SlackFiles(client, SlackUsers(client), http, "xoxb-1", base)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"user": "U1"}, id="their own"),
        pytest.param({"user": "U1", "shares": {}, "groups": []}, id="their own, shared nowhere"),
        pytest.param({"is_public": True}, id="public"),
        pytest.param({"shares": {"public": THERE}}, id="shared here, public"),
        pytest.param({"shares": {"private": THERE}}, id="shared here, private"),
        pytest.param({"shares": {"private": THERE}, "user_team": "T9"}, id="shared here by another company"),
        pytest.param({"groups": ["C2", "C1"]}, id="listed here, shares cut short"),
        pytest.param({"channels": ["C1"], "shares": None}, id="listed here, no shares"),
        pytest.param({"ims": ["C1"]}, id="listed in these direct messages"),
    ],
)
async def test_who_sees_a_file_in_slack_may_have_it_read(
    files: SlackFiles, facts: dict[str, Any], more: dict[str, Any]
) -> None:
    facts |= more
    assert (await files.describe(PLACE, "U1", "slack:F1")).name == "rows.jsonl"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"ok": True, "user": {"team_id": "T1", "is_restricted": True}}, id="guest"),
        pytest.param(
            {"ok": True, "user": {"team_id": "T1", "is_ultra_restricted": True}}, id="guest of a channel"
        ),
        pytest.param({"ok": True, "user": {"team_id": "T9"}}, id="of another workspace"),
        pytest.param({"ok": True, "user": {"team_id": "T1", "is_stranger": True}}, id="stranger"),
        pytest.param({"ok": True, "user": {"team_id": "T1", "deleted": True}}, id="deleted"),
        pytest.param({"ok": False, "error": "missing_scope"}, id="Slack does not say"),
    ],
)
async def test_a_public_file_of_another_channel_is_read_for_full_members_only(
    files: SlackFiles, facts: dict[str, Any], person: dict[str, Any], answer: dict[str, Any]
) -> None:
    facts["is_public"] = True
    person.clear()
    person |= answer
    with pytest.raises(FileUnavailable, match="that you and I both see here"):
        await files.describe(PLACE, "U1", "slack:F1")
    # In a channel where it was shared, a guest sees it too.
    facts["channels"] = ["C1"]
    assert (await files.describe(PLACE, "U1", "slack:F1")).name == "rows.jsonl"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="shared elsewhere"),
        pytest.param({"shares": {}, "groups": []}, id="shared nowhere"),
        pytest.param(
            {"shares": None, "channels": None, "groups": None, "ims": None, "is_public": None}, id="nothing"
        ),
        pytest.param({"is_public": "true"}, id="a word for public"),
        pytest.param({"is_public": True, "user_team": "T9"}, id="public at another company"),
        pytest.param({"is_public": True, "user_team": None}, id="public, of no team that is told"),
        pytest.param({"is_public": True, "user_team": "E1"}, id="public somewhere in the organisation"),
        pytest.param({"user": None}, id="of nobody"),
        pytest.param({"public_url_shared": True}, id="with a public link"),
    ],
)
async def test_who_does_not_see_it_is_told_nothing(
    files: SlackFiles, facts: dict[str, Any], more: dict[str, Any]
) -> None:
    facts |= more
    for ask in (
        files.describe(PLACE, "U1", "slack:F1"),
        files.shared_in(PLACE, "U1", "slack:F1"),
        anext(files.read(PLACE, "U1", "slack:F1")),
    ):
        with pytest.raises(FileUnavailable, match="I find no file F1 that you and I both see here"):
            await ask


async def test_an_asker_without_a_name_or_a_place_owns_nothing(files: SlackFiles, facts: dict[str, Any]) -> None:
    facts |= {"user": "", "groups": [""], "shares": {"private": {"": []}}}
    with pytest.raises(FileUnavailable):
        await files.describe(Place("T1", ""), "", "slack:F1")


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("https://slack.example", "http://slack.example/rows.jsonl"),
        ("https://slack.example", "http://slack.example:443/rows.jsonl"),
        ("https://slack.example", "https://slack.example:8443/rows.jsonl"),
        ("http://slack.example:8080", "http://slack.example/rows.jsonl"),
        ("https://slack.example", "https://files.slack.example/rows.jsonl"),
        ("", "http://files.slack.com/rows.jsonl"),
        ("", "https://slack.example/rows.jsonl"),
    ],
)
async def test_the_token_goes_only_to_the_very_origin_and_never_less_safely(
    facts: dict[str, Any], base: str, address: str
) -> None:
    sent: list[str] = []

    async def note(request: httpx.Request) -> None:
        sent.append(str(request.url))

    async def info(_: web.Request) -> web.Response:
        return web.json_response({"ok": True, "file": {**facts, "user": "U1", "url_private": address}})

    async with serving(info) as url, httpx.AsyncClient(event_hooks={"request": [note]}) as http:
        files = slack_files(url, http, base)
        with pytest.raises(FileUnavailable, match="is not stored at Slack itself"):
            await anext(files.read(PLACE, "U1", "slack:F1"))
    assert sent == []


async def test_another_slack_base_hands_out_its_files(facts: dict[str, Any]) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("files.info"):
            where = f"http://{request.host}/rows.jsonl"
            return web.json_response({"ok": True, "file": {**facts, "user": "U1", "url_private": where}})
        return web.Response(body=request.headers["Authorization"].encode()[-3:])

    async with serving(answer) as url, httpx.AsyncClient() as http:
        files = slack_files(url, http, url.rstrip("/"))
        assert [chunk async for chunk in files.read(PLACE, "U1", "slack:F1")] == [b"b-1"]


@pytest.mark.parametrize(
    ("method", "fault", "passing"),
    [
        ("files.info", {"error": "internal_error"}, True),
        ("files.info", {"error": "a_code_of_next_year"}, True),
        ("files.info", {"status": 503}, True),
        ("files.info", None, True),
        ("files.info", {"error": "file_deleted"}, False),
        ("files.info", {"error": "missing_scope"}, False),
        ("files.download", {"status": 503}, True),
        ("files.download", {"status": 429}, True),
        ("files.download", None, True),
        ("files.download", {"status": 404}, False),
    ],
)
async def test_a_file_that_slack_does_not_give_now_is_told_apart_from_one_that_it_never_gives(
    method: str, fault: dict[str, Any] | None, passing: bool
) -> None:
    async with SlackStandIn() as slack, httpx.AsyncClient() as http:
        ada = slack.person("ada")
        room = slack.add_channel("room", ada)
        file = ada.upload(room, "rows.jsonl", b'{"text_input": "1", "output": "2"}\n')
        client = AsyncWebClient(slack.app.bot_token, base_url=slack.api_url)
        files = SlackFiles(client, SlackUsers(client), http, slack.app.bot_token, slack.api_url)
        place = Place(slack.workspace.team_id, room.id)
        if fault is None:
            slack.faults.reset(method, times=None)
        else:
            slack.faults.fail(method, times=None, **fault)
        with pytest.raises(FileUnavailable) as raised:
            async with aclosing(files.read(place, ada.id, f"slack:{file.id}")) as chunks:
                await anext(chunks)
        assert raised.value.passing is passing


async def test_rows_and_their_pictures_are_read_as_one_zip_by_whom_may_see_all_of_them() -> None:
    async with SlackStandIn() as slack, httpx.AsyncClient() as http:
        ada, bob = slack.person("ada"), slack.person("bob")
        room, hidden = slack.add_channel("room", ada), slack.add_channel("hidden", bob, private=True)
        rows = b'{"text_input": "1", "output": "2"}\n' * 3
        files = [ada.upload(room, "rows.jsonl", rows), ada.upload(room, "a.png", PNG)]
        secret = bob.upload(hidden, "b.png", PNG)
        client = AsyncWebClient(slack.app.bot_token, base_url=slack.api_url)
        reader = SlackFiles(client, SlackUsers(client), http, slack.app.bot_token, slack.api_url)
        place = Place(slack.workspace.team_id, room.id)
        location = location_of(files[0].id, [files[1].id])
        info = await reader.describe(place, ada.id, location)
        content = b"".join([chunk async for chunk in reader.read(place, ada.id, location)])
        assert (info.name, info.size) == ("rows.jsonl", len(content))
        unpacker = Unpacker()
        assert b"".join([*unpacker.feed(content), *unpacker.finish()]) == rows
        assert unpacker.folder.files == {"a.png": PictureFile("image/png", len(PNG))}
        with pytest.raises(FileUnavailable):
            await reader.describe(place, ada.id, location_of(files[0].id, [secret.id]))


async def test_an_answer_without_a_file_is_a_clear_refusal() -> None:
    async def nothing(_: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async with serving(nothing) as url, httpx.AsyncClient() as http:
        with pytest.raises(FileUnavailable, match="without saying anything about the file F1"):
            await slack_files(url, http).describe(PLACE, "U1", "slack:F1")
