"""An approval before people's eyes: who asks, who decides, and what both read, over a kill."""

import sqlite3
from dataclasses import replace

import pytest

from bot.sandbox.slack import Message
from tests.support.bot_harness import BotHarness, OpenBot, buttons
from tests.support.waiting import wait_until

pytestmark = pytest.mark.long

RULES = {"TUNEBOT_POLL_SECONDS": "0.1", "TUNEBOT_APPROVAL_USD": "0"}


async def asked(bot: BotHarness, approver: BotHarness, name: str) -> tuple[Message, Message]:
    """Ada asks for a start; returns its card, and the direct message to the approver."""
    card = await bot.start(name)
    return card, await approver.message(f"asks to tune *{name}*", "Approve")


async def test_an_approver_starts_or_declines_what_another_person_asked_for(open_bot: OpenBot) -> None:
    async with open_bot(job_seconds=None, environment=RULES) as bot:
        bob = bot.slack.person("bob", "Bob")
        bot.stage.extra["TUNEBOT_APPROVERS"] = bob.id
        await bot.stage.stop()
        await bot.stage.start()
        approver = replace(bot, ada=bob, channel=bob.open_dm())

        card, request = await asked(bot, approver, "first")
        assert "Training may cost" in request.text
        assert "over $0.00" in request.text
        await bot.shows(card, "awaiting approval", "It needs the yes of an approver.", "Training may cost")
        await bot.ada.click(card, "job_approve")
        await bot.message("Only approvers, owners and administrators of this workspace may approve a tuning.")
        await bot.stage.kill()
        await bot.stage.start()
        assert not bot.google.jobs.all
        await bob.click(request, "job_approve")
        await bot.message(f"<@{bob.id}> approved *first*", thread=card.ts)
        await bot.shows(request, f"Approved by <@{bob.id}>.")
        assert not buttons(request)
        (await bot.job("first")).finish()
        await bot.shows(card, "done, ")

        card, request = await asked(bot, approver, "second")
        await bob.click(request, "job_decline")
        form = await approver.view("Decline this start")
        assert (await bob.submit_view(form, {"reason": " "})).action == "errors"
        submission = await bob.submit_view(form, {"reason": "Take <!channel> the smaller model."})
        assert submission.action == "clear"
        await bot.message(f"<@{bob.id}> declined it: Take &lt;!channel&gt; the smaller model.", thread=card.ts)
        await bot.shows(card, "declined")
        await bot.shows(request, f"<@{bob.id}> declined it")
        assert [job.display_name for job in bot.google.jobs.all] == ["first"]
        assert len(approver.messages("asks to tune")) == 2, "each is one message, which is updated"


@pytest.mark.parametrize("how", ["archived", "removed"])
async def test_a_start_is_decided_on_once_also_when_its_channel_is_gone(open_bot: OpenBot, how: str) -> None:
    """Where the bot was removed from the channel it cannot read its file: the start ends unpaid."""
    async with open_bot(job_seconds=None, environment=RULES) as bot:
        bob = bot.slack.person("bob", "Bob")
        bot.stage.extra["TUNEBOT_APPROVERS"] = bob.id
        await bot.stage.stop()
        await bot.stage.start()
        approver = replace(bot, ada=bob, channel=bob.open_dm())
        requests = [(await asked(bot, approver, name))[1] for name in ("first", "second")]
        if how == "archived":
            bot.channel.is_archived = True
        else:
            bot.channel.members.discard(bot.slack.app.bot_user_id)
        await bob.click(requests[0], "job_approve")
        await approver.shows(requests[0], f"Approved by <@{bob.id}>.")
        await bob.click(requests[1], "job_decline")
        await bob.submit_view(await approver.view("Decline this start"), {"reason": "Too large."})
        await approver.shows(requests[1], f"<@{bob.id}> declined it: Too large.")

        def states() -> list[tuple[str, str]]:
            with sqlite3.connect(bot.stage.directory / "tunebot.db") as database:
                return database.execute("SELECT name, state FROM jobs ORDER BY name").fetchall()

        ends = "running" if how == "archived" else "failed"
        await wait_until(lambda: states() == [("first", ends), ("second", "cancelled")], "both ends")
        await bot.stage.kill()
        await bot.stage.start()
        await bot.slack.settle()
        assert [each.display_name for each in bot.google.jobs.all] == (["first"] if how == "archived" else [])
