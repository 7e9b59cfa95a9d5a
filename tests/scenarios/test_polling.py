"""The real process polls: stuck jobs are told with a way out, and a thousand jobs leave it quick to answer."""

import statistics
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.jobs import JobState
from bot.domain.place import Place
from storage.database import Database
from storage.jobs import SqliteJobStore
from tests.scenarios.conftest import Open, World, buttons, shown_in, until
from tests.support.backend_harness import open_backend


async def test_a_job_without_a_new_step_is_called_stuck_in_its_thread_and_can_be_cancelled_there(
    world_of: Open,
) -> None:
    environment = {"TUNEBOT_POLL_SECONDS": "0.1", "TUNEBOT_STUCK_MINUTES": "0.03"}
    async with world_of(job_seconds=None, environment=environment) as world:
        card, job = await world.started("standing still")
        job.advance(1)
        await world.shows(card, "step 1")
        told = await world.message("standing still", "seems stuck", thread=card.ts)
        assert f"<@{world.ada.id}>" in told.text
        assert "has shown no new step" in told.text
        await world.shows(card, "It seems stuck")

        job.advance(1)
        await world.shows(card, "step 2")
        await until(lambda: "It seems stuck" not in shown_in(card) or None, "the card of a job that moves")

        await until(
            lambda: len(world.messages("seems stuck", thread=card.ts)) == 2 or None, "the second standstill"
        )
        again = world.messages("seems stuck", thread=card.ts)[-1]
        assert buttons(again) == {"job_cancel": "Cancel"}
        await world.ada.click(again, "job_cancel")
        await world.message("standing still", "was cancelled", thread=card.ts)
        assert len(world.messages("seems stuck", thread=card.ts)) == 2


async def fill(world: World, number: int) -> None:
    """So many running jobs, at Google and in the database of a bot that is not running."""
    at_google = open_backend("gemini", world.google)
    database = Database(world.stage.directory / "tunebot.db")
    await database.open()
    jobs = SqliteJobStore(database)
    try:
        for count in range(number):
            job = await at_google.create(count)
            job = replace(
                job,
                place=Place(world.slack.workspace.team_id, world.channel.id),
                owner=world.ada.id,
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
async def test_a_thousand_jobs_that_are_polled_leave_it_quick_to_answer(world_of: Open) -> None:
    # The shortest pace is for young jobs: all of these are an hour old and looked at together, once a minute.
    async with world_of(job_seconds=None, environment={"TUNEBOT_POLL_SECONDS": "0.5"}) as world:
        await world.stage.stop()
        await fill(world, 1000)
        world.google.requests.clear()
        await world.stage.start()
        seconds: list[float] = []
        for _ in range(60):
            delivery = await world.ada.slash_command(world.channel, "/tune", "status")
            assert delivery.ack_seconds is not None
            seconds.append(delivery.ack_seconds)
        await until(lambda: world.google.requests.matching("tunedModels$") or None, "the round")
        assert statistics.median(seconds) < 0.02
        assert max(seconds) < 0.5
        listed = world.google.requests.matching("tunedModels$", "GET")
        assert len(listed) <= 20
        assert len(world.google.requests) - len(listed) <= 20, "a list is enough"
