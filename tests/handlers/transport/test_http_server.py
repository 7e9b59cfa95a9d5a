"""The ways in, watched: a line to Slack that is broken, silent or refused is noticed, told and laid anew."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp
import pytest
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import SettingsError
from bot.runtime.metrics import Metrics
from bot.sandbox.slack import Channel, Person, SlackStandIn
from bot.settings import Settings
from handlers.transport.http_server import HttpServer
from handlers.transport.manifest import manifest
from handlers.transport.slack_client import TokenCheck, slack_client
from handlers.transport.socket_mode import SocketMode, Times

# A twentieth of the real times and less, with all their proportions.
QUICK = Times(
    ping=0.2,
    check=0.02,
    hello=0.5,
    echo=0.4,
    quiet=20.0,
    first_wait=0.05,
    longest_wait=0.4,
    longest_wait_when_refused=2.0,
    drain=0.5,
    close=0.2,
)


@dataclass
class Served:
    """An app that answers `/tune`, behind the real intake and before the stand-in."""

    slack: SlackStandIn
    intake: HttpServer
    socket: SocketMode
    metrics: Metrics
    port: int
    ada: Person
    channel: Channel
    app: AsyncApp
    token: TokenCheck
    heard: list[str] = field(default_factory=list)

    async def get(self, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{path}") as response,
        ):
            return response.status, await response.text()

    async def until(self, probe: Callable[[], object], within: float = 8.0) -> float:
        began = time.monotonic()
        async with asyncio.timeout(within):
            while not probe():  # noqa: ASYNC110 - no stand-in tells of this
                await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def until_well(self) -> None:
        async with asyncio.timeout(8.0):
            while (await self.get("/healthz"))[0] != 200:  # noqa: ASYNC110 - health wakes nobody
                await asyncio.sleep(0.02)

    async def until_unwell(self, word: str = "") -> str:
        async with asyncio.timeout(8.0):
            while True:
                status, found = await self.get("/healthz")
                if status != 200 and word in found:
                    return found
                await asyncio.sleep(0.02)

    async def answers(self) -> None:
        """A command gets through."""
        before = len(self.heard)
        await self.ada.slash_command(self.channel, "/tune", "list")
        await self.until(lambda: len(self.heard) > before)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def healthy() -> str:
    return ""


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def serving(
            times: Times = QUICK,
            database: Callable[[], Awaitable[str]] = healthy,
            poller: str = "",
            host: str = "",
        ) -> Served:
            slack = await stack.enter_async_context(SlackStandIn(manifest=manifest()))
            port = free_port()
            settings = Settings.read(
                {
                    "SLACK_BOT_TOKEN": slack.app.bot_token,
                    "SLACK_APP_TOKEN": slack.app.app_token,
                    "SLACK_API_URL": slack.api_url,
                    "TUNEBOT_BACKENDS": "gemini",
                    "PORT": str(port),
                    "HOST": host,
                }
            )
            session = await stack.enter_async_context(aiohttp.ClientSession())
            client = slack_client(settings, session)
            app = AsyncApp(client=client, process_before_response=True)
            heard: list[str] = []

            async def tune(ack: AsyncAck, command: dict[str, str]) -> None:
                await ack()
                heard.append(command["text"])

            app.command("/tune")(tune)
            metrics = Metrics()
            line = SocketMode(client, slack.app.app_token, metrics, times)
            token = TokenCheck(client, 0.1, 1.0)
            checking = asyncio.create_task(token.watch())
            stack.callback(checking.cancel)

            async def measure() -> None:
                metrics.waiting(3, 7.5)

            intake = HttpServer(settings, app, metrics, line, database, [lambda: poller, token.problem], measure)
            await stack.enter_async_context(intake.serving())
            ada = slack.person("ada")
            channel = slack.add_channel("tuning", ada)
            return Served(slack, intake, line, metrics, port, ada, channel, app, token, heard)

        yield serving


async def test_health_is_good_and_numbers_are_told_while_all_is_well(serve: Serve) -> None:
    served = await serve()
    assert await served.get("/healthz") == (200, '{"ok": true, "problems": []}')
    await served.answers()
    status, text = await served.get("/metrics")
    assert status == 200
    for line in (
        "tunebot_slack_connected 1.0",
        "tunebot_slack_sockets_total 1.0",
        "tunebot_outbox_pending 3.0",
        "tunebot_outbox_oldest_seconds 7.5",
        "tunebot_acknowledgement_seconds_count 1.0",
    ):
        assert line in text.splitlines()


async def test_health_names_what_is_wrong(serve: Serve) -> None:
    async def broken() -> str:
        return "The database is damaged."

    served = await serve(database=broken, poller="no round of polling has ended for 400 seconds")
    status, text = await served.get("/healthz")
    assert status == 503
    assert "The database is damaged." in text
    assert "no round of polling has ended for 400 seconds" in text


async def test_a_database_that_does_not_answer_is_unwell_all_the_same(serve: Serve) -> None:
    async def hanging() -> str:
        await asyncio.sleep(60)
        return ""

    served = await serve(database=hanging)
    status, text = await served.get("/healthz")
    assert status == 503
    assert "the database did not answer within 2 seconds" in text


@pytest.mark.parametrize("way", ["reset", "closed", "refresh_requested", "warning"])
async def test_a_line_that_slack_ends_is_laid_anew(serve: Serve, way: str) -> None:
    served = await serve()
    if way in ("reset", "closed"):
        served.slack.faults.drop_sockets(abort=way == "reset")
    else:
        served.slack.faults.ask_to_reconnect(way)
    await served.until(lambda: served.slack.sockets.opened == 2)
    await served.until(lambda: len(served.slack.sockets.connections) == 1)
    await served.answers()
    await served.until_well()


async def test_the_new_line_is_there_before_the_old_one_goes(serve: Serve) -> None:
    served = await serve()
    served.slack.faults.ask_to_reconnect("warning")
    await served.slack.wait_connected(2)
    await served.until(lambda: len(served.slack.sockets.connections) == 1)


async def test_a_line_that_answers_no_ping_is_laid_anew(serve: Serve) -> None:
    served = await serve()
    served.slack.faults.silence(deaf=True)
    took = await served.until(lambda: served.slack.sockets.opened > 1)
    assert took < 60 * QUICK.ping / Times().ping
    served.slack.faults.speak()
    await served.until_well()
    await served.answers()


async def test_a_line_on_which_the_bots_own_words_do_not_come_back_is_laid_anew(serve: Serve) -> None:
    served = await serve()

    async def say(text: str) -> None:
        began = time.monotonic()
        await served.app.client.chat_postMessage(channel=served.channel.id, text=text)
        served.socket.note_post(began)

    await say("heard")
    await served.slack.settle()
    await asyncio.sleep(0.1)
    served.slack.faults.silence()
    await say("not heard")
    took = await served.until(lambda: served.slack.sockets.opened > 1)
    assert took < 60 * QUICK.echo / Times().echo
    served.slack.faults.speak()
    await served.answers()


async def test_where_own_words_never_come_back_their_absence_says_nothing(serve: Serve) -> None:
    served = await serve()
    for _ in range(2):
        served.socket.note_post(time.monotonic())
        await asyncio.sleep(2 * QUICK.echo)
    assert served.slack.sockets.opened == 1


async def test_a_line_on_which_nothing_comes_for_long_is_replaced(serve: Serve) -> None:
    served = await serve(Times(**{**{name: getattr(QUICK, name) for name in QUICK.__slots__}, "quiet": 2.0}))
    await served.until(lambda: served.slack.sockets.opened >= 2)
    await served.answers()


async def test_a_failed_reconnect_is_tried_again_with_a_new_address(serve: Serve) -> None:
    served = await serve()
    served.slack.faults.fail("apps.connections.open", times=3, status=500)
    served.slack.faults.drop_sockets()
    assert "not connected to Slack" in await served.until_unwell()
    await served.until_well()
    await served.answers()


async def test_an_address_that_opens_nothing_is_not_tried_for_ever(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve()
    sockets, new_url = served.slack.sockets, served.slack.sockets.new_url
    given: list[str] = []

    def used_up() -> str:
        given.append(new_url())
        if len(given) <= 2:
            sockets._tickets.clear()
        return given[-1]

    monkeypatch.setattr(sockets, "new_url", used_up)
    served.slack.faults.drop_sockets()
    await served.until(lambda: sockets.opened == 2)
    assert len(given) == 3
    await served.answers()


async def test_a_line_that_never_says_hello_is_not_taken(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    served = await serve()
    hello = served.slack.sockets._hello
    monkeypatch.setattr(served.slack.sockets, "_hello", lambda: {"type": "nothing"})
    served.slack.faults.drop_sockets()
    await served.until(lambda: served.slack.sockets.opened >= 3)
    assert (await served.get("/healthz"))[0] == 503
    monkeypatch.setattr(served.slack.sockets, "_hello", hello)
    await served.until_well()
    await served.answers()


async def test_a_revoked_app_token_is_told_once_turns_health_red_and_is_tried_patiently(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve()
    caplog.clear()
    asked = len(served.slack.workspace.calls_of("apps.connections.open"))
    served.slack.faults.fail("apps.connections.open", error="token_revoked", times=None)
    served.slack.faults.drop_sockets()
    assert "Slack refuses SLACK_APP_TOKEN: token_revoked" in await served.until_unwell("refuses")
    await asyncio.sleep(1.5)
    told = [record for record in caplog.records if "SLACK_APP_TOKEN" in record.message]
    assert [record.levelno for record in told] == [logging.ERROR]
    assert len(served.slack.workspace.calls_of("apps.connections.open")) - asked <= 7
    served.slack.faults.clear()
    await served.until_well()
    await served.answers()


async def test_a_revoked_bot_token_is_told_once_and_turns_health_red(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve()
    served.slack.faults.fail("auth.test", error="token_revoked", times=None)
    assert "Slack refuses SLACK_BOT_TOKEN: token_revoked" in await served.until_unwell()
    await asyncio.sleep(0.5)
    assert len([record for record in caplog.records if "SLACK_BOT_TOKEN" in record.message]) == 1
    served.slack.faults.clear()
    await served.until_well()


async def test_trouble_of_slacks_own_says_nothing_about_the_token(serve: Serve) -> None:
    served = await serve()
    served.slack.faults.fail("auth.test", status=503, times=2)
    await asyncio.sleep(0.4)
    assert served.token.problem() == ""


async def test_what_is_being_acknowledged_when_it_stops_still_is_and_nothing_new_is_taken(
    slack_and_socket: tuple[SlackStandIn, SocketMode, AsyncApp], caplog: pytest.LogCaptureFixture
) -> None:
    slack, line, app = slack_and_socket
    begun, go_on = asyncio.Event(), asyncio.Event()
    texts: list[str] = []

    async def tune(ack: AsyncAck, command: dict[str, str]) -> None:
        texts.append(command["text"])
        begun.set()
        await go_on.wait()
        await ack()

    app.command("/tune")(tune)
    await line.open(app)
    ada = slack.person("ada")
    channel = slack.add_channel("tuning", ada)
    first = asyncio.create_task(ada.slash_command(channel, "/tune", "first"))
    await begun.wait()
    closing = asyncio.create_task(line.close())
    await asyncio.sleep(0.05)
    second = asyncio.create_task(ada.slash_command(channel, "/tune", "second"))
    await asyncio.sleep(0.05)
    go_on.set()
    await closing
    assert (await first).acked
    assert not (await second).acked
    assert texts == ["first"]
    assert [record.message for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


async def test_closing_waits_neither_for_a_listener_that_hangs_nor_for_a_dead_slack(
    slack_and_socket: tuple[SlackStandIn, SocketMode, AsyncApp], caplog: pytest.LogCaptureFixture
) -> None:
    slack, line, app = slack_and_socket
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def tune(ack: AsyncAck) -> None:
        begun.set()
        await go_on.wait()
        await ack()

    app.command("/tune")(tune)
    await line.open(app)
    ada = slack.person("ada")
    hanging = asyncio.create_task(ada.slash_command(slack.add_channel("tuning", ada), "/tune", "first"))
    await begun.wait()
    slack.faults.silence(deaf=True)
    async with asyncio.timeout(QUICK.drain + QUICK.close + 0.5):
        await line.close()
    go_on.set()
    assert not (await hanging).acked
    assert "Traceback" not in caplog.text
    assert [record.message for record in caplog.records if record.exc_info] == []


@pytest.fixture
async def slack_and_socket() -> AsyncIterator[tuple[SlackStandIn, SocketMode, AsyncApp]]:
    async with SlackStandIn(manifest=manifest()) as slack, aiohttp.ClientSession() as session:
        environment = {
            "SLACK_BOT_TOKEN": slack.app.bot_token,
            "SLACK_APP_TOKEN": slack.app.app_token,
            "SLACK_API_URL": slack.api_url,
            "TUNEBOT_BACKENDS": "gemini",
        }
        client = slack_client(Settings.read(environment), session)
        app = AsyncApp(client=client, process_before_response=True)
        yield slack, SocketMode(client, slack.app.app_token, Metrics(), QUICK), app


async def test_a_taken_port_is_told_before_anything_is_served(serve: Serve) -> None:
    served = await serve()
    with pytest.raises(SettingsError, match=f"Port {served.port} cannot be used"):
        async with served.intake.serving():
            pass


async def status_at(host: str, port: int) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/healthz") as response:
        return response.status


async def test_it_answers_at_each_address_of_host_and_at_no_other(serve: Serve) -> None:
    served = await serve(host="127.0.0.1, 127.0.0.2")
    assert [await status_at(host, served.port) for host in ("127.0.0.1", "127.0.0.2")] == [200, 200]
    with pytest.raises(aiohttp.ClientConnectorError):
        await status_at("127.0.0.3", served.port)


async def test_it_answers_over_ipv6(serve: Serve) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    served = await serve(host="::, 0.0.0.0")
    assert [await status_at(host, served.port) for host in ("[::1]", "127.0.0.1")] == [200, 200]


async def test_an_address_that_this_machine_does_not_have_is_told(serve: Serve) -> None:
    with pytest.raises(SettingsError, match=r"does not have the address 192\.0\.2\.1"):
        await serve(host="192.0.2.1")


async def test_headers_that_never_end_do_not_hold_a_connection(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.transport.http_server.IDLE_SECONDS", 0.3)
    served = await serve()
    for begun in (b"", b"GET /healthz HTTP/1.1\r\nHost: bot\r\nX-Slow: "):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(begun)
        async with asyncio.timeout(5.0):
            assert await reader.read() == b""
        writer.close()
    assert (await served.get("/healthz"))[0] == 200
