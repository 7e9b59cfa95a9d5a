"""The real process and its line to Slack: watched while it serves, and let go cleanly when it stops."""

import asyncio
import re
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.stage import BUCKET, Stage
from tests.scenarios.conftest import Open, World, free_port, until

pytestmark = pytest.mark.long

QUICK = {"TUNEBOT_POLL_SECONDS": "0.1"}


@pytest.fixture
async def world(world_of: Open) -> AsyncIterator[World]:
    """A bot of the test's own in Socket Mode, whose health can be asked."""
    async with world_of(job_seconds=None, environment={**QUICK, "PORT": str(free_port())}) as world:
        yield world


async def health(world: World) -> tuple[int, str]:
    url = f"http://127.0.0.1:{world.stage.extra['PORT']}/healthz"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def answers(world: World) -> None:
    said = len(world.messages("/tune start"))
    delivery = await world.ada.slash_command(world.channel, "/tune", "help")
    assert delivery.acked
    await until(lambda: len(world.messages("/tune start")) > said or None, "the answer")


def quiet(world: World) -> None:
    """Nothing was logged that an operator would have to read twice."""
    log = world.stage.log_file.read_text()
    for noise in ("Traceback", "closing transport", "never retrieved", "was destroyed", "Unclosed"):
        assert noise not in log, log[-4000:]


async def test_a_line_that_goes_deaf_is_noticed_and_laid_anew_within_a_minute(world: World) -> None:
    before = world.slack.sockets.opened
    world.slack.faults.silence(deaf=True)
    began = time.monotonic()
    await until(lambda: world.slack.sockets.opened > before or None, "another socket", within=60.0)
    assert time.monotonic() - began < 60.0
    world.slack.faults.speak()
    await until(lambda: world.slack.sockets.connections or None, "a socket")
    await answers(world)
    quiet(world)


async def test_a_line_that_is_up_but_silent_is_noticed_once_a_card_moves(world: World) -> None:
    card, job = await world.started("silent")
    job.advance(1)
    await world.shows(card, "step 1")
    await world.slack.settle()
    before = world.slack.sockets.opened
    world.slack.faults.silence()
    job.advance(1)
    await until(lambda: world.slack.sockets.opened > before or None, "another socket", within=60.0)
    world.slack.faults.clear()
    await answers(world)


async def test_a_line_that_brings_nothing_is_laid_anew_within_a_minute_though_the_bot_says_nothing(
    world: World,
) -> None:
    await answers(world)
    before = world.slack.sockets.opened
    world.slack.faults.silence()  # pings are answered: all looks well
    await until(lambda: world.slack.sockets.opened > before or None, "another socket", within=60.0)
    world.slack.faults.clear()
    await answers(world)
    quiet(world)


async def test_an_app_token_that_is_revoked_turns_health_red_and_is_said_once(world: World) -> None:
    assert (await health(world))[0] == 200
    world.slack.faults.fail("apps.connections.open", error="token_revoked", times=None)
    asked = len(world.slack.workspace.calls_of("apps.connections.open"))
    world.slack.faults.drop_sockets()
    await asyncio.sleep(3.0)
    status, text = await health(world)
    assert status == 503
    assert "Slack refuses SLACK_APP_TOKEN: token_revoked" in text
    assert world.stage.log_file.read_text().count("Slack refuses SLACK_APP_TOKEN") == 1
    assert len(world.slack.workspace.calls_of("apps.connections.open")) - asked <= 4
    world.slack.faults.clear()
    await until(lambda: world.slack.sockets.connections or None, "a socket", within=20.0)
    await answers(world)
    assert (await health(world))[0] == 200


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_events_that_nobody_handles_are_acknowledged(world_of: Open, mode: str) -> None:
    async with world_of(mode, environment=QUICK) as world:
        slack = world.slack
        for kind in ("reaction_added", "team_join", "something_of_tomorrow"):
            event = {"type": kind, "user": world.ada.id, "event_ts": "1.0"}
            slack.deliveries.send_event(
                {
                    "type": "event_callback",
                    "team_id": slack.workspace.team_id,
                    "api_app_id": slack.app.app_id,
                    "event_id": f"Ev{kind}",
                    "event_time": 1,
                    "event": event,
                }
            )
        await slack.settle()
        sent = slack.workspace.deliveries[-3:]
        assert [each.event_type for each in sent] == ["reaction_added", "team_join", "something_of_tomorrow"]
        assert all(each.acked and len(each.attempts) == 1 for each in sent)


async def test_a_database_that_cannot_be_read_turns_health_red(world: World) -> None:
    assert (await health(world))[0] == 200
    # A disk that goes bad under the running bot: every page of the file is other than it was.
    file = world.stage.directory / "tunebot.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.write_bytes(b"\xff" * file.stat().st_size)

    async with asyncio.timeout(10):
        while (found := await health(world))[0] == 200:  # noqa: ASYNC110 - health wakes nobody
            await asyncio.sleep(0.1)
    assert "database" in found[1]
    url = f"http://127.0.0.1:{world.stage.extra['PORT']}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200


async def flood(world: World, until_set: asyncio.Event) -> int:
    """Type commands as fast as they are answered until told to stop; how many were acknowledged."""
    acknowledged = 0

    async def one() -> None:
        nonlocal acknowledged
        while not until_set.is_set():
            acknowledged += (await world.ada.slash_command(world.channel, "/tune", "list")).acked
            await asyncio.sleep(0.001)

    people = [asyncio.create_task(one()) for _ in range(16)]
    await asyncio.wait(people, timeout=30)
    return acknowledged


async def test_sigterm_under_load_ends_in_time_with_0_and_no_noise(world: World) -> None:
    for number in range(3):
        await world.started(f"job {number}", "backend=gemini")
    over = asyncio.Event()
    load = asyncio.create_task(flood(world, over))
    await asyncio.sleep(1.0)
    began = time.monotonic()
    stopping = asyncio.create_task(world.stage.stop())
    await asyncio.sleep(0.2)
    over.set()
    assert await stopping == 0
    assert time.monotonic() - began < 10.0
    assert await load > 0
    assert "stopped" in world.stage.log_end()
    quiet(world)


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_sigterm_while_google_and_slack_both_hang_ends_in_time_with_0(world_of: Open, mode: str) -> None:
    async with world_of(mode, job_seconds=None, environment=QUICK) as world:
        await world.tuned("slow")
        _, job = await world.started("hanging")
        world.google.faults.hang(times=None)
        world.slack.faults.hang("chat.*", times=None)
        await world.ada.slash_command(world.channel, "/ask", "model=slow seven")
        await until(lambda: world.asked() or None, "the question")
        await asyncio.sleep(0.5)
        began = time.monotonic()
        assert await world.stage.stop() == 0
        assert time.monotonic() - began < 10.0
        quiet(world)
        world.google.faults.clear()
        world.slack.faults.clear()
        job.finish()
        await world.stage.start()
        await world.message("hanging", "is ready", within=20.0)


async def test_sigterm_while_slack_is_deaf_ends_in_time_with_0(world: World) -> None:
    world.slack.faults.silence(deaf=True)
    began = time.monotonic()
    assert await world.stage.stop() == 0
    assert time.monotonic() - began < 10.0
    quiet(world)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Stand-ins and settings, and no bot yet."""
    async with GoogleStandIn() as google, SlackStandIn() as slack:
        google.create_bucket(BUCKET)
        stage = Stage(slack, google, tmp_path)
        yield stage
        await stage.stop()


async def starting(stage: Stage) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", env=stage.environment(), stderr=asyncio.subprocess.PIPE
    )


@pytest.mark.parametrize("method", ["auth.test", "apps.connections.open"])
async def test_sigterm_while_a_hanging_slack_holds_up_the_start_ends_it_with_0(stage: Stage, method: str) -> None:
    stage.slack.faults.hang(method, times=None)
    process = await starting(stage)
    await until(lambda: stage.slack.workspace.calls_of(method) or None, "the call that hangs")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = await process.communicate()
    assert process.returncode == 0
    assert time.monotonic() - began < 10.0
    assert b"Traceback" not in said


async def test_sigterm_while_the_libraries_are_loading_ends_it_with_0(stage: Stage) -> None:
    process = await starting(stage)
    await asyncio.sleep(0.4)
    process.send_signal(signal.SIGTERM)
    _, said = await process.communicate()
    assert process.returncode == 0, said
    assert b"Traceback" not in said


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(stage: Stage, second: signal.Signals) -> None:
    await stage.start()
    process = stage._process
    assert process is not None
    stage.google.faults.hang(times=None)
    stage.slack.faults.hang("*", times=None)
    stage.slack.faults.silence(deaf=True)
    process.send_signal(signal.SIGTERM)
    await until(lambda: "stopping" in stage.log_end() or None, "the stop")
    began = time.monotonic()
    process.send_signal(second)
    await process.wait()
    assert time.monotonic() - began < 0.5
    assert "Traceback" not in stage.log_end()


async def test_what_is_measured_can_be_scraped(world: World) -> None:
    await world.tuned("measured")
    world.google.faults.fail(403, path="/tuningJobs/", times=1)
    await world.started("running")
    url = f"http://127.0.0.1:{world.stage.extra['PORT']}/metrics"

    async def text() -> str:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
            return await response.text()

    async def shows(pattern: str) -> None:
        async with asyncio.timeout(10):
            while not re.search(pattern, found := await text(), re.MULTILINE):
                await asyncio.sleep(0.1)
                assert found

    for pattern in (
        r"^tunebot_polling_round_seconds_count [1-9]",
        r"^tunebot_polling_round_requests_sum [1-9]",
        r'^tunebot_open_jobs\{backend="vertex",state="\w+"\} 1\.0',
        r"^tunebot_outbox_pending 0\.0",
        r"^tunebot_outbox_oldest_seconds 0\.0",
        r'^tunebot_notices_total\{kind="ended",outcome="sent"\} 1\.0',
        r'^tunebot_google_answers_total\{status="403"\} 1\.0',
        r"^tunebot_acknowledgement_seconds_count [1-9]",
        r"^tunebot_slack_connected 1\.0",
        r"^process_resident_memory_bytes",
    ):
        await shows(pattern)
