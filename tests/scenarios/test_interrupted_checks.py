"""The process dies while a person looks at a modal: the next process continues it."""

import sqlite3
from collections.abc import AsyncIterator

import pytest

from tests.support.bot_harness import BotHarness, OpenBot, buttons, shown_in
from tests.support.waiting import holds, wait_until

pytestmark = pytest.mark.long

BROKEN = b'{"text_input": "1", "output": "2"}\n' * 3 + b"{broken\n" + b'{"text_input": "3", "output": "4"}\n' * 3


@pytest.fixture
async def bot(open_bot: OpenBot) -> AsyncIterator[BotHarness]:
    """A bot of the test's own, to be killed."""
    async with open_bot(job_seconds=None) as bot:
        yield bot


async def killed_over(bot: BotHarness, method: str) -> None:
    """Once Slack was asked this, which it never answers."""
    await bot.slack.workspace.wait_for(lambda: bot.slack.workspace.calls_of(method) or None)
    await bot.stage.kill()
    bot.slack.workspace.calls.clear()


def pending_modals(bot: BotHarness) -> int:
    """How many the bot's database holds."""
    with sqlite3.connect(f"file:{bot.stage.directory / 'tunebot.db'}?mode=ro", uri=True) as database:
        return int(database.execute("SELECT count(*) FROM pending_modals").fetchone()[0])


async def checking(bot: BotHarness) -> None:
    """A check that hangs in Slack."""
    file = bot.share()
    bot.slack.faults.hang("files.info", times=None)
    await bot.type(f"start name=capitals epochs=3 file={file}")
    await bot.view("Checking the file")


async def test_a_check_that_was_cut_off_goes_on_in_its_modal(bot: BotHarness) -> None:
    await checking(bot)
    await killed_over(bot, "files.info")
    bot.slack.faults.clear()
    await bot.stage.start()
    report = await bot.report()
    assert report.title == "Ready to start"
    assert (await bot.ada.submit_view(report)).action == "clear"
    await bot.card("capitals")
    assert pending_modals(bot) == 0


async def test_closing_the_modal_stops_the_check(bot: BotHarness) -> None:
    await checking(bot)
    await bot.slack.workspace.wait_for(lambda: bot.slack.workspace.calls_of("files.info") or None)
    assert await bot.ada.close_view()
    said = await bot.message("I stopped checking your file", "Nothing was started")
    assert said.visible_to == bot.ada.id
    await wait_until(lambda: pending_modals(bot) == 0)
    bot.slack.faults.clear()
    bot.slack.workspace.calls.clear()
    assert not bot.messages("fit to tune on")
    # The next check is not affected by the one that was stopped.
    await bot.type(f"start name=capitals file={bot.share()}")
    assert (await bot.report()).title == "Ready to start"


async def test_a_check_whose_modal_was_closed_is_told_to_the_person_alone(bot: BotHarness) -> None:
    await checking(bot)
    await killed_over(bot, "files.info")
    await bot.ada.close_view()
    bot.slack.faults.clear()
    await bot.stage.start()
    report = await bot.message("numbers.jsonl", "fit to tune on")
    assert report.visible_to == bot.ada.id


async def test_a_check_that_two_processes_did_not_survive_is_told_and_not_tried_again(bot: BotHarness) -> None:
    await checking(bot)
    await killed_over(bot, "files.info")
    await bot.stage.start()
    await killed_over(bot, "files.info")
    bot.slack.faults.clear()
    await bot.stage.start()
    view = await bot.report()
    assert "I was restarted more than once" in shown_in(view)
    assert "Nothing was started" in shown_in(view)
    assert not bot.slack.workspace.calls_of("files.info")
    await bot.ada.click(view, "form_again")
    assert "capitals" in str((await bot.view("Tune a model")).blocks)
    assert pending_modals(bot) == 0


async def test_interrupted_checks_go_on_one_at_a_time_so_that_one_bad_file_stops_no_other(bot: BotHarness) -> None:
    asked = bot.slack.workspace.calls_of
    bot.slack.faults.hang("files.info", times=None)
    for name in ("bad", "good"):
        await bot.type(f"start name={name} file={bot.share()}")
    await wait_until(lambda: pending_modals(bot) == 2 and len(asked("files.info")) >= 2)
    await bot.stage.kill()
    bot.slack.workspace.calls.clear()

    # The next process ends during the first of the two checks, which it made alone.
    await bot.stage.start()
    await bot.slack.workspace.wait_for(lambda: asked("files.info") or None)
    await holds(lambda: len(asked("files.info")) == 1, 0.5, "one check at a time")
    await killed_over(bot, "files.info")

    bot.slack.faults.clear()
    await bot.stage.start()
    await wait_until(lambda: pending_modals(bot) == 0)
    # Slack closes the first modal when the second one opens, so the message goes to the channel.
    await bot.message("I was restarted more than once", "Nothing was started")
    assert (await bot.report()).title == "Ready to start"


async def test_a_repair_that_was_cut_off_by_a_stop_is_told_and_not_begun_again(bot: BotHarness) -> None:
    await bot.type(f"start name=capitals file={bot.share(BROKEN)}")
    report = await bot.report("Not ready to start")
    bot.slack.faults.hang("files.getUploadURLExternal", times=None)
    await bot.ada.click(report, "report_repair")
    asked = bot.slack.workspace.calls_of
    await bot.slack.workspace.wait_for(lambda: asked("files.getUploadURLExternal") or None)
    assert await bot.stage.stop() == 0
    bot.slack.faults.clear()
    bot.slack.workspace.calls.clear()
    await bot.stage.start()
    view = await bot.report("That did not work")
    assert "I was restarted while I was repairing your file" in shown_in(view)
    assert list(buttons(view).values()) == ["Change something"]
    assert not asked("files.getUploadURLExternal")


async def test_a_check_that_fails_after_its_modal_was_closed_says_why(bot: BotHarness) -> None:
    await checking(bot)
    await killed_over(bot, "files.info")
    await bot.ada.close_view()
    bot.slack.faults.clear()
    bot.slack.faults.fail("files.info", error="file_deleted", times=None)
    await bot.stage.start()
    said = await bot.message("I find no file")
    assert said.visible_to == bot.ada.id


async def test_a_report_is_shown_though_the_way_to_slack_breaks_just_then(bot: BotHarness) -> None:
    file = bot.share()
    bot.slack.faults.reset("views.update", times=2)
    await bot.type(f"start name=capitals file={file}")
    assert (await bot.report()).title == "Ready to start"
    assert not bot.slack.faults.rules
