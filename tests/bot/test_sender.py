"""The outbox is emptied in order, nothing twice, and one job's trouble stays its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bot.domain import Snapshot, TuningJob
from bot.errors import RetryLater, Undeliverable
from bot.ports import Change, Delivered, NoticeKind
from bot.sender import LONGEST_PAUSE, Sender
from tests.bot.house import House, until


@dataclass
class Slack:
    """The Notifier's side of Slack: what was delivered, and what the next deliveries meet."""

    told: list[tuple[str, str, str]] = field(default_factory=list)
    troubles: list[Exception] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def deliver(self, kind: NoticeKind, job: TuningJob, snapshots: Sequence[Snapshot]) -> Delivered:
        if self.gate is not None:
            await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        self.told.append((str(kind), job.name, job.card))
        return Delivered(job.place, job.card or f"ts of {job.name}")


@pytest.fixture
def slack() -> Slack:
    return Slack()


@pytest.fixture
async def sender(wired: House, slack: Slack) -> AsyncIterator[Sender]:
    sender = Sender(wired.outbox, wired.jobs, slack, wired.clock)
    yield sender
    await sender.stop(1.0)


async def test_the_card_goes_before_the_reply_under_it_which_knows_its_ts(
    wired: House, slack: Slack, sender: Sender
) -> None:
    await wired.tuned("ordered")
    await sender.send_due()
    await sender.send_due()
    assert slack.told == [("card", "ordered", ""), ("ended", "ordered", "ts of ordered")]
    assert await wired.due() == []


async def test_many_changes_before_a_delivery_are_one_card(wired: House, slack: Slack, sender: Sender) -> None:
    job = await wired.started("coalesced")
    for _ in range(5):
        wired.at_google(job).advance()
        await wired.tuning.look("vertex", [job])
    await sender.send_due()
    assert len(slack.told) == 1


async def test_news_during_a_delivery_is_told_afterwards(wired: House, slack: Slack, sender: Sender) -> None:
    job = await wired.started("news")
    slack.gate = asyncio.Event()
    sending = asyncio.create_task(sender.send_due())
    await asyncio.sleep(0.05)
    wired.at_google(job).advance()
    await wired.tuning.look("vertex", [job])
    slack.gate.set()
    await sending
    assert await wired.due() == [NoticeKind.CARD]
    await sender.send_due()
    assert [told[2] for told in slack.told] == ["", "ts of news"]


async def test_what_slack_cannot_take_now_waits_and_holds_back_only_its_own_job(
    wired: House, slack: Slack, sender: Sender
) -> None:
    await wired.tuned("waits")
    await wired.started("goes")
    slack.troubles.append(RetryLater("Slack asks for a pause.", seconds=7))
    await sender.send_due()
    assert slack.told == [("card", "goes", "")]
    wired.clock.pass_time(seconds=6)
    await sender.send_due()
    assert len(slack.told) == 1
    wired.clock.pass_time(seconds=1)
    await sender.send_due()
    await sender.send_due()
    assert slack.told[1:] == [("card", "waits", ""), ("ended", "waits", "ts of waits")]


async def test_the_pauses_grow_but_not_for_ever(wired: House, slack: Slack, sender: Sender) -> None:
    await wired.started("patient")
    for attempt in range(12):
        slack.troubles.append(RetryLater("Slack fails.", seconds=1))
        await sender.send_due()
        pause = min(2.0**attempt, LONGEST_PAUSE)
        assert await wired.outbox.due(wired.clock.now() + timedelta(seconds=pause - 0.5)) == []
        wired.clock.pass_time(seconds=pause)
    await sender.send_due()
    assert len(slack.told) == 1


async def test_what_slack_never_takes_is_given_up_and_not_tried_again(
    wired: House, slack: Slack, sender: Sender
) -> None:
    await wired.started("undeliverable")
    slack.troubles.append(Undeliverable("Slack refuses the message: account_inactive."))
    await sender.send_due()
    wired.clock.pass_time(days=1)
    await sender.send_due()
    assert slack.told == []
    assert await wired.due() == []


async def test_a_card_that_cannot_be_drawn_does_not_silence_the_others(
    wired: House, slack: Slack, sender: Sender
) -> None:
    await wired.started("broken")
    slack.troubles.append(ValueError("a fault of ours"))
    sender.start()

    async def met() -> bool:
        return not slack.troubles

    await until(met)
    await wired.started("fine")
    sender.wake()

    async def told() -> bool:
        return ("card", "fine", "") in slack.told

    await until(told)


async def test_a_wake_sends_at_once(wired: House, slack: Slack, sender: Sender) -> None:
    sender.start()
    await wired.started("woken")
    sender.wake()

    async def told() -> bool:
        return bool(slack.told)

    await until(told, within=0.9)


async def test_stop_lets_what_is_under_way_be_marked(wired: House, slack: Slack, sender: Sender) -> None:
    await wired.tuned("stopping")
    slack.gate = asyncio.Event()
    sender.start()
    await asyncio.sleep(0.1)
    stopping = asyncio.create_task(sender.stop(5.0))
    await asyncio.sleep(0.05)
    slack.gate.set()
    await stopping
    assert len(slack.told) == 1
    assert await wired.due() == [NoticeKind.ENDED]


async def test_a_card_that_moved_is_remembered_where_it_stands_now(wired: House, sender: Sender) -> None:
    job = await wired.started("moved")

    class Elsewhere(Slack):
        async def deliver(self, kind: NoticeKind, job: TuningJob, snapshots: Sequence[Snapshot]) -> Delivered:
            return Delivered(replace(job.place, channel="D1"), "9.9")

    await Sender(wired.outbox, wired.jobs, Elsewhere(), wired.clock).send_due()
    newest = await wired.newest(job)
    assert (newest.place.channel, newest.card) == ("D1", "9.9")


async def test_losses_travel_with_the_card(wired: House, slack: Slack) -> None:
    job = await wired.started("losses")
    seen: list[int] = []

    class Watching(Slack):
        async def deliver(self, kind: NoticeKind, job: TuningJob, snapshots: Sequence[Snapshot]) -> Delivered:
            seen.extend(snapshot.step for snapshot in snapshots)
            return Delivered(job.place, "1.1")

    await wired.jobs.change(
        job.key, lambda current: Change(current, [Snapshot(1, 3.0), Snapshot(2, 2.0)], [NoticeKind.CARD])
    )
    await Sender(wired.outbox, wired.jobs, Watching(), wired.clock).send_due()
    assert seen == [1, 2]
