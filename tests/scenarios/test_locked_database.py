"""While another program has locked the database, people get a message, and no question of theirs is lost."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.support.bot_harness import BotHarness, OpenBot
from tests.support.waiting import wait_until

pytestmark = pytest.mark.long

LOCKED = "The database is locked by another program."


@contextmanager
def locked_by_another_program(bot: BotHarness) -> Iterator[None]:
    """Hold an exclusive lock on the bot's database inside the block."""
    path = bot.stage.directory / "tunebot.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30.0)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_question_is_kept_while_the_database_is_locked_and_answered_after(
    open_bot: OpenBot, mode: str
) -> None:
    async with open_bot(mode, job_seconds=0.0) as bot:
        await bot.answering("counter")
        with locked_by_another_program(bot):
            await bot.ada.slash_command(bot.channel, "/ask", "seven")
            kept = await bot.message(LOCKED, "I hold your question in memory")
            assert kept.visible_to == bot.ada.id
            assert not bot.asked()
        answer = await bot.message("counter", "eight")
        assert answer.visible_to is None
        await wait_until(lambda: len(bot.asked()) == 1)
        assert not bot.messages("operation_timeout")


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_mention_during_the_lock_is_answered_once_after_it(open_bot: OpenBot, mode: str) -> None:
    async with open_bot(mode, job_seconds=0.0) as bot:
        await bot.answering("counter")
        with locked_by_another_program(bot):
            asked = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
            await bot.message(LOCKED, "I hold your question in memory", thread=asked.ts)
        await bot.message("eight", thread=asked.ts)
        assert len(bot.asked()) == 1
        assert len(bot.messages("eight", thread=asked.ts)) == 1


async def test_form_stays_open_with_its_question_while_the_database_is_locked(open_bot: OpenBot) -> None:
    async with open_bot(job_seconds=0.0) as bot:
        await bot.ada.click(await bot.tuned("counter"), "job_ask")
        form = await bot.view("Ask the model")
        with locked_by_another_program(bot):
            refused = await bot.ada.submit_view(form, {"question": "seven"})
        assert refused.action == "errors"
        assert "have not stored your question" in str(refused.errors)
        assert (await bot.ada.submit_view(form, {"question": "seven"})).action == "close"
        await bot.message("counter", "eight")
        assert len(bot.asked()) == 1


async def test_start_during_the_lock_is_refused_and_nothing_is_paid(open_bot: OpenBot) -> None:
    async with open_bot(job_seconds=None) as bot:
        await bot.type(f'start name="later" file={bot.share()}')
        report = await bot.report("Ready to start")
        with locked_by_another_program(bot):
            # What the bot still wrote about the report waits for the lock, too.
            pressed = await bot.ada.submit_view(report)
            assert pressed.action == "update"
            assert LOCKED in str((await bot.view("That did not work")).blocks)
        assert not bot.google.jobs.all


@pytest.mark.parametrize("is_settled", [True, False])
@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_message_that_is_deleted_during_the_lock_leaves_its_thread_after_it(
    open_bot: OpenBot, mode: str, is_settled: bool
) -> None:
    async with open_bot(mode, job_seconds=0.0) as bot:
        await bot.answering("counter")
        bot.slack.deliveries.retry_delays = (1.0, 1.0, 1.0)
        said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
        await bot.message("eight", thread=said.ts)
        if is_settled:
            await wait_until(lambda: "question.settled" in bot.stage.log_end(), "the end of the question")
        with locked_by_another_program(bot):
            bot.ada.delete(said)
            delivery = bot.slack.workspace.deliveries[-1]
            await wait_until(
                lambda: delivery.attempts and delivery.attempts[0].outcome != "pending", "the first delivery"
            )
        assert delivery.attempts[0].outcome != "acked", "what must be written is delivered again"
        await wait_until(lambda: delivery.attempts[-1].outcome == "acked", "the deletion")
        bot.ada.post(bot.channel, bot.ada.typed("@Tunebot and then?"), thread_ts=said.ts)
        await wait_until(lambda: len(bot.asked()) == 2, "the next question")
        assert [turn["parts"][0]["text"] for turn in bot.asked()[-1].body["contents"]] == ["and then?"]


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_message_that_is_edited_during_the_lock_is_asked_and_kept_as_it_reads_after_it(
    open_bot: OpenBot, mode: str
) -> None:
    async with open_bot(mode, job_seconds=0.0) as bot:
        await bot.answering("counter")
        bot.slack.deliveries.retry_delays = (1.0, 1.0, 1.0)
        said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
        await bot.message("eight", thread=said.ts)
        await wait_until(lambda: "question.settled" in bot.stage.log_end(), "the end of the question")
        with locked_by_another_program(bot):
            held = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot three"))
            await bot.message(LOCKED, "I hold your question in memory", thread=held.ts)
            deleted = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot five"))
            await bot.message(LOCKED, "I hold your question in memory", thread=deleted.ts)
            bot.ada.edit(said, bot.ada.typed("@Tunebot ninety"))
            bot.ada.edit(held, bot.ada.typed("@Tunebot twenty"))
            bot.ada.delete(deleted)
            changes = bot.slack.workspace.deliveries[-3:]
            await wait_until(
                lambda: all(each.attempts and each.attempts[0].outcome != "pending" for each in changes),
                "the first deliveries",
            )
        await wait_until(lambda: all(each.attempts[-1].outcome == "acked" for each in changes), "the edits")
        await wait_until(lambda: len(bot.asked()) == 2 and bot.asked()[-1].body, "the question in memory")
        assert said_to(bot) == ["twenty"], "neither its old text nor a deleted message is asked"
        bot.ada.post(bot.channel, bot.ada.typed("@Tunebot and then?"), thread_ts=said.ts)
        await wait_until(lambda: len(bot.asked()) == 3 and bot.asked()[-1].body, "the next question")
        assert said_to(bot) == ["ninety", "eight", "and then?"]
        assert not bot.messages("Answered by", thread=deleted.ts)


def said_to(bot: BotHarness) -> list[str]:
    """The turns that the model got with the last question."""
    return [turn["parts"][0]["text"] for turn in bot.asked()[-1].body["contents"]]


async def test_a_stop_during_the_lock_ends_in_time_and_the_next_process_tells_the_end_once(
    open_bot: OpenBot,
) -> None:
    async with open_bot(job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.1"}) as bot:
        _, job = await bot.started("cut off")
        with locked_by_another_program(bot):
            job.finish()
            await wait_until(lambda: "locked" in bot.stage.log_end(), "the first write that fails")
            ended = await bot.stage.stop()
        assert ended == 0
        assert "Traceback" not in bot.stage.log_file.read_text()
        await bot.stage.start()
        await bot.message("cut off", "is ready")
        assert len(bot.messages("cut off", "is ready")) == 1
