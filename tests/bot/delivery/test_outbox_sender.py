"""The outbox is emptied in order, nothing twice, and the error of one job stays its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.outbox_sender import OutboxSender
from bot.domain.jobs import Snapshot, TuningJob
from bot.domain.place import Place
from bot.errors import RetryLater, Unconfirmed
from bot.ports.notifier import Delivered, Notice, NoticeKind
from bot.ports.stores import Change
from tests.support.harness import Harness
from tests.support.recording_notifier import RecordingNotifier, send_once
from tests.support.waiting import wait_until


@pytest.fixture
def slack() -> RecordingNotifier:
    return RecordingNotifier()


@pytest.fixture
async def sender(harness: Harness, slack: RecordingNotifier) -> AsyncIterator[OutboxSender]:
    sender = OutboxSender(harness.outbox, harness.jobs, slack, harness.clock)
    yield sender
    await sender.stop(1.0)


async def test_the_card_goes_before_the_reply_under_it_which_knows_its_ts(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.tuned("ordered")
    await send_once(sender)
    await send_once(sender)
    assert slack.told == [("card", "ordered", ""), ("ended", "ordered", "ts of ordered")]
    assert await harness.due() == []


async def test_many_changes_before_a_delivery_are_one_card(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    job = await harness.started("coalesced")
    for _ in range(5):
        harness.at_google(job).advance()
        await harness.refresher.poll("vertex", [job])
    await send_once(sender)
    assert len(slack.told) == 1


async def test_news_during_a_delivery_is_told_afterwards(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    job = await harness.started("news")
    slack.gate = asyncio.Event()
    sending = asyncio.create_task(send_once(sender))
    await slack.arrived(1)
    harness.at_google(job).advance()
    await harness.refresher.poll("vertex", [job])
    slack.gate.set()
    await sending
    assert await harness.due() == [NoticeKind.CARD]
    await send_once(sender)
    assert [told[2] for told in slack.told] == ["", "ts of news"]


async def test_what_slack_cannot_take_now_waits_and_holds_back_only_its_own_job(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.tuned("waits")
    await harness.started("goes")
    slack.problems.append(RetryLater("Slack asks for a pause.", seconds=7))
    await send_once(sender)
    await send_once(sender)
    assert slack.told == [("card", "goes", "")]
    harness.clock.advance(seconds=6)
    await send_once(sender)
    assert len(slack.told) == 1
    harness.clock.advance(seconds=1)
    await send_once(sender)
    await send_once(sender)
    assert slack.told[1:] == [("card", "waits", ""), ("ended", "waits", "ts of waits")]


async def test_the_pauses_grow_but_not_for_ever(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.started("patient")
    for attempt in range(9):
        slack.problems.append(RetryLater("Slack fails.", seconds=0.1))
        await send_once(sender)
        pause = min(2.0**attempt, 60.0)
        assert await harness.outbox.due(harness.clock.now() + timedelta(seconds=pause / 2 - 0.1)) == []
        harness.clock.advance(seconds=pause)
    await send_once(sender)
    assert len(slack.told) == 1


GONE = RetryLater("Slack refuses the message: channel_not_found.", seconds=0.1, final=True)


async def test_what_slack_refuses_three_times_over_an_hour_is_given_up_and_not_tried_again(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.started("undeliverable")
    slack.problems += [GONE, GONE, GONE]
    for minutes in (0, 30, 30):
        harness.clock.advance(minutes=minutes)
        await send_once(sender)
    harness.clock.advance(days=1)
    await send_once(sender)
    assert (slack.told, slack.tries) == ([], 3)
    assert await harness.due() == []


@pytest.mark.parametrize("minutes", [(0, 120), (0, *[1] * 55)])
async def test_one_more_try_or_less_time_gives_nothing_up(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender, minutes: tuple[int, ...]
) -> None:
    await harness.started("passing")
    slack.problems += [GONE] * len(minutes)
    for pause in minutes:
        harness.clock.advance(minutes=pause)
        await send_once(sender)
    harness.clock.advance(minutes=2)
    await send_once(sender)
    assert [told[:2] for told in slack.told] == [("card", "passing")]


async def test_a_clock_that_was_set_back_starts_the_time_of_refusals_again(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.started("set back")
    slack.problems += [GONE] * 3
    for hours in (0, -48, 0.5):
        harness.clock.advance(hours=hours)
        await send_once(sender)
    harness.clock.advance(minutes=2)
    await send_once(sender)
    assert len(slack.told) == 1


async def test_a_channel_that_is_gone_slows_no_other_one(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.started("gone")
    slack.problems += [GONE] * 40
    for _ in range(40):
        await send_once(sender)
        harness.clock.advance(seconds=61)
    await harness.started("fine")
    for _ in range(3):
        await send_once(sender)
    assert ("card", "fine", "") in slack.told


async def test_a_card_that_cannot_be_drawn_does_not_silence_the_others(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.started("broken")
    slack.problems.append(ValueError("a fault of ours"))
    sender.start()

    async def met() -> bool:
        return not slack.problems

    await wait_until(met)
    await harness.started("fine")
    sender.wake()

    async def told() -> bool:
        return ("card", "fine", "") in slack.told

    await wait_until(told)


async def test_a_wake_sends_at_once(harness: Harness, slack: RecordingNotifier, sender: OutboxSender) -> None:
    sender.start()
    await harness.started("woken")
    sender.wake()

    async def told() -> bool:
        return bool(slack.told)

    await wait_until(told, within=0.9)


async def test_stop_lets_what_is_under_way_be_marked(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.tuned("stopping")
    slack.gate = asyncio.Event()
    sender.start()
    await slack.arrived(1)
    stopping = asyncio.create_task(sender.stop(5.0))
    await asyncio.sleep(0)  # `stop` begins
    slack.gate.set()
    await stopping
    assert len(slack.told) == 1
    assert await harness.due() == [NoticeKind.ENDED]


async def test_a_card_that_moved_is_remembered_where_it_stands_now(harness: Harness, sender: OutboxSender) -> None:
    job = await harness.started("moved")

    class Elsewhere(RecordingNotifier):
        async def deliver(
            self,
            notice: Notice,
            job: TuningJob,
            snapshots: Sequence[Snapshot],
            record_attempt: Callable[[Place], Awaitable[None]],
        ) -> Delivered:
            return Delivered(replace(job.place, channel="D1"), "9.9")

    await send_once(OutboxSender(harness.outbox, harness.jobs, Elsewhere(), harness.clock))
    newest = await harness.newest(job)
    assert (newest.place.channel, newest.card) == ("D1", "9.9")


async def test_losses_travel_with_the_card(harness: Harness, slack: RecordingNotifier) -> None:
    job = await harness.started("losses")
    seen: list[int] = []

    class Watching(RecordingNotifier):
        async def deliver(
            self,
            notice: Notice,
            job: TuningJob,
            snapshots: Sequence[Snapshot],
            record_attempt: Callable[[Place], Awaitable[None]],
        ) -> Delivered:
            seen.extend(snapshot.step for snapshot in snapshots)
            return Delivered(job.place, "1.1")

    await harness.jobs.change(
        job.key, lambda current: Change(current, [Snapshot(1, 3.0), Snapshot(2, 2.0)], [NoticeKind.CARD])
    )
    await send_once(OutboxSender(harness.outbox, harness.jobs, Watching(), harness.clock))
    assert seen == [1, 2]


async def test_a_post_is_begun_on_paper_before_it_is_sent(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    job = await harness.started("begun")
    slack.problems.append(Unconfirmed("Slack's answer was lost.", seconds=1))
    await send_once(sender)
    harness.clock.advance(seconds=2)
    (notice,) = await harness.outbox.due(harness.clock.now())
    assert notice.unconfirmed is not None
    assert notice.unconfirmed.place == job.place


async def test_what_slack_refused_need_not_be_looked_for(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.started("refused")
    slack.problems.append(RetryLater("Slack asks for a pause.", seconds=1))
    await send_once(sender)
    harness.clock.advance(seconds=2)
    await send_once(sender)
    assert slack.begun == [None, None]
    assert len(slack.told) == 1


async def test_a_fault_of_ours_after_the_post_was_sent_is_no_reason_to_send_it_again(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.started("faulty")
    slack.problems.append(KeyError("ts"))
    await send_once(sender)
    harness.clock.advance(seconds=301)
    await send_once(sender)
    assert slack.begun[0] is None
    assert slack.begun[1] is not None
