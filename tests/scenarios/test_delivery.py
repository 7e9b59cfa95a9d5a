"""Every message is told once, by the real process: killed at the worst moment, cut off, and with Slack away."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from bot.sandbox.slack import WebCall
from tests.scenarios.conftest import Open, World, until

pytestmark = pytest.mark.long

QUICK = {"TUNEBOT_POLL_SECONDS": "0.1"}


@pytest.fixture
async def world(world_of: Open) -> AsyncIterator[World]:
    """A bot of the test's own, to be killed."""
    async with world_of(job_seconds=None, environment=QUICK) as world:
        yield world


def posts(world: World) -> list[WebCall]:
    return [call for call in world.slack.workspace.calls if call.method == "chat.postMessage"]


async def press_start(world: World, name: str) -> None:
    """Everything up to the click."""
    await world.type(f"start name={name} file={world.share()}")
    submission = await world.ada.submit_view(await world.report("Ready to start"))
    assert submission.action == "clear"


async def killed_before_the_mark(world: World, earlier: int) -> None:
    """Stop the process dead while it waits for Slack's answer, let the answer come, and kill it unread."""
    call = await until(lambda: next(iter(posts(world)[earlier:]), None), "a post")
    process = world.stage._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    assert not call.performed, "too late: the answer may have been read already"
    await until(lambda: call.ok or None, "Slack's answer")
    await world.stage.kill()
    await world.stage.start()


async def all_quiet(world: World) -> None:
    """Wait until nothing is told any more."""
    seen = -1
    while seen != len(world.slack.workspace.calls):
        seen = len(world.slack.workspace.calls)
        await asyncio.sleep(0.7)


async def test_killed_between_slacks_answer_and_our_mark_the_card_is_found_again(world: World) -> None:
    world.slack.faults.delay("chat.postMessage", seconds=2.0)
    await press_start(world, "card")
    await world.job("card")
    await killed_before_the_mark(world, 0)
    (await world.job("card")).finish()
    card = await world.card("card")
    await world.message("card", "is ready", thread=card.ts, within=20.0)
    await world.shows(card, "done")
    await all_quiet(world)
    assert len(world.messages("Tuning card (")) == 1
    assert len(world.messages("card", "is ready")) == 1
    assert len(posts(world)) == 2


async def test_killed_between_slacks_answer_and_our_mark_the_end_is_not_told_again(world: World) -> None:
    card, job = await world.started("ends")
    await all_quiet(world)
    earlier = len(posts(world))
    world.slack.faults.delay("chat.postMessage", seconds=0.5)
    job.finish()
    await killed_before_the_mark(world, earlier)
    await world.shows(card, "done")
    await all_quiet(world)
    await until(
        lambda: [call for call in world.slack.workspace.calls if "replies" in call.method] or None, "a look"
    )
    await all_quiet(world)
    assert len(world.messages("ends", "is ready")) == 1
    assert len(posts(world)) == earlier + 1


async def test_killed_while_slack_is_still_at_work_on_the_post(world: World) -> None:
    # Slack carries the post out after the next process has already looked for it.
    world.slack.faults.delay("chat.postMessage", seconds=4.0)
    await press_start(world, "late")
    await world.job("late")
    await until(lambda: posts(world) or None, "the post")
    await world.stage.kill()
    await world.stage.start()
    await world.card("late")
    (await world.job("late")).finish()
    await world.message("late", "is ready", within=20.0)
    await all_quiet(world)
    assert len(world.messages("Tuning late (")) == 1
    assert len(posts(world)) == 2


async def test_an_answer_that_is_lost_on_the_way_is_no_reason_to_post_again(world: World) -> None:
    world.slack.faults.lose_answer("chat.postMessage")
    await press_start(world, "lost")
    (await world.job("lost")).finish()
    await world.message("lost", "is ready", within=20.0)
    await all_quiet(world)
    assert len(world.messages("Tuning lost (")) == 1
    assert len(posts(world)) == 2


async def test_slack_is_away_and_back_everything_arrives_once_in_order_and_only_the_newest(world: World) -> None:
    jobs = [await world.started(f"job{number}") for number in range(4)]
    await all_quiet(world)
    edits = [card.edits for card, _ in jobs]
    calls = len(world.slack.workspace.calls)
    world.slack.faults.outage()
    for _ in range(5):
        for _, job in jobs:
            job.advance()
        await asyncio.sleep(0.6)
    for _, job in jobs[:2]:
        job.finish()
    await asyncio.sleep(2.0)
    knocks = [call for call in world.slack.workspace.calls[calls:] if call.method.startswith("chat.")]
    assert 0 < len(knocks) < 60, "it neither sleeps nor hammers"
    world.slack.faults.clear()
    for number, (card, _) in enumerate(jobs[:2]):
        await world.message(f"job{number}", "is ready", thread=card.ts, within=40.0)
        await world.shows(card, "done", within=30.0)
    await all_quiet(world)
    assert [len(world.messages(f"Tuning job{number} (")) for number in range(4)] == [1, 1, 1, 1]
    assert [len(world.messages(f"job{number}", "is ready")) for number in range(4)] == [1, 1, 0, 0]
    for (card, _), before in zip(jobs, edits, strict=True):
        assert 1 <= card.edits - before <= 2, "the newest card only"


async def test_with_slacks_limits_on_people_and_cards_together_are_never_refused(world: World) -> None:
    await world.tuned("model")
    await asyncio.sleep(1.1)
    world.slack.limits.enabled = True
    world.slack.workspace.calls.clear()
    for number in range(3):
        _, job = await world.started(f"job{number}")
        job.finish()
        said = world.ada.post(world.channel, world.ada.typed("@Tunebot seven"))
        await world.message("eight", thread=said.ts)
    for number in range(3):
        await world.message(f"job{number}", "is ready", within=20.0)
    await all_quiet(world)
    refused = [call.method for call in world.slack.workspace.calls if call.status == 429]
    assert [method for method in refused if method in ("chat.postMessage", "chat.update")] == []
