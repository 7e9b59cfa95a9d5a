"""The queue before people's eyes: the card of a job that waits says why, and it starts by itself in its turn."""

import pytest

from tests.support.bot_harness import OpenBot

pytestmark = pytest.mark.long

QUEUE = {"TUNEBOT_POLL_SECONDS": "0.1", "TUNEBOT_TUNINGS_AT_ONCE": "vertex=1"}


async def test_tunings_wait_with_their_place_and_start_in_turn_over_a_kill(open_bot: OpenBot) -> None:
    async with open_bot(job_seconds=None, environment=QUEUE) as bot:
        bot.google.limits.concurrent_vertex_jobs = 5
        _, first = await bot.started("first")
        second, third = await bot.start("second"), await bot.start("third")
        await bot.shows(
            second,
            "waiting for its turn",
            "runs 1 tuning of this project at a time",
            "It is next. *first* runs now.",
        )
        await bot.shows(third, "1 other tuning starts before it.")
        assert len(bot.google.jobs.all) == 1

        fourth = await bot.start("fourth")
        await bot.ada.click(third, "job_cancel")
        await bot.shows(third, "cancelled", "By my records it was not sent to Google.")
        await bot.shows(fourth, "1 other tuning starts before it.")

        await bot.stage.kill()
        first.finish()
        await bot.stage.start()
        (await bot.job("second")).finish()
        await bot.shows(second, "done, ")
        (await bot.job("fourth")).finish()
        await bot.shows(fourth, "done, ")
        assert [job.display_name for job in bot.google.jobs.all] == ["first", "second", "fourth"]
