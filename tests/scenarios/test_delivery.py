"""Every message is posted once, by the real process: killed at the worst moment, cut off, and with Slack away."""

import os
import signal
from collections.abc import AsyncIterator

import pytest

from bot.sandbox.slack import WebCall
from tests.support.bot_harness import BotHarness, OpenBot
from tests.support.waiting import holds, wait_until, wait_until_still

pytestmark = pytest.mark.long

QUICK = {"TUNEBOT_POLL_SECONDS": "0.1"}


@pytest.fixture
async def bot(open_bot: OpenBot) -> AsyncIterator[BotHarness]:
    """A bot of the test's own, to be killed."""
    async with open_bot(job_seconds=None, environment=QUICK) as bot:
        yield bot


def posts(bot: BotHarness) -> list[WebCall]:
    return [call for call in bot.slack.workspace.calls if call.method == "chat.postMessage"]


async def press_start(bot: BotHarness, name: str) -> None:
    """Everything up to the click."""
    await bot.type(f"start name={name} file={bot.share()}")
    submission = await bot.ada.submit_view(await bot.report("Ready to start"))
    assert submission.action == "clear"


async def killed_before_the_mark(bot: BotHarness, earlier: int) -> None:
    """Stop the process dead while it waits for Slack's answer, let the answer come, and kill it unread."""
    call = await wait_until(lambda: next(iter(posts(bot)[earlier:]), None), "a post")
    os.kill(bot.stage.process_id, signal.SIGSTOP)
    assert not call.performed, "too late: the answer may have been read already"
    await wait_until(lambda: call.ok, "Slack's answer")
    await bot.stage.kill()
    await bot.stage.start()


async def all_quiet(bot: BotHarness) -> None:
    """Wait until nothing more is posted."""
    await wait_until_still(lambda: len(bot.slack.workspace.calls))


async def test_killed_between_slacks_answer_and_our_mark_the_card_is_found_again(bot: BotHarness) -> None:
    bot.slack.faults.delay("chat.postMessage", seconds=2.0)
    await press_start(bot, "card")
    await bot.job("card")
    await killed_before_the_mark(bot, 0)
    (await bot.job("card")).finish()
    card = await bot.card("card")
    await bot.message("card", "is ready", thread=card.ts)
    await bot.shows(card, "done")
    await all_quiet(bot)
    assert len(bot.messages("Tuning card (")) == 1
    assert len(bot.messages("card", "is ready")) == 1
    assert len(posts(bot)) == 2


async def test_killed_between_slacks_answer_and_our_mark_the_end_is_not_told_again(bot: BotHarness) -> None:
    card, job = await bot.started("ends")
    await all_quiet(bot)
    earlier = len(posts(bot))
    bot.slack.faults.delay("chat.postMessage", seconds=0.5)
    job.finish()
    await killed_before_the_mark(bot, earlier)
    await bot.shows(card, "done")
    await all_quiet(bot)
    await wait_until(lambda: [call for call in bot.slack.workspace.calls if "replies" in call.method], "a look")
    await all_quiet(bot)
    assert len(bot.messages("ends", "is ready")) == 1
    assert len(posts(bot)) == earlier + 1


async def test_killed_while_slack_is_still_at_work_on_the_post(bot: BotHarness) -> None:
    # Slack carries the post out after the next process has already looked for it.
    bot.slack.faults.delay("chat.postMessage", seconds=4.0)
    await press_start(bot, "late")
    await bot.job("late")
    await wait_until(lambda: posts(bot), "the post")
    await bot.stage.kill()
    await bot.stage.start()
    await bot.card("late")
    (await bot.job("late")).finish()
    await bot.message("late", "is ready")
    await all_quiet(bot)
    assert len(bot.messages("Tuning late (")) == 1
    assert len(posts(bot)) == 2


async def test_an_answer_that_is_lost_on_the_way_is_no_reason_to_post_again(bot: BotHarness) -> None:
    bot.slack.faults.lose_answer("chat.postMessage")
    await press_start(bot, "lost")
    (await bot.job("lost")).finish()
    await bot.message("lost", "is ready")
    await all_quiet(bot)
    assert len(bot.messages("Tuning lost (")) == 1
    assert len(posts(bot)) == 2


async def test_slack_is_away_and_back_everything_arrives_once_in_order_and_only_the_newest(
    bot: BotHarness,
) -> None:
    jobs = [await bot.started(f"job{number}") for number in range(4)]
    await all_quiet(bot)
    edits = [card.edits for card, _ in jobs]
    calls = len(bot.slack.workspace.calls)
    bot.slack.faults.outage()

    def tries() -> int:
        return sum(call.method.startswith("chat.") for call in bot.slack.workspace.calls[calls:])

    for _ in range(5):
        for _, job in jobs:
            job.advance()
        rounds = len(bot.google.requests.matching("tuningJobs"))
        await wait_until(lambda: len(bot.google.requests.matching("tuningJobs")) > rounds + 5, "polls")  # noqa: B023
    for _, job in jobs[:2]:
        job.finish()
    await wait_until(lambda: tries() >= 3, "tries while Slack is away")
    await holds(lambda: tries() < 60, 2.0, "a pause between tries")
    bot.slack.faults.clear()
    for number, (card, _) in enumerate(jobs[:2]):
        await bot.message(f"job{number}", "is ready", thread=card.ts)
        await bot.shows(card, "done")
    await all_quiet(bot)
    assert [len(bot.messages(f"Tuning job{number} (")) for number in range(4)] == [1, 1, 1, 1]
    assert [len(bot.messages(f"job{number}", "is ready")) for number in range(4)] == [1, 1, 0, 0]
    for (card, _), before in zip(jobs, edits, strict=True):
        assert 1 <= card.edits - before <= 2, "the newest card only"


async def test_with_slacks_limits_on_people_and_cards_together_are_never_refused(bot: BotHarness) -> None:
    await bot.tuned("model")
    await bot.ada.slash_command(bot.channel, "/tune", "use model")
    await bot.message("model", "answers in this channel")
    await all_quiet(bot)
    bot.slack.limits.enabled = True
    bot.slack.workspace.calls.clear()
    for number in range(3):
        _, job = await bot.started(f"job{number}")
        job.finish()
        said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
        await bot.message("eight", thread=said.ts)
    for number in range(3):
        await bot.message(f"job{number}", "is ready")
    await all_quiet(bot)
    refused = [call.method for call in bot.slack.workspace.calls if call.status == 429]
    assert [method for method in refused if method in ("chat.postMessage", "chat.update")] == []
