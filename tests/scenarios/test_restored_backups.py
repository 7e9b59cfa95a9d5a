"""A backup of the database is put back, by the real process: what Slack shows by then is not posted again."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.backup import copy_database
from tests.support.bot_harness import BotHarness, OpenBot
from tests.support.waiting import wait_until, wait_until_still

pytestmark = pytest.mark.long

QUICK = {"TUNEBOT_POLL_SECONDS": "0.1"}


@pytest.fixture
async def bot(open_bot: OpenBot) -> AsyncIterator[BotHarness]:
    """A bot of the test's own, whose database is put back."""
    async with open_bot(job_seconds=None, environment=QUICK) as bot:
        yield bot


def database(bot: BotHarness) -> Path:
    return bot.stage.directory / "tunebot.db"


async def back_up(bot: BotHarness) -> Path:
    copy = database(bot).with_name("backup.db")
    await asyncio.to_thread(copy_database, database(bot), copy)
    return copy


async def restore(bot: BotHarness, copy: Path) -> None:
    """Kill the bot, put the copy back and start the bot again."""
    await quiet(bot)
    await bot.stage.kill()
    for name in ("tunebot.db-wal", "tunebot.db-shm"):
        database(bot).with_name(name).unlink(missing_ok=True)
    copy.replace(database(bot))  # noqa: ASYNC240 - it renames one file
    bot.slack.workspace.calls.clear()
    await bot.stage.start()


async def quiet(bot: BotHarness) -> None:
    await wait_until_still(lambda: len(bot.slack.workspace.calls), 1.5)


def rows(bot: BotHarness, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(f"file:{database(bot)}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def posted(bot: BotHarness) -> int:
    return sum(call.method == "chat.postMessage" for call in bot.slack.workspace.calls)


async def test_an_end_that_the_backup_does_not_know_is_told_once(bot: BotHarness) -> None:
    card, job = await bot.started("ends")
    await quiet(bot)
    copy = await back_up(bot)
    job.finish()
    end = await bot.message("ends", "is ready", thread=card.ts)
    await restore(bot, copy)
    await wait_until(lambda: rows(bot, "select 1 from outbox where kind = 'ended' and state = 'sent'"), "the end")
    await bot.shows(card, "done")
    await quiet(bot)
    assert bot.messages("ends", "is ready") == [end]
    assert posted(bot) == 0


async def test_a_card_that_the_backup_says_is_still_to_be_posted_is_found(bot: BotHarness) -> None:
    bot.slack.faults.fail("chat.postMessage", times=None, error="rate_limited")
    await bot.type(f"start name=card file={bot.share()}")
    assert (await bot.ada.submit_view(await bot.report("Ready to start"))).action == "clear"
    job = await bot.job("card")
    await wait_until(lambda: rows(bot, "select 1 from jobs where state <> 'submitting'"), "the operation")
    copy = await back_up(bot)
    bot.slack.faults.clear()
    card = await bot.card("card")
    await restore(bot, copy)
    job.finish()
    await bot.message("card", "is ready", thread=card.ts)
    await bot.shows(card, "done")
    await quiet(bot)
    assert len(bot.messages("Tuning card (")) == 1
    assert posted(bot) == 1


async def test_a_job_that_the_backup_does_not_know_keeps_its_card_and_is_told_of_once(bot: BotHarness) -> None:
    copy = await back_up(bot)
    card, running = await bot.started("running")
    other, done = await bot.started("done")
    done.finish()
    await bot.message("done", "is ready", thread=other.ts)
    await restore(bot, copy)
    await wait_until(lambda: len(rows(bot, "select 1 from jobs")) == 2, "both jobs")
    running.finish()
    await bot.message("running", "is ready", thread=card.ts)
    await quiet(bot)
    assert len(bot.messages("Tuning running (")) == len(bot.messages("Tuning done (")) == 1
    assert len(bot.messages("running", "is ready")) == len(bot.messages("done", "is ready")) == 1
    assert posted(bot) == 1
    # The bot does not say what it no longer knows.
    assert "on an unknown file. Last checked" in card.text


@pytest.mark.parametrize("by_command", [True, False])
async def test_a_question_that_was_answered_after_the_backup_is_neither_asked_nor_answered_again(
    bot: BotHarness, by_command: bool
) -> None:
    await bot.answering("counter")
    await quiet(bot)
    fault = bot.google.faults.hang(path=r":(streamG|g)enerateContent", times=None)
    if by_command:
        await bot.ada.slash_command(bot.channel, "/ask", "seven")
    else:
        bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    await wait_until(lambda: fault.hits, "the question at Google")
    copy = await back_up(bot)
    bot.google.faults.clear()
    await bot.stage.kill()
    await bot.stage.start()
    await bot.message("eight")
    # A streamed answer carries the metadata that finds it from its end on.
    await wait_until(lambda: rows(bot, "select count(*) from questions") == [(0,)], "the end of the answer")
    await restore(bot, copy)
    await wait_until(lambda: rows(bot, "select count(*) from questions") == [(0,)], "all settled")
    await quiet(bot)
    assert len(bot.messages("eight")) == 1
    assert len(bot.asked()) == 2
    assert posted(bot) == 0
