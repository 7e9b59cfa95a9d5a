"""A message is told once, in order, where it belongs: over real sockets, while Slack fails in every way."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.jobs import JobState
from bot.ports.stores import Change
from handlers.delivery.post_finder import NOTICE_EVENT
from tests.support.slack_harness import SlackHarness, open_slack_harness


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[SlackHarness]:
    async with open_slack_harness(tmp_path) as made:
        yield made


async def test_the_card_is_posted_then_edited_and_the_end_is_told_under_it(at: SlackHarness) -> None:
    await at.add("walk")
    at.sender.start()
    await at.told()
    await at.move("walk", 3)
    await at.told()
    await at.end("walk")
    await at.told()
    card, reply = at.messages()
    assert card.edits == 2
    assert "walk" in card.text
    assert reply.thread_ts == card.ts
    assert "is ready" in reply.text
    assert (await at.job("walk")).card == card.ts


async def test_a_post_carries_the_metadata_by_which_it_is_found_again(at: SlackHarness) -> None:
    await at.add("marked")
    at.sender.start()
    await at.told()
    (card,) = at.messages()
    assert card.metadata is not None
    assert card.metadata["event_type"] == NOTICE_EVENT
    payload: dict[str, Any] = card.metadata["event_payload"]
    assert (payload["job"], payload["kind"]) == ("marked", "card")


async def test_what_can_never_be_told_is_recorded_once_and_not_tried_again(
    at: SlackHarness, caplog: pytest.LogCaptureFixture
) -> None:
    await at.add("never")
    at.slack.faults.fail("chat.postMessage", times=None, error="msg_too_long")
    at.sender.start()
    await at.told()
    await asyncio.sleep(0.3)
    assert len(at.calls("chat.postMessage")) == 1
    assert "gave up a notice of never" in caplog.text
    rows = await at.database.run(lambda db: list(db.query("SELECT state, reason FROM outbox")))
    assert rows == [{"state": "undeliverable", "reason": "Slack refuses the message: msg_too_long."}]


@pytest.mark.parametrize("error", ["token_revoked", "invalid_auth", "missing_scope", "account_inactive"])
async def test_an_app_that_is_shut_out_loses_nothing_until_it_is_let_in_again(
    at: SlackHarness, error: str
) -> None:
    await at.add("shut out")
    at.slack.faults.fail("chat.postMessage", times=None, error=error)
    await at.sender.send_due()
    await at.sender.settle()
    assert len(at.calls("chat.postMessage")) == 1
    assert await at.pending() == 1
    at.slack.faults.clear()
    await at.database.write(lambda db: db.execute("UPDATE outbox SET due_at = 0"))  # half a minute later
    at.sender.start()
    await at.told()
    assert len(at.messages()) == 1


async def test_a_card_that_cannot_be_drawn_stops_no_other(at: SlackHarness) -> None:
    await at.add("broken")
    await at.jobs.change("broken", lambda job: Change(replace(job, spec=replace(job.spec, backend="gone"))))
    await at.add("sound")
    at.sender.start()
    await at.until(lambda: at.messages("sound"))
    async with asyncio.timeout(5):
        await at.sender.settle()
    assert await at.pending() == 1
    assert not at.messages("broken")


async def test_a_refused_chart_turns_into_words_and_the_notice_is_told(at: SlackHarness) -> None:
    at.slack.workspace.charts_enabled = False
    await at.add("chart")
    at.sender.start()
    await at.told()
    assert len(at.messages("chart")) == 1


# Slack is away


async def test_slack_goes_away_and_comes_back_everything_arrives_once_in_order_and_only_the_newest(
    at: SlackHarness,
) -> None:
    for name in ("posted", "ends"):
        await at.add(name)
    at.sender.start()
    await at.told()
    edits_before = {message.text.splitlines()[0]: message.edits for message in at.messages()}
    at.slack.faults.outage()
    await at.add("born in the dark")
    for step in range(1, 41):
        await at.move("posted", step)
        await at.move("born in the dark", step)
        at.sender.wake()
        await asyncio.sleep(0.03)
    await at.end("ends")
    await at.end("born in the dark", JobState.FAILED)
    tries = len(at.slack.workspace.calls)
    await asyncio.sleep(1.0)
    assert len(at.slack.workspace.calls) - tries <= 60, "bounded, while nobody is there"
    at.slack.faults.clear()
    await at.told()
    assert len(at.messages()) == 5
    assert len(edits_before) == 2
    for name in ("ends", "born in the dark"):
        job = await at.job(name)
        card, reply = at.messages(name)
        assert (card.ts, reply.thread_ts) == (job.card, job.card)
        assert card.ts < reply.ts
    (posted,) = at.messages("posted")
    assert posted.edits == 1, "forty steps, one card"
    assert "40" in str(posted.blocks)


async def test_slack_cannot_even_be_connected_to(tmp_path: Path) -> None:
    async with open_slack_harness(tmp_path) as at:
        await at.slack.__aexit__(None, None, None)
        await at.add("nobody there")
        at.sender.start()
        await asyncio.sleep(0.5)
        assert at.calls("chat.postMessage") == []
        async with at.slack:
            await at.told()
            assert len(at.messages()) == 1
            assert not at.calls("conversations.history"), "nothing was sent, so nothing need be looked for"
            await at.sender.stop(1.0)
        await at.slack.__aenter__()


async def test_one_channel_that_hangs_holds_up_no_other(at: SlackHarness) -> None:
    await at.add("hanging")
    at.slack.faults.hang("chat.postMessage", times=1)
    at.sender.start()
    await asyncio.sleep(0.1)
    for number in range(5):
        room = at.slack.add_channel(f"room{number}", at.ada)
        await at.add(f"job{number}", channel=room)
    at.sender.wake()
    await at.until(lambda: len(at.messages()) == 5, within=1.5)
    await at.told()
    assert len(at.messages()) == 6
