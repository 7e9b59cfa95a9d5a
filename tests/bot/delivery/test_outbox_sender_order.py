"""The order of the outbox sender: which notice is sent first, and which waits for another."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from bot.delivery.outbox_sender import OutboxSender
from bot.domain.jobs import JobState
from bot.domain.place import Place
from bot.errors import RetryLater
from bot.ports.notifier import NoticeKind, SendCapacity
from bot.ports.stores import Change
from bot.runtime.backoff import Backoff
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


async def tell(
    harness: Harness, name: str, channel: str = "C1", state: JobState = JobState.RUNNING, card: str = ""
) -> None:
    """A job of its own channel, known to nobody at Google, of which Slack must be told."""
    template = await harness.jobs.named("T1", "template") or await harness.accepted("template")
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
    """With a template in place of which everything was told."""
    await tell(harness, "first")
    for _ in range(2):
        await send_once(sender)
    slack.forget()
    return harness


async def test_ends_and_failures_and_their_cards_go_before_the_rest(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await tell(quiet, "routine", card="1.1")
    await tell(quiet, "new")
    await tell(quiet, "failed", state=JobState.FAILED, card="2.2")
    for _ in range(4):
        await send_once(sender)
    assert [told[:2] for told in slack.told] == [
        ("ended", "failed"),
        ("card", "new"),
        ("card", "failed"),
        ("card", "routine"),
    ]


async def told_after_sending(slack: RecordingNotifier, sender: OutboxSender, number: int) -> bool:
    await sender.send_due()
    return len(slack.told) == number


async def test_a_slow_channel_holds_up_nobody_else(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await tell(quiet, "slow", channel="C-SLOW")
    await tell(quiet, "slow too", channel="C-SLOW")
    slack.gate = asyncio.Event()
    await sender.send_due()
    await slack.arrived(1)
    gate, slack.gate = slack.gate, None
    for number in range(5):
        await tell(quiet, f"quick{number}", channel="C-QUICK")
        await wait_until(partial(told_after_sending, slack, sender, number + 1))
    assert [told[1] for told in slack.told] == [f"quick{number}" for number in range(5)]
    gate.set()
    await sender.settle()
    await send_once(sender)
    assert [told[1] for told in slack.told][5:] == ["slow", "slow too"]


async def test_a_resting_channel_is_passed_over_for_posts_but_not_for_edits(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await tell(quiet, "post")
    await tell(quiet, "edit", card="1.1")
    await tell(quiet, "elsewhere", channel="C2")
    slack.space = SendCapacity(paused_channels=frozenset({"C1"}))
    await send_once(sender)
    assert {told[1] for told in slack.told} == {"edit", "elsewhere"}


async def test_no_more_edits_are_begun_than_there_is_room_for(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    for number in range(5):
        await tell(quiet, f"job{number}", channel=f"C{number}", card="1.1")
    slack.space = SendCapacity(edits=2)
    slack.gate = asyncio.Event()
    await sender.send_due()
    await sender.send_due()
    slack.gate.set()
    await sender.settle()
    assert slack.tries == 2
    slack.space = SendCapacity(edits=0)
    await send_once(sender)
    assert len(slack.told) == 2


async def test_routine_cards_take_fair_turns(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    names = [f"job{number}" for number in range(4)]
    for name in names:
        await tell(quiet, name, card="1.1")
    for _ in range(12):
        await send_once(sender)
        for name in names:  # everything moves all the time
            await quiet.jobs.change(f"key-of-{name}", lambda job: Change(job, notices=[NoticeKind.CARD]))
    assert [told[1] for told in slack.told] == names * 3


async def test_while_slack_fails_at_everything_one_notice_at_a_time_finds_out(
    quiet: Harness, slack: RecordingNotifier
) -> None:
    for number in range(30):
        await tell(quiet, f"job{number:02}", channel=f"C{number}")
    slack.problems += [RetryLater("Slack cannot be reached.", seconds=0)] * 13
    slack.gate = asyncio.Event()
    backoff = Backoff(first=0.02, longest=0.04, while_down=0.2)
    sender = OutboxSender(quiet.outbox, quiet.jobs, slack, quiet.clock, backoff)
    sender.start()
    await slack.arrived(10)
    slack.gate.set()

    async def all_told() -> bool:
        quiet.clock.advance(seconds=1)
        return len(slack.told) == 30

    await wait_until(all_told)
    assert len(set(slack.told)) == 30
    assert sorted(slack.at_once[:10]) == list(range(1, 11))
    assert slack.at_once[10:14] == [1, 1, 1, 1], "three failures and the first success, each alone"
    await sender.stop(1.0)


async def test_stop_cuts_off_what_does_not_end_and_remembers_that_it_was_begun(
    quiet: Harness, slack: RecordingNotifier, sender: OutboxSender
) -> None:
    await tell(quiet, "endless")
    slack.gate = asyncio.Event()
    sender.start()
    await slack.arrived(1)
    await sender.stop(0)
    (notice,) = await quiet.outbox.due(quiet.clock.now())
    assert notice.unconfirmed is not None
    await sender.send_due()
    assert slack.tries == 1
