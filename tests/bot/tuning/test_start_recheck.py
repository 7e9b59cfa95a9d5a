"""A start that waited is checked again before it is sent: rights, base model, price, need of an approval."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.approval import ApprovalRules
from bot.domain.jobs import JobState, TuningJob
from bot.domain.requests import StartRequest
from bot.domain.roles import Role, RoleGrant
from bot.errors import Forbidden, RightsUnknown
from bot.ports.job_store import Change
from bot.ports.stores import BY_BOT
from bot.spending.price_table import read_price_table
from bot.tuning.start_queue import step_after
from bot.tuning.transitions import ask_to_cancel, record_create
from handlers.assembly import UseCases
from tests.support.harness import ADA, ASKED_BY_ADA, FILE, PLACE, TEAM, Harness, open_harness
from tests.support.workspace_people import FullMembers

BOB = "U2"


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    """Vertex AI, which runs one tuning at a time."""
    async with open_harness(tmp_path, ("vertex",), tunings_at_once={"vertex": 1}) as opened:
        yield opened


@dataclass
class Leaving(FullMembers):
    """Full members, but for who is `gone`; of who is `unknown` Slack says nothing."""

    gone: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    async def is_member(self, user: str) -> bool:
        return user not in self.gone | self.unknown

    async def is_full_member(self, user: str) -> bool:
        return await self.is_member(user)

    async def answers(self, user: str, places: Iterable[str]) -> bool:
        return not self.unknown & {user, *places}


def process(harness: Harness, **options: Any) -> UseCases:
    """A process on the same database."""
    return harness.process(**options)


async def start(use_cases: UseCases, name: str, owner: str = ADA) -> TuningJob:
    """Press Start: the job runs, or waits for its turn."""
    checked = await use_cases.proposals.check(PLACE, owner, StartRequest("vertex", name=name, file=FILE))
    assert checked.proposal is not None
    job = await use_cases.jobs.accept(TEAM, checked.proposal.id, owner)
    assert job is not None
    await use_cases.jobs.starts.submit(job)
    return job


async def finish(harness: Harness, job: TuningJob) -> None:
    """Let the job end at Google, and poll it."""
    harness.at_google(job).finish()
    await harness.refresher.poll("vertex", [await harness.newest(job)])


async def begin_turns(use_cases: UseCases) -> list[str]:
    """Start the jobs whose turn it is, as the poller does in each round; returns their names."""
    begun = await use_cases.jobs.starts.begin_turns()
    await asyncio.gather(*(use_cases.jobs.starts.submit(job) for job in begun))
    return [job.name for job in begun]


async def acts(harness: Harness) -> set[tuple[str, str]]:
    return {(line.act.user, line.act.action) for line in await harness.stores.audit_log.lines(TEAM)}


async def test_who_left_while_their_start_waited_starts_nothing_and_holds_up_nobody(harness: Harness) -> None:
    members = Leaving()
    bot = process(harness, members=members)
    first, hers, his = await start(bot, "first", BOB), await start(bot, "hers"), await start(bot, "his", BOB)
    members.gone.add(ADA)
    await finish(harness, first)
    assert await begin_turns(bot) == ["his"]
    ended = await harness.newest(hers)
    assert ended.state is JobState.FAILED
    assert ended.failure is not None
    assert "may not tune any more" in ended.failure.message
    assert "I do not send it to Google" in ended.failure.message
    assert (BY_BOT, "end a start that may not be made any more") in await acts(harness)
    assert (await harness.newest(his)).operation
    assert harness.creates() == 2


async def test_where_slack_says_nothing_a_start_keeps_its_place_and_is_neither_sent_nor_ended(
    harness: Harness,
) -> None:
    members = Leaving()
    bot = process(harness, members=members)
    first, hers, his = await start(bot, "first", BOB), await start(bot, "hers"), await start(bot, "his", BOB)
    members.unknown.add(ADA)
    await finish(harness, first)
    assert await begin_turns(bot) == ["his"], "the next one need not wait"
    held = await harness.newest(hers)
    assert held.state is JobState.WAITING
    assert "Slack does not say now" in held.problem
    assert "at my last try" in held.problem, "it is still read when Slack answers again and the next one runs"
    assert await harness.jobs.ahead(held) == 0
    members.unknown.clear()
    await finish(harness, his)
    assert await begin_turns(bot) == ["hers"]
    assert (await harness.newest(hers)).problem == ""


@pytest.mark.parametrize("resumed", [False, True])
async def test_a_start_of_whom_slack_never_speaks_waits_a_day_and_not_for_ever(
    harness: Harness, resumed: bool
) -> None:
    """Slack says nothing of who is in a channel without the bot."""
    members = Leaving()
    bot = process(harness, members=members)
    if resumed:
        held = await harness.accepted("interrupted")
    else:
        first, held = await start(bot, "first"), await start(bot, "hers")
        await finish(harness, first)
    members.unknown.add(ADA)
    hours = 0
    while not (await harness.newest(held)).state.ended and hours < 48:
        hours += 1
        harness.clock.advance(hours=1)
        await bot.jobs.starts.recover(held)
        await begin_turns(bot)
    ended = await harness.newest(held)
    assert 24 <= hours <= 26
    assert ended.state is JobState.FAILED
    assert ended.failure is not None
    assert "For a day Slack has not told me" in ended.failure.message
    assert ended.failure.passing, "Try again is offered"
    assert harness.creates() == (0 if resumed else 1)


async def test_many_starts_of_whom_slack_says_nothing_hold_up_nobody(harness: Harness) -> None:
    members = Leaving()
    bot = process(harness, members=members)
    first = await start(bot, "first", BOB)
    for number in range(21):
        await start(bot, f"hers {number}")
    await start(bot, "his", BOB)
    members.unknown.add(ADA)
    await finish(harness, first)
    assert await begin_turns(bot) == ["his"]


async def test_the_silence_of_a_group_of_tuners_takes_no_right(harness: Harness) -> None:
    members = Leaving()
    named = [RoleGrant(Role.TUNER, "S0TUNERS")]

    class Grouped(Leaving):
        async def group_members(self, group: str) -> frozenset[str]:
            return frozenset() if group in self.unknown else frozenset({ADA})

    members = Grouped()
    bot = process(harness, members=members, named_roles=named)
    first, second = await start(bot, "first"), await start(bot, "second")
    await finish(harness, first)
    members.unknown.add("S0TUNERS")
    assert await begin_turns(bot) == []
    assert (await harness.newest(second)).state is JobState.WAITING
    members.unknown.clear()
    assert await begin_turns(bot) == ["second"]


@pytest.mark.parametrize("right", ["tune", "start alone"])
async def test_a_right_that_slack_confirms_between_two_questions_is_not_lost(harness: Harness, right: str) -> None:
    class Recovering(Leaving):
        async def is_admin(self, user: str) -> bool:
            return user == ADA and ADA not in self.unknown

        async def is_full_member(self, user: str) -> bool:
            return True

        async def is_member(self, user: str) -> bool:
            return True

        async def answers(self, user: str, places: Iterable[str]) -> bool:
            self.unknown.clear()
            return True

    members = Recovering()
    named = [] if right == "tune" else [RoleGrant(Role.TUNER, ADA)]
    bot = process(harness, members=members, named_roles=named, start_alone=Role.OWNER)
    first, second = await start(bot, "first"), await start(bot, "second")
    await finish(harness, first)
    members.unknown.add(ADA)
    assert await begin_turns(bot) == ["second"]
    assert (await harness.newest(second)).operation


async def test_a_price_that_rose_while_a_start_waited_needs_a_persons_yes_and_a_lower_one_does_not(
    harness: Harness,
) -> None:
    bot = process(harness)
    first, second, third = [await start(bot, name) for name in ("first", "second", "third")]
    table = read_price_table()
    base = second.spec.base_model
    known = table.models[base].training
    assert known is not None
    await finish(harness, first)

    def with_price(price: Decimal) -> UseCases:
        row = replace(table.models[base], training=price)
        return process(harness, prices=replace(table, models={**table.models, base: row}))

    assert await begin_turns(with_price(known * 2)) == []
    ended = await harness.newest(second)
    assert ended.state is JobState.FAILED
    assert ended.failure is not None
    assert ended.failure.passing, "Try again is offered"
    assert "A price in my table has risen or is" in ended.failure.message
    assert (await harness.newest(third)).state is JobState.FAILED
    fourth, fifth = await start(bot, "fourth"), await start(bot, "fifth")
    await finish(harness, fourth)
    assert await begin_turns(with_price(known / 2)) == ["fifth"]
    begun = (await harness.newest(fifth)).spec.estimate
    assert begun is not None
    assert begun.training_price == known / 2


async def test_a_price_that_is_no_longer_known_is_not_called_a_risen_one(harness: Harness) -> None:
    bot = process(harness)
    first, second = await start(bot, "first"), await start(bot, "second")
    await finish(harness, first)
    table = read_price_table()
    base = second.spec.base_model
    unpriced = replace(table, models={**table.models, base: replace(table.models[base], training=None)})
    assert await begin_turns(process(harness, prices=unpriced)) == []
    ended = await harness.newest(second)
    assert ended.failure is not None
    assert "has risen or is no longer known" in ended.failure.message


async def test_a_start_that_needs_an_approval_by_now_is_not_sent_without_one(harness: Harness) -> None:
    bot = process(harness)
    first, second = await start(bot, "first"), await start(bot, "second")
    await finish(harness, first)
    stricter = process(harness, approval_rules=ApprovalRules(usd=Decimal(0)))
    assert await begin_turns(stricter) == []
    ended = await harness.newest(second)
    assert ended.state is JobState.FAILED
    assert ended.failure is not None
    assert "It needs an approval now" in ended.failure.message
    assert ended.failure.hint == "Try again asks for it."


@pytest.mark.parametrize("how", ["gone", "unknown"])
async def test_a_later_process_resumes_no_start_of_who_may_not_tune_any_more(harness: Harness, how: str) -> None:
    job = await harness.accepted("interrupted")
    members = Leaving()
    getattr(members, how).add(ADA)
    later = process(harness, members=members)
    await later.jobs.starts.recover(job)
    seen = await harness.newest(job)
    assert harness.creates() == 0
    if how == "gone":
        assert seen.state is JobState.FAILED
        return
    assert seen.state is JobState.WAITING
    assert "Slack does not say now" in seen.problem
    members.unknown.clear()
    assert await begin_turns(later) == ["interrupted"]
    assert (await harness.newest(job)).operation
    assert harness.creates() == 1


async def test_an_interrupted_start_of_whom_slack_says_nothing_takes_nobodys_turn_and_keeps_its_own(
    harness: Harness,
) -> None:
    interrupted = await harness.accepted("interrupted")
    members = Leaving()
    later = process(harness, members=members)
    his = await start(later, "his", BOB)
    assert his.state is JobState.WAITING
    members.unknown.add(ADA)
    await later.jobs.starts.recover(interrupted)
    assert await begin_turns(later) == ["his"]
    held = await harness.newest(interrupted)
    third = await start(later, "third", BOB)
    assert [await harness.jobs.ahead(job) for job in (held, third)] == [0, 1]


async def test_no_approver_is_told_that_somebody_lost_a_right_where_slack_says_nothing(
    harness: Harness,
) -> None:
    members = Leaving()
    roles = [RoleGrant(Role.TUNER, ADA), RoleGrant(Role.APPROVER, BOB)]
    rules = ApprovalRules(usd=Decimal(0))
    bot = process(harness, members=members, named_roles=roles, approval_rules=rules)
    job = await start(bot, "asked")
    assert job.state is JobState.AWAITING_APPROVAL
    members.unknown.add(ADA)
    by_bob = replace(ASKED_BY_ADA, user=BOB)
    with pytest.raises(RightsUnknown, match="Slack does not say now"):
        await bot.approvals.approve(by_bob, job.key)
    members.unknown.clear()
    assert (await bot.approvals.approve(by_bob, job.key)).state is JobState.WAITING


async def test_a_turn_that_another_gave_during_the_check_is_not_given_again(harness: Harness) -> None:
    """An approver's click and the poller may give turns at the same time."""
    asked, begun = asyncio.Event(), asyncio.Event()

    class Slow(Leaving):
        async def is_member(self, user: str) -> bool:
            if self.unknown:
                asked.set()
                await begun.wait()
            return await super().is_member(user)

    members = Slow()
    bot = process(harness, members=members)
    first, second = await start(bot, "first"), await start(bot, "second")
    await finish(harness, first)
    members.unknown.add(ADA)
    late = asyncio.create_task(bot.jobs.starts.begin_turns())
    await asked.wait()
    members.unknown.clear()
    taken = await bot.jobs.starts.begin_turns()
    members.unknown.add(ADA)
    begun.set()
    assert [job.name for job in taken] == ["second"]
    assert list(await late) == []
    await asyncio.gather(*(bot.jobs.starts.submit(job) for job in taken))
    assert (await harness.newest(second)).operation


async def test_a_try_beside_one_that_is_being_sent_neither_sends_nor_ends_the_start(harness: Harness) -> None:
    job = await harness.accepted("twice")
    await harness.jobs.change(job.key, lambda row: record_create(row, harness.clock.now()))
    await process(harness).jobs.starts.submit(job)
    seen = await harness.newest(job)
    assert harness.creates() == 0
    assert (seen.state, seen.failure) == (JobState.SUBMITTING, None)


@pytest.mark.parametrize("how", ["gone", "unknown"])
async def test_a_start_that_was_cancelled_during_its_check_is_left_to_the_search_for_it(
    harness: Harness, how: str
) -> None:
    """Its row may be older than what was sent, so Google is asked before it ends."""
    await start(process(harness), "first")
    second = await start(process(harness), "second")

    def cancel(job: TuningJob) -> Change | None:
        return ask_to_cancel(job, ADA, harness.clock.now(), certain=False)

    error = RightsUnknown("?") if how == "unknown" else Forbidden("?")
    await harness.jobs.change(second.key, cancel)
    after = await harness.jobs.change(second.key, step_after(error, harness.clock.now()))
    assert after is not None
    assert (after.state, after.problem) == (JobState.SUBMITTING, "")
