"""The process dies at any moment, or is stopped, and what it began goes on when it is started again."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import Message, SlackStandIn
from bot.sandbox.stage import Stage
from tests.support.bot_harness import BotHarness, OpenBot
from tests.support.waiting import DEADLINE_SECONDS, holds, wait_until, wait_until_still

# Each test stops or kills the bot and starts it again, most of them more than once.
pytestmark = pytest.mark.long

QUICK = {"TUNEBOT_POLL_SECONDS": "0.1"}


@pytest.fixture
async def bot(open_bot: OpenBot) -> AsyncIterator[BotHarness]:
    """A bot of the test's own, to be killed."""
    async with open_bot(job_seconds=None, environment=QUICK) as bot:
        yield bot


def rows(bot: BotHarness, query: str) -> list[tuple[object, ...]]:
    """What the bot's database holds, read from outside."""
    with sqlite3.connect(f"file:{bot.stage.directory / 'tunebot.db'}?mode=ro", uri=True) as database:
        return database.execute(query).fetchall()


async def again(bot: BotHarness) -> None:
    """Kill and start again."""
    await bot.stage.kill()
    await bot.stage.start()


async def ready_once(bot: BotHarness, name: str) -> Message:
    """Wait for the job's end and for the wires to be quiet; one card, one reply, one job."""
    (await bot.job(name)).finish()
    card = await bot.card(name)
    await bot.message(name, "is ready")
    await bot.shows(card, "done")
    await bot.slack.settle()
    await wait_until_still(lambda: len(bot.slack.workspace.calls), 0.3)
    assert len([job for job in bot.google.jobs.all if job.display_name == name]) == 1
    assert len(bot.messages(name, "is ready")) == 1
    assert len(bot.messages(f"Tuning {name} (")) == 1
    assert rows(bot, "select count(*) from jobs where state not in ('succeeded')") == [(0,)]
    return card


async def press_start(bot: BotHarness, name: str, backend: str = "vertex") -> None:
    """Everything up to the click; returns as soon as it is acknowledged."""
    await bot.type(f"start name={name} backend={backend} file={bot.share()}")
    submission = await bot.ada.submit_view(await bot.report("Ready to start"))
    assert submission.action == "clear"


async def test_killed_while_the_file_is_uploaded_nothing_was_started_and_nothing_is_said_to_be(
    bot: BotHarness,
) -> None:
    bot.google.faults.hang(path="/upload/storage", times=1)
    await press_start(bot, "uploading")
    await again(bot)
    await bot.type("status")
    await bot.message("uploading", "being sent to Google")
    assert bot.google.jobs.all == []


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_killed_after_google_took_the_start_but_before_its_answer_came(
    bot: BotHarness, backend: str
) -> None:
    # The answer to the create never comes; the process dies waiting for it.
    bot.google.faults.lose_answer(path="/(tuningJobs|tunedModels)$", method="POST")
    bot.google.faults.hang(path="/(tuningJobs|tunedModels|operations)", method="GET", times=1)
    await press_start(bot, "adopted", backend)
    await wait_until(lambda: bot.google.jobs.all, "the create")
    await bot.stage.kill()
    bot.google.faults.clear()
    await bot.stage.start()
    await ready_once(bot, "adopted")


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_killed_while_the_job_runs(bot: BotHarness, backend: str) -> None:
    _, job = await bot.started("running", f"backend={backend}")
    job.advance()
    await again(bot)
    await ready_once(bot, "running")


@pytest.mark.long
async def test_killed_before_the_card_was_posted(bot: BotHarness) -> None:
    bot.slack.faults.hang("chat.postMessage", times=1)
    await press_start(bot, "cardless")
    await wait_until(lambda: bot.google.jobs.all, "the job")
    await again(bot)
    await ready_once(bot, "cardless")


async def test_killed_right_after_the_end_was_told(bot: BotHarness) -> None:
    card, job = await bot.started("ended")
    job.finish()
    await bot.message("ended", "is ready", thread=card.ts)
    await wait_until(lambda: rows(bot, "select 1 from outbox where state = 'pending'") == [], "all marked")
    await again(bot)
    await ready_once(bot, "ended")


async def test_ended_while_the_bot_was_down(bot: BotHarness) -> None:
    _, job = await bot.started("meanwhile")
    await bot.stage.kill()
    job.finish()
    await bot.stage.start()
    await ready_once(bot, "meanwhile")


async def test_killed_again_and_again(bot: BotHarness) -> None:
    for number in range(3):
        await press_start(bot, f"job{number}")
        # Each time a little later: at once, once the row is written, once Google has the job.
        if number == 1:
            await wait_until(lambda: len(rows(bot, "select 1 from jobs")) == 2, "the second row")
        elif number == 2:
            await bot.job("job2")
        await again(bot)
    # A kill between the row and the create leaves a row that Google knows nothing of: it waits out its grace.
    known = [job.display_name for job in bot.google.jobs.all]
    assert len(known) == len(set(known))
    kept = {str(key) for (key,) in rows(bot, "select key from jobs")}
    assert len(kept) == 3
    for name in known:
        (await bot.job(name)).finish()
        await bot.message(name, "is ready")


async def test_a_bound_model_and_a_thread_survive(bot: BotHarness) -> None:
    await bot.tuned("remembered")
    await bot.type("use remembered")
    await bot.message("answers in this channel now")
    await bot.ada.slash_command(bot.channel, "/ask", "seven")
    answer = await bot.message("eight", "asked")
    await wait_until(lambda: rows(bot, "select 1 from conversations"), "the conversation's row")
    await again(bot)
    bot.ada.post(bot.channel, "ninety nine", thread_ts=answer.ts)
    await bot.message("one hundred", thread=answer.ts)
    assert len(bot.asked()[-1].body["contents"]) == 3


async def test_a_report_that_was_open_can_still_be_started_after_a_restart(bot: BotHarness) -> None:
    await bot.type(f"start name=kept file={bot.share()}")
    report = await bot.report("Ready to start")
    await again(bot)
    submission = await bot.ada.submit_view(report)
    assert submission.action == "clear"
    await ready_once(bot, "kept")


async def test_an_event_that_was_answered_is_not_answered_again_after_a_restart(bot: BotHarness) -> None:
    await bot.tuned("once only")
    await bot.ada.slash_command(bot.channel, "/tune", 'use "once only"')
    await bot.message("once only", "answers in this channel")
    said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    await bot.message("eight", thread=said.ts)
    await again(bot)
    deliveries = [each for each in bot.slack.workspace.deliveries if each.event_type == "app_mention"]
    bot.slack.deliveries.send_event(deliveries[-1].payload)
    await bot.slack.settle()
    await holds(lambda: len(bot.messages("eight", thread=said.ts)) == 1, 1.0, "one answer")


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_sigterm_ends_it_within_ten_seconds_with_0(open_bot: OpenBot, mode: str) -> None:
    async with open_bot(mode, job_seconds=None, environment=QUICK) as bot:
        _, job = await bot.started("stopped")
        assert await bot.stage.stop() == 0
        assert "the stop took too long" not in bot.stage.log_end()
        assert "stopped" in bot.stage.log_end()
        job.finish()
        await bot.stage.start()
        await ready_once(bot, "stopped")


async def test_sigterm_does_not_wait_for_a_google_that_never_answers(bot: BotHarness) -> None:
    await bot.tuned("slow")
    bot.google.faults.hang(path=r":(streamG|g)enerateContent", times=None)
    await bot.ada.slash_command(bot.channel, "/ask", "model=slow seven")
    await wait_until(lambda: bot.asked(), "the question")
    assert await bot.stage.stop() == 0
    assert "the stop took too long" not in bot.stage.log_end()


async def ended(stage: Stage, **changes: str) -> tuple[int, str]:
    """Run the bot with these settings changed; its exit code and what it said on standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", env={**stage.environment(), **changes}, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(DEADLINE_SECONDS):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_a_second_process_on_the_same_database_is_refused(bot: BotHarness) -> None:
    code, said = await ended(bot.stage)
    assert code == 1
    assert "tunebot.db" in said
    assert "another" in said.lower()
    assert "Traceback" not in said
    await bot.started("first goes on")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Stand-ins and settings, and no bot yet."""
    async with GoogleStandIn() as google, SlackStandIn() as slack:
        yield Stage(slack, google, tmp_path)


@pytest.mark.parametrize(("name", "wrong"), [("SLACK_BOT_TOKEN", "xoxb-wrong"), ("SLACK_APP_TOKEN", "xapp-wrong")])
async def test_a_wrong_token_ends_the_start_with_one_clear_line(stage: Stage, name: str, wrong: str) -> None:
    code, said = await ended(stage, **{name: wrong})
    assert code == 1
    assert f"Slack refuses {name} (invalid_auth)." in said
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


async def test_no_secret_is_in_the_log(open_bot: OpenBot) -> None:
    async with open_bot(job_seconds=None, environment={**QUICK, "TUNEBOT_LOG_LEVEL": "DEBUG"}) as bot:
        await bot.tuned("secretive")
        log = bot.stage.log_file.read_text()
        environment = bot.stage.environment()
        for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN", "GEMINI_API_KEY"):
            assert environment[name] not in log, name


@pytest.mark.parametrize("how", ["closed", "asked to reconnect"])
async def test_a_socket_that_slack_lets_go_is_taken_up_again(bot: BotHarness, how: str) -> None:
    before = list(bot.slack.sockets.connections)
    if how == "closed":
        bot.slack.faults.drop_sockets(abort=False)
    else:
        bot.slack.faults.ask_to_reconnect()

    def only_others() -> bool | None:
        now = list(bot.slack.sockets.connections)
        return (bool(now) and not any(each is old for each in now for old in before)) or None

    await wait_until(only_others, "another socket")
    await bot.type("list")
    await bot.message("Nothing here yet")


@pytest.mark.parametrize("is_typed", [False, True])
@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_killed_while_an_answer_is_written_and_started_after_20_minutes_its_words_stay(
    open_bot: OpenBot, mode: str, is_typed: bool
) -> None:
    async with open_bot(mode, job_seconds=0.0, environment=QUICK) as bot:
        await bot.answering("counter")
        long = "\n\n".join(f"Paragraph {number}." for number in range(20))
        bot.google.answers.say(long, containing="seven")
        bot.google.faults.pause_stream(after=10)
        if is_typed:
            await bot.ada.slash_command(bot.channel, "/ask", "seven")
        else:
            bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
        shown = await bot.message("Paragraph 1.")
        await bot.stage.kill()
        with sqlite3.connect(bot.stage.directory / "tunebot.db") as database:
            database.execute("UPDATE questions SET asked_at = asked_at - 1200 * 1000000")
        database.close()
        await bot.stage.start()
        cut = await bot.message("This answer was cut:", "Paragraph 1.", "Try again")
        assert cut is shown
        assert "is writing" not in str(cut.blocks)
        assert len(bot.asked()) == 1
        await bot.ada.click(cut, "question_again")
        assert (await bot.message("eight")).ts != cut.ts
        await wait_until(lambda: "Try again" not in str(cut.blocks), "the end of the button")
        assert "Paragraph 1." in str(cut.blocks)
