"""Faults on demand, as Slack's own client meets them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import BOT_TOKEN, Channel, Person, SlackStandIn

Refused = Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]


@pytest.fixture
def client(slack: SlackStandIn) -> AsyncWebClient:
    """Return a client without the SDK's own retry of cut connections."""
    return AsyncWebClient(token=BOT_TOKEN, base_url=slack.api_url, retry_handlers=[])


async def test_the_next_calls_fail_and_then_it_is_over(
    slack: SlackStandIn, client: AsyncWebClient, general: Channel, refused: Refused
) -> None:
    slack.faults.fail("chat.*", error="fatal_error", times=2)
    for _ in range(2):
        assert (await refused(client.chat_postMessage(channel=general.id, text="x")))["error"] == "fatal_error"
    assert (await client.auth_test())["ok"]
    assert (await client.chat_postMessage(channel=general.id, text="x"))["ok"]
    assert len(general.messages) == 1


@pytest.mark.parametrize(
    "code",
    [
        "rate_limited",
        "org_login_required",
        "accesslimited",
        "message_limit_exceeded",
        "ekm_access_denied",
        "new_one",
    ],
)
async def test_any_code_of_slacks_known_or_not_is_answered_to_the_calls_that_are_chosen(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel, refused: Refused, code: str
) -> None:
    elsewhere = slack.add_channel("elsewhere", ana)
    slack.faults.fail("chat.*", error=code, channel=general.id, times=None)
    assert (await client.chat_postMessage(channel=elsewhere.id, text="x"))["ok"]
    assert (await refused(client.chat_postMessage(channel=general.id, text="x")))["error"] == code
    assert (await client.conversations_history(channel=general.id))["messages"] == []
    slack.faults.clear()
    assert (await client.chat_postMessage(channel=general.id, text="x"))["ok"]


async def test_a_channel_that_slack_does_not_find_once_is_there_again(
    slack: SlackStandIn, client: AsyncWebClient, general: Channel, refused: Refused
) -> None:
    slack.faults.fail("chat.postMessage", error="channel_not_found")
    assert (await refused(client.chat_postMessage(channel=general.id, text="x")))["error"] == "channel_not_found"
    assert (await client.chat_postMessage(channel=general.id, text="x"))["ok"]


async def test_a_server_error_has_no_slack_answer(
    slack: SlackStandIn, client: AsyncWebClient, general: Channel
) -> None:
    slack.faults.fail("chat.postMessage", status=503)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=general.id, text="x")
    assert caught.value.response.status_code == 503
    assert slack.workspace.calls[-1].status == 503


async def test_a_rate_limit_is_waited_out_by_the_sdks_handler(
    slack: SlackStandIn, client: AsyncWebClient, general: Channel
) -> None:
    slack.faults.rate_limit("chat.postMessage", retry_after=0)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    assert (await client.chat_postMessage(channel=general.id, text="x"))["ok"]
    assert [call.status for call in slack.workspace.calls] == [429, 200]


async def test_a_reset_call_is_not_performed_and_a_lost_answer_is(
    slack: SlackStandIn, client: AsyncWebClient, general: Channel
) -> None:
    slack.faults.reset("chat.postMessage")
    slack.faults.lose_answer("chat.postMessage")
    for performed in (0, 1):
        with pytest.raises(aiohttp.ClientError):
            await client.chat_postMessage(channel=general.id, text="x")
        assert len(general.messages) == performed
    lost = slack.workspace.calls[-1]
    assert (lost.performed, lost.response) == (True, None)
    assert await slack.workspace.wait_for_call("chat.postMessage") is lost


async def test_a_hanging_call_ends_with_the_client_or_the_server(slack: SlackStandIn, general: Channel) -> None:
    slack.faults.hang("chat.postMessage")
    hasty = AsyncWebClient(token=BOT_TOKEN, base_url=slack.api_url, timeout=60, retry_handlers=[])
    calling = asyncio.create_task(hasty.chat_postMessage(channel=general.id, text="x"))
    await slack.workspace.wait_for(lambda: slack.workspace.calls_of("chat.postMessage") or None)
    assert not calling.done()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert general.messages == []


async def test_a_delayed_call_is_late_but_done(
    slack: SlackStandIn, client: AsyncWebClient, general: Channel
) -> None:
    slack.faults.delay("chat.postMessage", seconds=0.05)
    await client.chat_postMessage(channel=general.id, text="x")
    assert slack.workspace.calls[-1].seconds >= 0.05


async def test_faults_reach_uploads_and_response_urls(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, general: Channel
) -> None:
    slack.faults.fail("files.upload", status=500)
    with pytest.raises(Exception, match="Failed to upload a file"):
        await client.files_upload_v2(channel=general.id, filename="a.txt", content="a")
    url = (await ana.slash_command(general, "/tune")).payload["response_url"]
    slack.faults.fail("response_url", status=502)
    async with aiohttp.ClientSession() as session, session.post(url, json={"text": "x"}) as answer:
        assert answer.status == 502


async def test_clear_ends_everything(slack: SlackStandIn, client: AsyncWebClient, general: Channel) -> None:
    slack.faults.fail("*", times=None)
    slack.faults.silence(ignore_pings=True)
    slack.faults.clear()
    assert (await client.chat_postMessage(channel=general.id, text="x"))["ok"]
    assert not slack.faults.silent


async def test_an_outage_ends_with_clear(slack: SlackStandIn, client: AsyncWebClient, general: Channel) -> None:
    slack.faults.outage()
    for _ in range(2):
        with pytest.raises(aiohttp.ClientError):
            await client.chat_postMessage(channel=general.id, text="x")
    slack.faults.clear()
    assert (await client.chat_postMessage(channel=general.id, text="x"))["ok"]


async def test_it_opens_again_on_the_same_port_with_its_memory() -> None:
    standin = SlackStandIn()
    async with standin:
        first = standin.api_url
        standin.add_channel("general", standin.person("ana"))
    async with standin:
        assert standin.api_url == first
        client = AsyncWebClient(token=BOT_TOKEN, base_url=standin.api_url)
        assert (await client.chat_postMessage(channel="general", text="still here"))["ok"]
