"""The outbox is emptied in order, nothing twice, and the error of one job delays no other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from bot.delivery.outbox_sender import OutboxSender
from bot.domain.backoff import Backoff
from bot.domain.jobs import JobState, Snapshot, TuningJob
from bot.domain.place import Place
from bot.errors import RetryLater, Unconfirmed
from bot.ports.job_store import Change
from bot.ports.notifier import Delivered, Notice, NoticeKind, SendCapacity
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
    assert slack.delivered == [("card", "ordered", ""), ("ended", "ordered", "ts of ordered")]
    assert await harness.due() == []


async def test_many_changes_before_a_delivery_are_one_card(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    job = await harness.started("coalesced")
    for _ in range(5):
        harness.at_google(job).advance()
        await harness.refresher.poll("vertex", [job])
    await send_once(sender)
    assert len(slack.delivered) == 1


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
    assert [each[2] for each in slack.delivered] == ["", "ts of news"]


async def test_what_slack_cannot_take_now_waits_and_holds_back_only_its_own_job(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.tuned("waits")
    await harness.started("goes")
    slack.problems.append(RetryLater("Slack asks for a pause.", seconds=7))
    await send_once(sender)
    await send_once(sender)
    assert slack.delivered == [("card", "goes", "")]
    harness.clock.advance(seconds=6)
    await send_once(sender)
    assert len(slack.delivered) == 1
    harness.clock.advance(seconds=1)
    await send_once(sender)
    await send_once(sender)
    assert slack.delivered[1:] == [("card", "waits", ""), ("ended", "waits", "ts of waits")]


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
    assert len(slack.delivered) == 1


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
    assert (slack.delivered, slack.tries) == ([], 3)
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
    assert [each[:2] for each in slack.delivered] == [("card", "passing")]


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
    assert len(slack.delivered) == 1


async def test_a_clock_that_is_set_forward_gives_nothing_up(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.started("set forward")
    slack.problems += [GONE] * 3
    for hours in (0, 2, 2):
        harness.clock.set_forward(timedelta(hours=hours))
        harness.clock.advance(minutes=1)
        await send_once(sender)
    harness.clock.advance(minutes=2)
    await send_once(sender)
    assert len(slack.delivered) == 1


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
    assert ("card", "fine", "") in slack.delivered


async def test_a_card_that_cannot_be_drawn_does_not_silence_the_others(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.started("broken")
    slack.problems.append(ValueError("a fault of ours"))
    sender.start()

    await wait_until(lambda: not slack.problems)
    await harness.started("fine")
    sender.wake()
    await wait_until(lambda: ("card", "fine", "") in slack.delivered)


async def test_a_wake_sends_at_once(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.delivery.outbox_sender.IDLE_SECONDS", 3600.0)
    sender.start()
    await harness.started("new")
    sender.wake()
    await wait_until(lambda: slack.delivered, "the delivery")


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
    assert len(slack.delivered) == 1
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


async def test_the_attempt_to_post_is_stored_before_it_is_sent(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    job = await harness.started("attempted")
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
    assert slack.unconfirmed == [None, None]
    assert len(slack.delivered) == 1


async def test_a_fault_of_ours_after_the_post_was_sent_is_no_reason_to_send_it_again(
    harness: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await harness.started("faulty")
    slack.problems.append(KeyError("ts"))
    await send_once(sender)
    harness.clock.advance(seconds=301)
    await send_once(sender)
    assert slack.unconfirmed[0] is None
    assert slack.unconfirmed[1] is not None


# The order: which notice is sent first, and which waits for another


async def add_notice(
    harness: Harness, name: str, channel: str = "C1", state: JobState = JobState.RUNNING, card: str = ""
) -> None:
    """Add a job that Google does not know, with notices that Slack must receive."""
    template = next(iter(await harness.jobs.with_name("T1", "template")), None) or await harness.accepted(
        "template"
    )
    await harness.jobs.submit(
        replace(
            template,
            key=f"key-of-{name}",
            place=Place("T1", channel),
            spec=replace(template.spec, name=name),
            state=state,
            card=card,
        ),
        [NoticeKind.CARD, NoticeKind.ENDED] if state.ended else [NoticeKind.CARD],
    )


@pytest.fixture
async def quiet(harness: Harness, slack: RecordingNotifier, sender: OutboxSender) -> Harness:
    """With a template in the job store, all of whose notices are delivered."""
    await add_notice(harness, "first")
    for _ in range(2):
        await send_once(sender)
    slack.forget()
    return harness


async def test_ends_and_failures_and_their_cards_go_before_the_rest(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await add_notice(quiet, "routine", card="1.1")
    await add_notice(quiet, "new")
    await add_notice(quiet, "failed", state=JobState.FAILED, card="2.2")
    for _ in range(4):
        await send_once(sender)
    assert [each[:2] for each in slack.delivered] == [
        ("ended", "failed"),
        ("card", "new"),
        ("card", "failed"),
        ("card", "routine"),
    ]


async def delivered_after_sending(slack: RecordingNotifier, sender: OutboxSender, number: int) -> bool:
    await sender.send_due()
    return len(slack.delivered) == number


async def test_a_slow_channel_holds_up_nobody_else(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await add_notice(quiet, "slow", channel="C-SLOW")
    await add_notice(quiet, "slow too", channel="C-SLOW")
    slack.gate = asyncio.Event()
    await sender.send_due()
    await slack.arrived(1)
    gate, slack.gate = slack.gate, None
    for number in range(5):
        await add_notice(quiet, f"quick{number}", channel="C-QUICK")
        await wait_until(partial(delivered_after_sending, slack, sender, number + 1))
    assert [each[1] for each in slack.delivered] == [f"quick{number}" for number in range(5)]
    gate.set()
    await sender.settle()
    await send_once(sender)
    assert [each[1] for each in slack.delivered][5:] == ["slow", "slow too"]


async def test_a_resting_channel_is_passed_over_for_posts_but_not_for_edits(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await add_notice(quiet, "post")
    await add_notice(quiet, "edit", card="1.1")
    await add_notice(quiet, "elsewhere", channel="C2")
    slack.space = SendCapacity(paused_channels=frozenset({"C1"}))
    await send_once(sender)
    assert {each[1] for each in slack.delivered} == {"edit", "elsewhere"}


async def test_no_more_edits_start_than_slacks_limit_allows(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    for number in range(5):
        await add_notice(quiet, f"job{number}", channel=f"C{number}", card="1.1")
    slack.space = SendCapacity(edits=2)
    slack.gate = asyncio.Event()
    await sender.send_due()
    await sender.send_due()
    slack.gate.set()
    await sender.settle()
    assert slack.tries == 2
    slack.space = SendCapacity(edits=0)
    await send_once(sender)
    assert len(slack.delivered) == 2


async def test_routine_cards_take_fair_turns(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    names = [f"job{number}" for number in range(4)]
    for name in names:
        await add_notice(quiet, name, card="1.1")
    for _ in range(12):
        await send_once(sender)
        for name in names:  # everything moves all the time
            await quiet.jobs.change(f"key-of-{name}", lambda job: Change(job, notices=[NoticeKind.CARD]))
    assert [each[1] for each in slack.delivered] == names * 3


async def test_while_slack_fails_at_everything_one_notice_at_a_time_finds_out(
    quiet: Harness, slack: RecordingNotifier
) -> None:
    for number in range(30):
        await add_notice(quiet, f"job{number:02}", channel=f"C{number}")
    slack.problems += [RetryLater("Slack cannot be reached.", seconds=0)] * 13
    slack.gate = asyncio.Event()
    backoff = Backoff(first=0.02, longest=0.04, while_down=0.2)
    sender = OutboxSender(quiet.outbox, quiet.jobs, slack, quiet.clock, backoff)
    sender.start()
    await slack.arrived(10)
    slack.gate.set()

    async def all_delivered() -> bool:
        quiet.clock.advance(seconds=1)
        return len(slack.delivered) == 30

    await wait_until(all_delivered)
    assert len(set(slack.delivered)) == 30
    assert sorted(slack.at_once[:10]) == list(range(1, 11))
    assert slack.at_once[10:14] == [1, 1, 1, 1], "three failures and the first success, each alone"
    await sender.stop(1.0)


async def test_stop_cuts_off_what_does_not_end_and_stores_that_it_had_started(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await add_notice(quiet, "endless")
    slack.gate = asyncio.Event()
    sender.start()
    await slack.arrived(1)
    await sender.stop(0)
    (notice,) = await quiet.outbox.due(quiet.clock.now())
    assert notice.unconfirmed is not None
    await sender.send_due()
    assert slack.tries == 1
