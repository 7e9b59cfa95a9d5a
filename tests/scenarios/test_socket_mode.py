"""The real process and its connection to Slack: checked while it serves, and closed cleanly when it stops."""

import asyncio
import os
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.stage import BUCKET, Stage
from tests.support.bot_harness import BotHarness, OpenBot
from tests.support.http_server import free_port
from tests.support.waiting import DEADLINE_SECONDS, wait_until, wait_until_still

pytestmark = pytest.mark.long

QUICK = {"TUNEBOT_POLL_SECONDS": "0.1"}


@pytest.fixture
async def bot(open_bot: OpenBot) -> AsyncIterator[BotHarness]:
    """A bot of the test's own in Socket Mode, whose health can be asked."""
    async with open_bot(job_seconds=None, environment={**QUICK, "PORT": str(free_port())}) as bot:
        yield bot


async def health(bot: BotHarness) -> tuple[int, str]:
    url = f"http://127.0.0.1:{bot.stage.extra['PORT']}/healthz"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def answers(bot: BotHarness) -> None:
    """Check that a command is acknowledged and answered.

    It is typed once the old connection is closed: on one that closes it may be lost, and Slack sends it once.
    """
    await wait_until(lambda: len(bot.slack.sockets.connections) == 1, "one connection")
    said = len(bot.messages("/tune start"))
    delivery = await bot.ada.slash_command(bot.channel, "/tune", "help")
    assert delivery.acked
    await wait_until(lambda: len(bot.messages("/tune start")) > said, "the answer")


def quiet(bot: BotHarness) -> None:
    """Nothing was logged that an operator would have to read twice."""
    log = bot.stage.log_file.read_text()
    for noise in (
        "Traceback",
        "closing transport",
        "never retrieved",
        "was destroyed",
        "Unclosed",
        "the stop took too long",
    ):
        assert noise not in log, log[-4000:]


async def test_a_connection_that_answers_no_ping_is_replaced_within_a_minute(bot: BotHarness) -> None:
    before = bot.slack.sockets.opened
    bot.slack.faults.silence(ignore_pings=True)
    await wait_until(lambda: bot.slack.sockets.opened > before, "another socket")
    bot.slack.faults.speak()
    await wait_until(lambda: bot.slack.sockets.connections, "a socket")
    await answers(bot)
    quiet(bot)


async def test_a_line_that_is_up_but_silent_is_noticed_once_a_card_moves(bot: BotHarness) -> None:
    card, job = await bot.started("silent")
    job.advance(1)
    await bot.shows(card, "step 1")
    await bot.slack.settle()
    before = bot.slack.sockets.opened
    bot.slack.faults.silence()
    job.advance(1)
    await wait_until(lambda: bot.slack.sockets.opened > before, "another socket")
    bot.slack.faults.clear()
    await answers(bot)


async def test_a_line_that_brings_nothing_is_laid_anew_within_a_minute_though_the_bot_says_nothing(
    bot: BotHarness,
) -> None:
    await answers(bot)
    before = bot.slack.sockets.opened
    bot.slack.faults.silence()  # pings are answered: all looks well
    await wait_until(lambda: bot.slack.sockets.opened > before, "another socket")
    bot.slack.faults.clear()
    await answers(bot)
    quiet(bot)


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_events_that_nobody_handles_are_acknowledged(open_bot: OpenBot, mode: str) -> None:
    async with open_bot(mode, environment=QUICK) as bot:
        slack = bot.slack
        for kind in ("reaction_added", "team_join", "something_of_tomorrow"):
            event = {"type": kind, "user": bot.ada.id, "event_ts": "1.0"}
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


async def test_a_database_that_cannot_be_read_turns_health_red(bot: BotHarness) -> None:
    assert (await health(bot))[0] == 200
    # A disk that goes bad under the running bot: every page of the file is other than it was.
    file = bot.stage.directory / "tunebot.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.write_bytes(b"\xff" * file.stat().st_size)

    async def problem() -> str:
        status, text = await health(bot)
        return "" if status == 200 else text

    assert "database" in await wait_until(problem, "a red health")
    url = f"http://127.0.0.1:{bot.stage.extra['PORT']}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200


async def flood(bot: BotHarness, until_set: asyncio.Event) -> int:
    """Type commands as fast as they are answered until the event is set; how many were acknowledged."""
    acknowledged = 0

    async def one() -> None:
        nonlocal acknowledged
        while not until_set.is_set():
            acknowledged += (await bot.ada.slash_command(bot.channel, "/tune", "list")).acked
            await asyncio.sleep(0)

    people = [asyncio.create_task(one()) for _ in range(16)]
    await asyncio.wait(people, timeout=DEADLINE_SECONDS)
    return acknowledged


async def test_sigterm_under_load_ends_in_time_with_0_and_no_noise(bot: BotHarness) -> None:
    for number in range(3):
        await bot.started(f"job {number}", "backend=gemini")
    over = asyncio.Event()
    load = asyncio.create_task(flood(bot, over))
    sent = len(bot.slack.workspace.deliveries)
    await wait_until(lambda: len(bot.slack.workspace.deliveries) > sent + 50, "the load")
    stopping = asyncio.create_task(bot.stage.stop())
    await wait_until(lambda: "stopping" in bot.stage.log_end(), "the stop")
    over.set()
    assert await stopping == 0
    assert await load > 0
    assert "stopped" in bot.stage.log_end()
    quiet(bot)


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_sigterm_while_google_and_slack_both_hang_ends_in_time_with_0(open_bot: OpenBot, mode: str) -> None:
    async with open_bot(mode, job_seconds=None, environment=QUICK) as bot:
        await bot.tuned("slow")
        _, job = await bot.started("hanging")
        bot.google.faults.hang(times=None)
        bot.slack.faults.hang("chat.*", times=None)
        await bot.ada.slash_command(bot.channel, "/ask", "model=slow seven")
        await wait_until(lambda: bot.asked(), "the question")
        await wait_until_still(lambda: len(bot.slack.workspace.calls), 0.5)
        assert await bot.stage.stop() == 0
        quiet(bot)
        bot.google.faults.clear()
        bot.slack.faults.clear()
        job.finish()
        await bot.stage.start()
        await bot.message("hanging", "is ready")


async def test_sigterm_while_slack_answers_no_ping_ends_in_time_with_0(bot: BotHarness) -> None:
    bot.slack.faults.silence(ignore_pings=True)
    assert await bot.stage.stop() == 0
    quiet(bot)


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
    await wait_until(lambda: stage.slack.workspace.calls_of(method), "the call that hangs")
    process.send_signal(signal.SIGTERM)
    _, said = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in said
    assert b"the stop took too long" not in said


def catches_sigterm(process_id: int) -> bool:
    """Whether the process has a handler of its own for SIGTERM; see proc(5), SigCgt."""
    status = Path(f"/proc/{process_id}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


async def test_sigterm_while_the_libraries_are_loading_ends_it_with_0(stage: Stage) -> None:
    process = await starting(stage)
    await wait_until(lambda: catches_sigterm(process.pid), "the handler of SIGTERM")
    process.send_signal(signal.SIGTERM)
    _, said = await process.communicate()
    assert process.returncode == 0, said
    assert b"Traceback" not in said


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(stage: Stage, second: signal.Signals) -> None:
    await stage.start()
    process = stage.process_id
    stage.google.faults.hang(times=None)
    stage.slack.faults.hang("*", times=None)
    stage.slack.faults.silence(ignore_pings=True)
    os.kill(process, signal.SIGTERM)
    await wait_until(lambda: "stopping" in stage.log_end(), "the stop")
    os.kill(process, second)
    # The signal itself ended it: it did not wait for what hangs, which would end with 0 or 1.
    await wait_until(lambda: not Path(f"/proc/{process}").exists(), "the end of the process")
    assert await stage.stop() == -second
    assert "Traceback" not in stage.log_end()


async def test_what_is_measured_can_be_scraped(bot: BotHarness) -> None:
    await bot.tuned("measured")
    bot.google.faults.fail(403, path="/tuningJobs/", times=1)
    await bot.started("running")
    url = f"http://127.0.0.1:{bot.stage.extra['PORT']}/metrics"

    async def text() -> str:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
            return await response.text()

    async def shows(pattern: str) -> bool:
        return re.search(pattern, await text(), re.MULTILINE) is not None

    for pattern in (
        r"^tunebot_polling_round_duration_seconds_count [1-9]",
        r"^tunebot_polling_round_requests_sum [1-9]",
        r'^tunebot_open_jobs\{backend="vertex",state="\w+"\} 1\.0',
        r"^tunebot_outbox_pending 0\.0",
        r"^tunebot_outbox_oldest_age_seconds 0\.0",
        r'^tunebot_notices_total\{kind="ended",outcome="sent"\} 1\.0',
        r'^tunebot_google_requests_total\{api="\w+",method="[\w.]+",status="403"\} 1\.0',
        r"^tunebot_acknowledgement_duration_seconds_count [1-9]",
        r"^tunebot_slack_connected 1\.0",
        r"^process_resident_memory_bytes",
    ):
        await wait_until(partial(shows, pattern), pattern)
