"""Both transports: envelopes and signed requests, acknowledgements, retries, and sockets that come and go."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import APP_TOKEN, SIGNING_SECRET, Channel, Person, SlackStandIn
from tests.support.http_server import free_port
from tests.support.waiting import DEADLINE_SECONDS

Json = dict[str, Any]


class Sockets:
    """Bare Socket Mode clients, so that a test decides what is acknowledged."""

    def __init__(self, stack: AsyncExitStack, session: aiohttp.ClientSession, slack: SlackStandIn) -> None:
        self._stack = stack
        self._session = session
        self._slack = slack

    async def connect(self) -> aiohttp.ClientWebSocketResponse:
        """Return a socket that has said hello; it is closed after the test."""
        caller = AsyncWebClient(token=APP_TOKEN, base_url=self._slack.api_url)
        url = (await caller.apps_connections_open(app_token=APP_TOKEN))["url"]
        socket = await self.open(str(url))
        assert (await next_frame(socket))["type"] == "hello"
        return socket

    async def open(self, url: str, *, autoping: bool = True) -> aiohttp.ClientWebSocketResponse:
        """Return an open socket; it is closed after the test."""
        return await self._stack.enter_async_context(self._session.ws_connect(url, autoping=autoping))


@pytest.fixture
async def sockets(slack: SlackStandIn) -> AsyncIterator[Sockets]:
    # A socket is closed before its session: aiohttp warns of one that the garbage collector finds open.
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        yield Sockets(stack, session, slack)


async def next_frame(socket: aiohttp.ClientWebSocketResponse) -> Json:
    frame: Json = await socket.receive_json(timeout=DEADLINE_SECONDS)
    return frame


async def next_envelope(socket: aiohttp.ClientWebSocketResponse, *, ack: bool = True) -> Json:
    envelope = await next_frame(socket)
    if ack:
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
    return envelope


async def test_an_unacknowledged_event_comes_again_with_its_retry_number(
    slack: SlackStandIn, sockets: Sockets, ana: Person, general: Channel
) -> None:
    slack.deliveries.ack_seconds, slack.deliveries.retry_delays = 0.05, (0.0, 0.01)
    socket = await sockets.connect()
    ana.post(general, "hello")
    first = await next_envelope(socket, ack=False)
    second = await next_envelope(socket)
    await slack.settle()
    assert (first["retry_attempt"], second["retry_attempt"]) == (0, 1)
    assert second["retry_reason"] == "timeout"
    assert first["payload"]["event_id"] == second["payload"]["event_id"]
    (delivery,) = slack.workspace.deliveries
    assert [attempt.outcome for attempt in delivery.attempts] == ["timeout", "acked"]
    assert delivery.ack_seconds is not None


async def test_several_sockets_share_the_envelopes(
    slack: SlackStandIn, sockets: Sockets, ana: Person, general: Channel
) -> None:
    first, second = await sockets.connect(), await sockets.connect()
    await slack.wait_connected(2)
    ana.post(general, "one")
    ana.post(general, "two")
    texts = {(await next_envelope(socket))["payload"]["event"]["text"] for socket in (first, second)}
    assert texts == {"one", "two"}
    await slack.settle()


async def test_a_ticket_admits_once_and_ten_sockets_are_the_most(slack: SlackStandIn, sockets: Sockets) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await sockets.open(f"ws://127.0.0.1:{slack.port}/link/?ticket=forged")
    assert caught.value.status == 403
    kept = [await sockets.connect() for _ in range(10)]
    extra = await sockets.open(slack.sockets.new_url())
    assert (await next_frame(extra))["reason"] == "too_many_websockets"
    assert not any(socket.closed for socket in kept)


async def test_a_disconnect_frame_comes_before_the_close(slack: SlackStandIn, sockets: Sockets) -> None:
    socket = await sockets.connect()
    slack.faults.ask_to_reconnect("warning")
    assert (await next_frame(socket))["reason"] == "warning"
    slack.faults.ask_to_reconnect()
    assert (await next_frame(socket))["reason"] == "refresh_requested"
    assert (await socket.receive(timeout=DEADLINE_SECONDS)).type is aiohttp.WSMsgType.CLOSE


async def test_an_event_in_flight_on_a_cut_socket_comes_again_on_the_next(
    slack: SlackStandIn, sockets: Sockets, ana: Person, general: Channel
) -> None:
    slack.deliveries.retry_delays = (0.1,)
    socket = await sockets.connect()
    ana.post(general, "hello")
    await next_envelope(socket, ack=False)
    slack.faults.drop_sockets()
    assert slack.sockets.connections == []
    assert (await socket.receive(timeout=DEADLINE_SECONDS)).type in (
        aiohttp.WSMsgType.CLOSED,
        aiohttp.WSMsgType.ERROR,
    )
    await socket.close()
    again = await next_envelope(await sockets.connect())
    assert again["payload"]["event"]["text"] == "hello"
    await slack.settle()


async def test_a_silent_socket_stays_open_and_sends_nothing(
    slack: SlackStandIn, sockets: Sockets, ana: Person, general: Channel
) -> None:
    slack.deliveries.ack_seconds = 0.05
    socket = await sockets.connect()
    slack.faults.silence()
    ana.post(general, "unheard")
    await slack.settle()
    slack.faults.speak()
    ana.post(general, "heard")
    assert (await next_envelope(socket))["payload"]["event"]["text"] == "heard"
    await slack.settle()


async def test_a_socket_that_ignores_pings_answers_none(slack: SlackStandIn, sockets: Sockets) -> None:
    socket = await sockets.open(slack.sockets.new_url(), autoping=False)
    await next_frame(socket)
    await socket.ping(b"one")
    assert (await socket.receive(timeout=DEADLINE_SECONDS)).type is aiohttp.WSMsgType.PONG
    slack.faults.silence(ignore_pings=True)
    await socket.ping(b"two")
    with pytest.raises(TimeoutError):
        await socket.receive(timeout=0.05)


async def test_deliveries_can_be_doubled_and_turned_around(
    slack: SlackStandIn, sockets: Sockets, ana: Person, general: Channel
) -> None:
    socket = await sockets.connect()
    slack.faults.duplicate_deliveries()
    ana.post(general, "twice")
    twins = [await next_envelope(socket) for _ in range(2)]
    assert twins[0]["payload"] == twins[1]["payload"]
    assert twins[0]["envelope_id"] != twins[1]["envelope_id"]
    slack.faults.reorder_deliveries(3)
    for text in ("one", "two", "three"):
        ana.post(general, text)
    order = [(await next_envelope(socket))["payload"]["event"]["text"] for _ in range(3)]
    assert order == ["three", "two", "one"]
    await slack.settle()


async def test_a_bad_app_token_opens_no_connection(slack: SlackStandIn) -> None:
    caller = AsyncWebClient(token="xapp-wrong", base_url=slack.api_url)
    with pytest.raises(SlackApiError, match="invalid_auth"):
        await caller.apps_connections_open(app_token="xapp-wrong")


class Receiver:
    """A plain HTTP endpoint that checks signatures with Slack's own verifier."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], str]] = []
        self.responses: list[web.Response] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        verifier = SignatureVerifier(SIGNING_SECRET)
        verifier.clock.now = lambda: float(request.headers["X-Slack-Request-Timestamp"])  # type: ignore[method-assign]
        assert verifier.is_valid_request(body, dict(request.headers))
        self.requests.append((dict(request.headers), body))
        await self.may_answer.wait()
        return self.responses.pop(0) if self.responses else web.Response()


@pytest.fixture
async def receiver(slack: SlackStandIn) -> AsyncIterator[Receiver]:
    endpoint = Receiver()
    application = web.Application()
    application.add_routes([web.post("/slack/events", endpoint.handle)])
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await slack.deliver_over_http(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
    yield endpoint
    await runner.cleanup()


async def test_http_events_are_signed_and_retried_with_slacks_headers(
    slack: SlackStandIn, receiver: Receiver, ana: Person, general: Channel
) -> None:
    slack.deliveries.retry_delays = (0.0, 0.0)
    receiver.responses = [web.Response(status=500), web.Response()]
    ana.post(general, "hello")
    await slack.settle()
    first, second = receiver.requests
    assert "X-Slack-Retry-Num" not in first[0]
    assert (second[0]["X-Slack-Retry-Num"], second[0]["X-Slack-Retry-Reason"]) == ("1", "http_error")
    assert json.loads(first[1])["event"]["text"] == "hello"
    assert first[1] == second[1]


async def test_a_slow_endpoint_is_a_timeout_and_one_may_ask_for_no_retry(
    slack: SlackStandIn, receiver: Receiver, ana: Person, general: Channel
) -> None:
    slack.deliveries.ack_seconds, slack.deliveries.retry_delays = 0.05, (0.0,)
    receiver.may_answer.clear()
    ana.post(general, "slow")
    await slack.settle()
    assert receiver.requests[1][0]["X-Slack-Retry-Reason"] == "http_timeout"
    receiver.may_answer.set()
    receiver.requests.clear()
    receiver.responses = [web.Response(status=500, headers={"X-Slack-No-Retry": "1"})]
    ana.post(general, "never again")
    await slack.settle()
    assert len(receiver.requests) == 1


async def test_a_plain_http_answer_to_a_command_is_shown_to_its_user(
    slack: SlackStandIn, receiver: Receiver, ana: Person, general: Channel
) -> None:
    receiver.responses = [
        web.Response(text="Working on it"),
        web.json_response({"text": "Hi", "response_type": "in_channel"}),
    ]
    await ana.slash_command(general, "/tune", "a & b")
    await ana.slash_command(general, "/tune")
    first, second = slack.workspace.messages(general.id)
    assert (first.text, first.visible_to) == ("Working on it", ana.id)
    assert (second.text, second.visible_to) == ("Hi", None)
    assert receiver.requests[0][0]["Content-Type"] == "application/x-www-form-urlencoded"
    assert "text=a+%26+b" in receiver.requests[0][1]


async def test_an_address_where_nobody_listens_is_no_connection(
    slack: SlackStandIn, ana: Person, general: Channel
) -> None:
    await slack.deliver_over_http(f"http://127.0.0.1:{free_port()}/slack/events")
    delivery = await ana.slash_command(general, "/tune")
    assert delivery.attempts[0].outcome == "no_connection"
