"""A connection to Slack that is broken, silent or refused is noticed, reported and replaced."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial

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
from tests.support.held_line import held_line
from tests.support.http_server import free_port
from tests.support.waiting import DEADLINE_SECONDS, holds, wait_until

# Only what passes without Slack is short. The limits for what Slack answers hold on a busy machine too; a test in
# which Slack does not answer shortens the one that it waits for.
QUICK = Times(
    ping=10.0,
    check=0.02,
    hello=30.0,
    echo=30.0,
    quiet=1_000_000.0,
    first_wait=0.05,
    longest_wait=0.4,
    longest_wait_when_refused=2.0,
    farewell=0.2,
    drain=30.0,
    close=1.0,
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
    received: list[str] = field(default_factory=list)

    async def get(self, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{path}") as response,
        ):
            return response.status, await response.text()

    async def until_well(self) -> None:
        """Wait until health is good."""

        async def well() -> bool:
            return (await self.get("/healthz"))[0] == 200

        await wait_until(well, "good health")

    async def until_unwell(self, word: str = "") -> str:
        """Wait until health names a problem with this word; return what it says."""

        async def unwell() -> str:
            status, found = await self.get("/healthz")
            return found if status != 200 and word in found else ""

        return await wait_until(unwell, f"a problem with {word!r}")

    async def answers(self) -> None:
        """Check that a command reaches the app.

        It is typed once the old connection is closed: on one that closes it may be lost, and Slack sends it once.
        """
        await wait_until(lambda: len(self.slack.sockets.connections) == 1, "one connection")
        before = len(self.received)
        await self.ada.slash_command(self.channel, "/tune", "list")
        await wait_until(lambda: len(self.received) > before, "the command")


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
            unready: Sequence[str] = (),
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
            received: list[str] = []

            async def tune(ack: AsyncAck, command: dict[str, str]) -> None:
                await ack()
                received.append(command["text"])

            app.command("/tune")(tune)
            metrics = Metrics()
            line = SocketMode(client, slack.app.app_token, metrics, times)
            token = TokenCheck(client, 0.1, 1.0)
            checking = asyncio.create_task(token.watch())
            stack.callback(checking.cancel)

            async def measure() -> None:
                metrics.waiting(3, 7.5)

            problems = [lambda: poller, token.problem]
            intake = HttpServer(settings, app, metrics, line, database, problems, lambda: unready, list, measure)
            await stack.enter_async_context(intake.serving())
            ada = slack.person("ada")
            channel = slack.add_channel("tuning", ada)
            return Served(slack, intake, line, metrics, port, ada, channel, app, token, received)

        yield serving


async def test_process_is_ready_only_where_a_tuning_could_be_started(serve: Serve) -> None:
    ready = await serve()
    assert await ready.get("/readyz") == (200, '{"ok": true, "problems": [], "limits": []}')
    unready = await serve(unready=["Vertex AI: The bot has no Google credentials."])
    problems = '{"ok": false, "problems": ["Vertex AI: The bot has no Google credentials."], "limits": []}'
    assert await unready.get("/readyz") == (503, problems)
    assert await unready.get("/healthz") == (200, '{"ok": true, "problems": []}'), "a restart would not help"


async def test_process_that_is_not_healthy_is_not_ready(serve: Serve) -> None:
    async def locked() -> str:
        return "the database is locked"

    served = await serve(database=locked)
    assert await served.get("/readyz") == (
        503,
        '{"ok": false, "problems": ["the database is locked"], "limits": []}',
    )


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
        "tunebot_outbox_oldest_age_seconds 7.5",
        "tunebot_acknowledgement_duration_seconds_count 1.0",
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
        await asyncio.Event().wait()
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
    await wait_until(lambda: served.slack.sockets.opened == 2)
    await wait_until(lambda: len(served.slack.sockets.connections) == 1)
    await served.answers()
    await served.until_well()


async def test_the_new_line_is_there_before_the_old_one_goes(serve: Serve) -> None:
    served = await serve()
    served.slack.faults.ask_to_reconnect("warning")
    await served.slack.wait_connected(2)
    await wait_until(lambda: len(served.slack.sockets.connections) == 1)


async def test_a_line_that_slack_will_end_brings_commands_until_slack_ends_it(serve: Serve) -> None:
    served = await serve(replace(QUICK, farewell=1_000_000.0))
    (old,) = served.slack.sockets.connections

    def received(commands: int) -> bool:
        return len(served.received) == commands

    served.slack.faults.ask_to_reconnect("warning")
    await served.slack.wait_connected(2)
    for number in range(1, 5):
        # Slack sends to the connections by turns.
        await served.ada.slash_command(served.channel, "/tune", "list")
        await wait_until(partial(received, number), "the command")
    assert old in served.slack.sockets.connections
    await old.socket.close()
    await served.answers()


async def test_a_line_that_answers_no_ping_is_laid_anew(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "handlers.transport.socket_mode")
    served = await serve(replace(QUICK, ping=1.0))
    served.slack.faults.silence(ignore_pings=True)
    await wait_until(lambda: served.slack.sockets.opened > 1)
    assert "replacing the connection to Slack: it does not answer" in caplog.messages
    served.slack.faults.speak()
    await served.until_well()
    await served.answers()


async def test_a_line_on_which_the_bots_own_words_do_not_come_back_is_laid_anew(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "handlers.transport.socket_mode")
    served = await serve(replace(QUICK, echo=1.5))

    async def say(text: str) -> None:
        began = time.monotonic()
        await served.app.client.chat_postMessage(channel=served.channel.id, text=text)
        served.socket.note_post(began)

    await say("heard")
    await served.slack.settle()
    served.slack.faults.silence()
    await say("not heard")
    await wait_until(lambda: served.slack.sockets.opened > 1)
    assert any("not even the events of my own messages" in message for message in caplog.messages)
    served.slack.faults.speak()
    await served.answers()


async def test_where_own_words_never_come_back_their_absence_says_nothing(serve: Serve) -> None:
    served = await serve(replace(QUICK, echo=0.3))
    for _ in range(2):
        served.socket.note_post(time.monotonic())
        await holds(lambda: served.slack.sockets.opened == 1, 0.6, "the first connection")


async def test_a_line_on_which_nothing_comes_for_long_is_replaced(serve: Serve) -> None:
    served = await serve(replace(QUICK, quiet=2.0))
    await wait_until(lambda: served.slack.sockets.opened >= 2)
    await served.answers()


async def test_a_failed_reconnect_is_tried_again_with_a_new_address(serve: Serve) -> None:
    served = await serve()
    served.slack.faults.fail("apps.connections.open", times=3, status=500)
    served.slack.faults.drop_sockets()
    assert "not connected to Slack" in await served.until_unwell()
    await served.until_well()
    await served.answers()


async def test_an_address_that_opens_nothing_is_not_tried_for_ever(serve: Serve) -> None:
    served = await serve(replace(QUICK, hello=0.5))
    asked = len(served.slack.workspace.calls_of("apps.connections.open"))
    served.slack.faults.expire_tickets(2)
    served.slack.faults.drop_sockets()
    await wait_until(lambda: served.slack.sockets.opened == 2)
    assert len(served.slack.workspace.calls_of("apps.connections.open")) - asked == 3
    await served.answers()


async def test_a_line_that_never_says_hello_is_not_taken(serve: Serve) -> None:
    served = await serve(replace(QUICK, hello=0.3))
    served.slack.faults.omit_hello()
    served.slack.faults.drop_sockets()
    await wait_until(lambda: served.slack.sockets.opened >= 3)
    assert (await served.get("/healthz"))[0] == 503
    served.slack.faults.clear()
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
    assert "Slack refuses SLACK_APP_TOKEN (token_revoked)" in await served.until_unwell("refuses")
    calls = served.slack.workspace.calls_of
    await holds(lambda: len(calls("apps.connections.open")) - asked <= 7, 1.5, "few calls")
    told = [record for record in caplog.records if "SLACK_APP_TOKEN" in record.message]
    assert [record.levelno for record in told] == [logging.ERROR]
    served.slack.faults.clear()
    await served.until_well()
    await served.answers()


async def test_a_revoked_bot_token_is_told_once_and_turns_health_red(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve()
    served.slack.faults.fail("auth.test", error="token_revoked", times=None)
    assert "Slack refuses SLACK_BOT_TOKEN (token_revoked)" in await served.until_unwell()
    checks = served.slack.workspace.calls_of
    before = len(checks("auth.test"))
    await wait_until(lambda: len(checks("auth.test")) >= before + 3, "three more checks of the token")
    assert len([record for record in caplog.records if "SLACK_BOT_TOKEN" in record.message]) == 1
    served.slack.faults.clear()
    await served.until_well()


async def test_trouble_of_slacks_own_says_nothing_about_the_token(serve: Serve) -> None:
    served = await serve()
    served.slack.faults.fail("auth.test", status=503, times=2)
    checks = served.slack.workspace.calls_of
    before = len(checks("auth.test"))
    await wait_until(lambda: len(checks("auth.test")) >= before + 3, "three more checks of the token")
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
    await asyncio.sleep(0)  # It begins to close.
    second = asyncio.create_task(ada.slash_command(channel, "/tune", "second"))
    await wait_until(lambda: len(slack.workspace.deliveries) == 2, "the second command")
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
    slack.faults.silence(ignore_pings=True)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await line.close()
    go_on.set()
    assert not (await hanging).acked
    assert "Traceback" not in caplog.text
    assert [record.message for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("slack_and_socket", [0.5], indirect=True)
async def test_what_slack_sends_while_the_bot_ends_a_silent_line_is_received_once(
    slack_and_socket: tuple[SlackStandIn, SocketMode, AsyncApp],
) -> None:
    slack, line, app = slack_and_socket
    texts: list[str] = []

    async def tune(ack: AsyncAck, command: dict[str, str]) -> None:
        await ack()
        texts.append(command["text"])

    app.command("/tune")(tune)
    ada = slack.person("ada")
    channel = slack.add_channel("tuning", ada)
    sent = ["1", "2", "3", "4"]
    async with held_line(slack.sockets.origin) as way:
        slack.sockets.origin = way.url
        await line.open(app)
        (old,) = slack.sockets.connections
        way.hold()
        await asyncio.wait_for(way.held_close.wait(), DEADLINE_SECONDS)
        assert len(slack.sockets.connections) == 2, "Slack has not heard of the end, and has the new connection"
        # Slack sends to the connections by turns.
        typed = [asyncio.create_task(ada.slash_command(channel, "/tune", text)) for text in sent]
        await wait_until(lambda: len(texts) == len(sent), "the commands")
        assert old in slack.sockets.connections
        way.release()
        await wait_until(lambda: old not in slack.sockets.connections, "the end of the old connection")
        assert [(await each).acked for each in typed].count(True) == 2, "no more can be sent on the old connection"
        await line.close()
    assert sorted(texts) == sent


@pytest.fixture
async def slack_and_socket(
    request: pytest.FixtureRequest,
) -> AsyncIterator[tuple[SlackStandIn, SocketMode, AsyncApp]]:
    """A connection that ends after `request.param` seconds in which nothing arrives."""
    times = replace(QUICK, drain=2.0, quiet=getattr(request, "param", QUICK.quiet))
    async with SlackStandIn(manifest=manifest()) as slack, aiohttp.ClientSession() as session:
        environment = {
            "SLACK_BOT_TOKEN": slack.app.bot_token,
            "SLACK_APP_TOKEN": slack.app.app_token,
            "SLACK_API_URL": slack.api_url,
            "TUNEBOT_BACKENDS": "gemini",
        }
        client = slack_client(Settings.read(environment), session)
        app = AsyncApp(client=client, process_before_response=True)
        yield slack, SocketMode(client, slack.app.app_token, Metrics(), times), app


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
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await reader.read() == b""
        writer.close()
    assert (await served.get("/healthz"))[0] == 200
