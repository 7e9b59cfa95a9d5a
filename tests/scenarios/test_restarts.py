"""The process dies at any moment, or is stopped, and what it began goes on when it is started again."""

import asyncio
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import Message, SlackStandIn
from bot.sandbox.stage import Stage
from tests.scenarios.conftest import Open, World, until

QUICK = {"TUNEBOT_POLL_SECONDS": "0.1"}


@pytest.fixture
async def world(world_of: Open) -> AsyncIterator[World]:
    """A bot of the test's own, to be killed."""
    async with world_of(job_seconds=None, environment=QUICK) as world:
        yield world


def rows(world: World, query: str) -> list[tuple[object, ...]]:
    """What the bot's database holds, read from outside."""
    with sqlite3.connect(f"file:{world.stage.directory / 'tunebot.db'}?mode=ro", uri=True) as database:
        return database.execute(query).fetchall()


async def again(world: World) -> None:
    """Kill and start again."""
    await world.stage.kill()
    await world.stage.start()


async def ready_once(world: World, name: str) -> Message:
    """Wait for the job's end and for the wires to be quiet; one card, one reply, one job."""
    (await world.job(name)).finish()
    card = await world.card(name)
    await world.message(name, "is ready", within=20.0)
    await world.shows(card, "done")
    await world.slack.settle()
    await asyncio.sleep(0.3)
    assert len([job for job in world.google.jobs.all if job.display_name == name]) == 1
    assert len(world.messages(name, "is ready")) == 1
    assert len(world.messages(f"Tuning {name} (")) == 1
    assert rows(world, "select count(*) from jobs where state not in ('succeeded')") == [(0,)]
    return card


async def press_start(world: World, name: str, backend: str = "vertex") -> None:
    """Everything up to the click; returns as soon as Slack was told that it arrived."""
    await world.type(f"start name={name} backend={backend} file={world.share()}")
    submission = await world.ada.submit_view(await world.report("Ready to start"))
    assert submission.action == "clear"


async def test_killed_while_the_file_is_uploaded_nothing_was_started_and_nothing_is_said_to_be(
    world: World,
) -> None:
    world.google.faults.hang(path="/upload/storage", times=1)
    await press_start(world, "uploading")
    await again(world)
    await world.type("status")
    await world.message("uploading", "being sent to Google")
    assert world.google.jobs.all == []


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_killed_after_google_took_the_start_but_before_its_answer_came(world: World, backend: str) -> None:
    # The answer to the create never comes; the process dies waiting for it.
    world.google.faults.lose_answer(path="/(tuningJobs|tunedModels)$", method="POST")
    world.google.faults.hang(path="/(tuningJobs|tunedModels|operations)", method="GET", times=1)
    await press_start(world, "adopted", backend)
    await until(lambda: world.google.jobs.all or None, "the create")
    await world.stage.kill()
    world.google.faults.clear()
    await world.stage.start()
    await ready_once(world, "adopted")


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_killed_while_the_job_runs(world: World, backend: str) -> None:
    _, job = await world.started("running", f"backend={backend}")
    job.advance()
    await again(world)
    await ready_once(world, "running")


@pytest.mark.long
async def test_killed_before_the_card_was_posted(world: World) -> None:
    world.slack.faults.hang("chat.postMessage", times=1)
    await press_start(world, "cardless")
    await until(lambda: world.google.jobs.all or None, "the job")
    await again(world)
    await ready_once(world, "cardless")


async def test_killed_right_after_the_end_was_told(world: World) -> None:
    card, job = await world.started("ended")
    job.finish()
    await world.message("ended", "is ready", thread=card.ts)
    await until(lambda: rows(world, "select 1 from outbox where state = 'pending'") == [] or None, "all marked")
    await again(world)
    await ready_once(world, "ended")


async def test_ended_while_the_bot_was_down(world: World) -> None:
    _, job = await world.started("meanwhile")
    await world.stage.kill()
    job.finish()
    await world.stage.start()
    await ready_once(world, "meanwhile")


async def test_killed_again_and_again(world: World) -> None:
    for number in range(3):
        await press_start(world, f"job{number}")
        await asyncio.sleep(0.05 * number)
        await again(world)
    # A kill between the row and the create leaves a row that Google knows nothing of: it waits out its grace.
    known = [job.display_name for job in world.google.jobs.all]
    assert len(known) == len(set(known))
    kept = {str(key) for (key,) in rows(world, "select key from jobs")}
    assert len(kept) == 3
    for name in known:
        (await world.job(name)).finish()
        await world.message(name, "is ready", within=20.0)


async def test_a_bound_model_and_a_thread_survive(world: World) -> None:
    await world.tuned("remembered")
    await world.type("use remembered")
    await world.message("answers in this channel now")
    await world.ada.slash_command(world.channel, "/ask", "seven")
    answer = await world.message("eight", "asked")
    await until(lambda: rows(world, "select 1 from conversations") or None, "the conversation's row")
    await again(world)
    world.ada.post(world.channel, "ninety nine", thread_ts=answer.ts)
    await world.message("one hundred", thread=answer.ts)
    assert len(world.asked()[-1].body["contents"]) == 3


async def test_a_report_that_was_open_can_still_be_started_after_a_restart(world: World) -> None:
    await world.type(f"start name=kept file={world.share()}")
    report = await world.report("Ready to start")
    await again(world)
    submission = await world.ada.submit_view(report)
    assert submission.action == "clear"
    await ready_once(world, "kept")


async def test_an_event_that_was_answered_is_not_answered_again_after_a_restart(world: World) -> None:
    await world.tuned("once only")
    said = world.ada.post(world.channel, world.ada.typed("@Tunebot seven"))
    await world.message("eight", thread=said.ts)
    await again(world)
    deliveries = [each for each in world.slack.workspace.deliveries if each.event_type == "app_mention"]
    world.slack.deliveries.send_event(deliveries[-1].payload)
    await world.slack.settle()
    await asyncio.sleep(1.0)
    assert len(world.messages("eight", thread=said.ts)) == 1


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_sigterm_ends_it_within_ten_seconds_with_0(world_of: Open, mode: str) -> None:
    async with world_of(mode, job_seconds=None, environment=QUICK) as world:
        _, job = await world.started("stopped")
        began = time.monotonic()
        assert await world.stage.stop() == 0
        assert time.monotonic() - began < 10.0
        assert "stopped" in world.stage.log_end()
        job.finish()
        await world.stage.start()
        await ready_once(world, "stopped")


async def test_sigterm_does_not_wait_for_a_google_that_never_answers(world: World) -> None:
    await world.tuned("slow")
    world.google.faults.hang(path=":generateContent", times=None)
    await world.ada.slash_command(world.channel, "/ask", "model=slow seven")
    await until(lambda: world.asked() or None, "the question")
    began = time.monotonic()
    assert await world.stage.stop() == 0
    assert time.monotonic() - began < 10.0


async def ended(stage: Stage, **changes: str) -> tuple[int, str]:
    """Run the bot with these settings changed; its exit code and what it said on standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", env={**stage.environment(), **changes}, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_a_second_process_on_the_same_database_is_refused(world: World) -> None:
    code, said = await ended(world.stage)
    assert code == 1
    assert "tunebot.db" in said
    assert "another" in said.lower()
    assert "Traceback" not in said
    await world.started("first goes on")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Stand-ins and settings, and no bot yet."""
    async with GoogleStandIn() as google, SlackStandIn() as slack:
        yield Stage(slack, google, tmp_path)


@pytest.mark.parametrize(("name", "wrong"), [("SLACK_BOT_TOKEN", "xoxb-wrong"), ("SLACK_APP_TOKEN", "xapp-wrong")])
async def test_a_wrong_token_ends_the_start_with_one_clear_line(stage: Stage, name: str, wrong: str) -> None:
    code, said = await ended(stage, **{name: wrong})
    assert code == 1
    assert f"Slack refuses {name}: invalid_auth." in said
    assert "Copy it again" in said
    assert wrong not in said
    assert "Traceback" not in said


async def test_a_slack_that_fails_at_the_start_is_tried_again(stage: Stage) -> None:
    stage.slack.faults.fail("auth.test", times=2, status=503)
    await stage.start()
    assert await stage.stop() == 0


async def test_missing_settings_are_all_named_at_once(stage: Stage) -> None:
    code, said = await ended(stage, SLACK_BOT_TOKEN="", TUNEBOT_BUCKET="", TUNEBOT_POLL_SECONDS="soon")
    assert code == 1
    for name in ("SLACK_BOT_TOKEN", "TUNEBOT_BUCKET", "TUNEBOT_POLL_SECONDS"):
        assert name in said
    assert "Traceback" not in said


async def test_a_taken_port_is_told(stage: Stage) -> None:
    taken = str(stage.slack.port)
    code, said = await ended(stage, SLACK_APP_TOKEN="", SLACK_SIGNING_SECRET="secret", PORT=taken)
    assert code == 1
    assert f"Port {taken} cannot be used" in said
    assert "Traceback" not in said


async def test_no_secret_is_in_the_log(world_of: Open) -> None:
    async with world_of(job_seconds=None, environment={**QUICK, "TUNEBOT_LOG_LEVEL": "DEBUG"}) as world:
        await world.tuned("secretive")
        log = world.stage.log_file.read_text()
        environment = world.stage.environment()
        for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN", "GEMINI_API_KEY"):
            assert environment[name] not in log, name


@pytest.mark.parametrize("how", ["closed", "asked to reconnect"])
async def test_a_socket_that_slack_lets_go_is_taken_up_again(world: World, how: str) -> None:
    before = list(world.slack.sockets.connections)
    if how == "closed":
        world.slack.faults.drop_sockets(abort=False)
    else:
        world.slack.faults.ask_to_reconnect()

    def only_others() -> bool | None:
        now = list(world.slack.sockets.connections)
        return (bool(now) and not any(each is old for each in now for old in before)) or None

    await until(only_others, "another socket", within=20.0)
    await world.type("list")
    await world.message("Nothing here yet")
