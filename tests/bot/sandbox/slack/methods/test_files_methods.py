"""Files: uploaded by the SDK and by people, looked up, fetched, and refused."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import BOT_TOKEN, Channel, Person, SlackStandIn
from tests.support.clock import FixedClock

Refused = Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]
BEARER = {"Authorization": f"Bearer {BOT_TOKEN}"}


async def fetch(url: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=headers, allow_redirects=False) as answer,
    ):
        return answer.status, answer.content_type, await answer.read()


async def test_the_sdk_uploads_a_file_into_a_thread(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel
) -> None:
    root = ana.post(general, "root")
    answer = await client.files_upload_v2(
        channel=general.id, thread_ts=root.ts, filename="loss.png", content=b"\x89PNG", title="Loss",
        alt_txt="the loss curve", initial_comment="The curve",
    )  # fmt: skip
    message = await slack.workspace.wait_for_message(lambda message: message.text == "The curve")
    assert message.thread_ts == root.ts
    file = slack.workspace.files[answer["file"]["id"]]
    assert (file.content, file.mimetype, file.title) == (b"\x89PNG", "image/png", "Loss")
    assert answer["file"]["shares"]["public"][general.id][0]["ts"] == message.ts


async def test_a_file_has_no_type_until_slack_has_looked_at_it(
    slack: SlackStandIn, client: AsyncWebClient, general: Channel, clock: FixedClock
) -> None:
    slack.workspace.file_processing_seconds = 5
    answer = await client.files_upload_v2(channel=general.id, filename="loss.png", content=b"\x89PNG")
    file_id = answer["file"]["id"]
    assert (await client.files_info(file=file_id))["file"]["mimetype"] == ""
    clock.advance(seconds=5)
    assert (await client.files_info(file=file_id))["file"]["mimetype"] == "image/png"


async def test_a_file_is_fetched_with_the_bots_token(
    client: AsyncWebClient, ana: Person, general: Channel
) -> None:
    file = ana.upload(general, "next numbers.jsonl", b'{"a": 1}\n')
    shown = (await client.files_info(file=file.id))["file"]
    assert (shown["size"], shown["user"], shown["name"]) == (9, ana.id, "next numbers.jsonl")
    for url in (shown["url_private_download"], shown["url_private"]):
        assert await fetch(url, BEARER) == (200, "text/plain", b'{"a": 1}\n')


async def test_without_token_or_scope_a_login_page_comes_instead(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel
) -> None:
    file = ana.upload(general, "a.jsonl", b"{}")
    url = (await client.files_info(file=file.id))["file"]["url_private_download"]
    for headers in ({}, {"Authorization": "Bearer xoxb-wrong"}):
        status, kind, body = await fetch(url, headers)
        assert (status, kind) == (200, "text/html")
        assert b"Sign in" in body
    slack.app.scopes.discard("files:read")
    assert (await fetch(url, BEARER))[1] == "text/html"
    slack.faults.login_redirects = True
    assert (await fetch(url, BEARER))[0] == 302


async def test_files_are_listed_by_channel_person_and_time(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel, clock: FixedClock
) -> None:
    bob = slack.person("bob")
    other = slack.add_channel("other", ana, bob)
    hidden = slack.add_channel("hidden", ana, with_bot=False)
    old = ana.upload(general, "old.jsonl", b"1")
    clock.advance(seconds=100)
    new = ana.upload(general, "new.jsonl", b"2")
    his = bob.upload(other, "his.jsonl", b"3")
    ana.upload(hidden, "hidden.jsonl", b"4")

    async def ids(**filters: Any) -> list[str]:
        return [file["id"] for file in (await client.files_list(**filters))["files"]]

    assert await ids() == [his.id, new.id, old.id]
    assert await ids(channel=general.id) == [new.id, old.id]
    assert await ids(user=bob.id) == [his.id]
    assert await ids(channel=general.id, ts_from=str(new.created)) == [new.id]
    assert await ids(count=1, page=2) == [new.id]


async def test_unknown_and_deleted_files_are_told_apart(
    client: AsyncWebClient, slack: SlackStandIn, ana: Person, general: Channel, refused: Refused
) -> None:
    assert (await refused(client.files_info(file="F404")))["error"] == "file_not_found"
    hers = ana.upload(general, "a.jsonl", b"{}")
    slack.workspace.files[hers.id].deleted = True
    assert (await refused(client.files_info(file=hers.id)))["error"] == "file_deleted"


async def test_an_upload_that_is_not_finished_cannot_be_completed(
    client: AsyncWebClient, general: Channel, refused: Refused
) -> None:
    announced = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    files = [{"id": announced["file_id"], "title": "a"}]
    early = await refused(client.files_completeUploadExternal(files=files, channel_id=general.id))
    assert early["error"] == "file_not_found"
    async with (
        aiohttp.ClientSession() as session,
        session.post(announced["upload_url"], data=b"too long") as answer,
    ):
        assert answer.status == 200
    wrong = await refused(client.files_completeUploadExternal(files=files, channel_id=general.id))
    assert wrong["error"] == "file_update_failed"


async def test_a_download_can_break_in_the_middle(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel
) -> None:
    file = ana.upload(general, "a.jsonl", b"x" * 100_000)
    url = (await client.files_info(file=file.id))["file"]["url_private_download"]
    slack.faults.lose_answer("files.download")
    with pytest.raises(aiohttp.ClientError):
        await fetch(url, BEARER)
    assert (await fetch(url, BEARER))[0] == 200


async def test_shared_channels_send_only_a_files_id(slack: SlackStandIn, ana: Person, general: Channel) -> None:
    slack.workspace.files_are_stubs = True
    file = ana.upload(general, "a.jsonl", b"{}")
    delivery = next(each for each in slack.workspace.deliveries if each.event_type == "message")
    assert delivery.payload["event"]["files"] == [
        {"id": file.id, "mode": "file_access", "file_access": "check_file_info"}
    ]
