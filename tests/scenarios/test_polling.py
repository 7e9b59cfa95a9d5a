"""The real process polls: stuck jobs are reported with a way out, and a thousand jobs leave it quick to answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.jobs import JobState
from bot.domain.place import Place
from storage.database import Database
from storage.jobs import SqliteJobStore
from tests.support.backend_harness import open_backend
from tests.support.bot_harness import BotHarness, OpenBot, buttons, shown_in
from tests.support.waiting import wait_until


@pytest.mark.long
async def test_a_job_without_a_new_step_is_called_stuck_in_its_thread_and_can_be_cancelled_there(
    open_bot: OpenBot,
) -> None:
    environment = {"TUNEBOT_POLL_SECONDS": "0.1", "TUNEBOT_STUCK_MINUTES": "0.03"}
    async with open_bot(job_seconds=None, environment=environment) as bot:
        card, job = await bot.started("standing still")
        job.advance(1)
        await bot.shows(card, "step 1")
        notice = await bot.message("standing still", "seems stuck", thread=card.ts)
        assert f"<@{bot.ada.id}>" in notice.text
        assert "has shown no new step" in notice.text
        await bot.shows(card, "It seems stuck")

        job.advance(1)
        await bot.shows(card, "step 2")
        await wait_until(lambda: "It seems stuck" not in shown_in(card), "the card of a job that moves")

        await wait_until(lambda: len(bot.messages("seems stuck", thread=card.ts)) == 2, "the second standstill")
        again = bot.messages("seems stuck", thread=card.ts)[-1]
        assert buttons(again) == {"job_cancel": "Cancel"}
        await bot.ada.click(again, "job_cancel")
        await bot.message("standing still", "was cancelled", thread=card.ts)
        await wait_until(lambda: not buttons(again), "the end of a button that was pressed")
        assert buttons(notice) == {"job_cancel": "Cancel"}
        await bot.ada.click(notice, "job_cancel")
        await bot.message("has already been cancelled")
        await wait_until(lambda: not buttons(notice), "the end of a button that came too late")
        assert "has shown no new step" in shown_in(notice)
        assert len(bot.messages("seems stuck", thread=card.ts)) == 2


async def fill(bot: BotHarness, number: int) -> None:
    """So many running jobs, at Google and in the database of a bot that is not running."""
    at_google = open_backend("gemini", bot.google)
    database = Database(bot.stage.directory / "tunebot.db")
    await database.open()
    jobs = SqliteJobStore(database)
    try:
        for count in range(number):
            job = await at_google.create(count)
            job = replace(
                job,
                place=Place(bot.slack.workspace.team_id, bot.channel.id),
                owner=bot.ada.id,
                state=JobState.RUNNING,
                created_at=datetime.now(UTC) - timedelta(hours=1, seconds=count),
                moved_at=datetime.now(UTC),
            )
            at_google.standin_job(job).advance(1)
            assert await jobs.submit(job, [])
    finally:
        await database.close()
        await at_google.backend.close()


@pytest.mark.long
async def test_a_thousand_jobs_that_are_polled_leave_it_quick_to_answer(open_bot: OpenBot) -> None:
    # The shortest pace is for young jobs: all of these are an hour old and looked at together, once a minute.
    async with open_bot(job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.5"}) as bot:
        await bot.stage.stop()
        await fill(bot, 1000)
        bot.google.requests.clear()
        await bot.stage.start()
        for _ in range(60):
            delivery = await bot.ada.slash_command(bot.channel, "/tune", "status")
            assert delivery.acked
        await wait_until(lambda: bot.google.requests.matching("tunedModels$"), "the round")
        # A slow machine may have begun a second and a third round by now.
        assert len(bot.google.requests) < 200, "a list is enough, so that no job is asked for alone"
