"""What a start lacks is said before the person presses Start, and a start that failed is tried again."""

import aiohttp
import pytest

from tests.support.bot_harness import BotHarness, OpenBot, buttons, shown_in
from tests.support.waiting import wait_until


async def page(bot: BotHarness, path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{bot.stage.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_bot_without_google_credentials_says_so_everywhere(open_bot: OpenBot) -> None:
    none = {"GOOGLE_OAUTH_ACCESS_TOKEN": "", "GOOGLE_APPLICATION_CREDENTIALS": "/none.json"}
    async with open_bot("http", environment=none) as bot:
        await wait_until(lambda: "readiness.problem backend=vertex" in bot.stage.log_end())
        assert (await page(bot, "/healthz"))[0] == 200
        status, text = await page(bot, "/readyz")
        assert status == 503
        assert "Vertex AI: The bot has no Google credentials." in text
        await bot.type()
        form = await bot.view("Tune a model")
        assert "no Google credentials" in shown_in(form)
        await bot.ada.close_view(form)
        await bot.type(f'start name="no credentials" file={bot.share()}')
        report = await bot.report()
        assert report.title == "Not ready to start"
        assert "GOOGLE_APPLICATION_CREDENTIALS" in shown_in(report)


@pytest.mark.long
async def test_start_that_failed_for_a_passing_reason_is_tried_again_with_one_click(open_bot: OpenBot) -> None:
    async with open_bot(job_seconds=600.0) as bot:
        card = await bot.start("again", "epochs=7 adapter=8")
        await bot.shows(card, "running")
        bot.google.jobs.find("again").fail(8, "Quota exceeded for global_concurrent_tuning_jobs.")
        await bot.shows(card, "failed", "about one tuning of a project at a time", "Try again")
        failed = await bot.message("again", "failed on Vertex AI", thread=card.ts)
        assert buttons(failed) == {"job_again": "Try again"}
        await bot.ada.click(card, "job_again")
        report = await bot.report()
        assert report.title == "Ready to start", shown_in(report)
        assert "epochs 7" in shown_in(report)
        assert "adapter size 8" in shown_in(report)
        await bot.ada.submit_view(report)
        await wait_until(lambda: len(bot.google.jobs.all) == 2)
        bot.google.jobs.find("again").finish()
        await bot.message("again", "is ready")
        assert [job.display_name for job in bot.google.jobs.all] == ["again", "again"]
