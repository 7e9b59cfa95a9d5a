"""Starts that need the yes of an approver: who is asked, who may decide, and that an approved one starts once."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.backends import open_google
from bot.domain.approval import ApprovalRules
from bot.domain.budgets import Purpose
from bot.domain.jobs import JobState, TuningJob
from bot.domain.place import Requester
from bot.domain.requests import StartRequest
from bot.domain.roles import EVERYONE, Role, RoleGrant
from bot.errors import BadArgument, Forbidden, NoSuchJob, Outdated, OverBudget
from bot.ports.backends import TuningBackend
from bot.ports.stores import BY_BOT
from bot.spending.month_report import Basis, spend_of
from bot.spending.price_table import read_price_table
from handlers.assembly import UseCases
from tests.support.backend_harness import options
from tests.support.harness import ADA, FILE, PLACE, TEAM, Harness, open_harness
from tests.support.workspace_people import FullMembers

BOB, EVE = "U2BOB", "U3EVE"
ROLES = (
    RoleGrant(Role.TUNER, EVERYONE),
    RoleGrant(Role.APPROVER, BOB),
    RoleGrant(Role.APPROVER, ADA),
    RoleGrant(Role.OWNER, "S0OWNERS"),
)
BY_BOB, BY_EVE, BY_ADA = (Requester(user, replace(PLACE, channel="C9")) for user in (BOB, EVE, ADA))
EXPIRES = timedelta(hours=10)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    async with open_harness(tmp_path, ("vertex",)) as opened:
        yield opened


def use_cases(
    harness: Harness,
    rules: ApprovalRules | None = None,
    alone: Role = Role.TUNER,
    *,
    backends: Mapping[str, TuningBackend] | None = None,
    named_roles: Sequence[RoleGrant] = ROLES,
    **others: Any,
) -> UseCases:
    """A process with these rules; without any, each start needs an approval since it costs more than nothing."""
    return harness.process(
        backends=backends,
        named_roles=named_roles,
        start_alone=alone,
        approval_rules=rules or ApprovalRules(Decimal(0), EXPIRES, "C0APPROVALS"),
        **others,
    )


async def ask(
    process: UseCases, name: str = "numbers", base: str = "gemini-3.5-flash", user: str = ADA
) -> TuningJob:
    """Press Start."""
    checked = await process.proposals.check(PLACE, user, StartRequest("vertex", base, name, file=FILE))
    assert checked.proposal is not None
    job = await process.jobs.accept(TEAM, checked.proposal.id, user)
    assert job is not None
    await process.jobs.starts.submit(job)
    return job


async def start_turns(process: UseCases) -> None:
    await asyncio.gather(*(process.jobs.starts.submit(job) for job in await process.jobs.starts.begin_turns()))


async def test_a_start_over_the_price_waits_for_another_person_and_starts_once(harness: Harness) -> None:
    process = use_cases(harness)
    job = await ask(process)
    assert job.state is JobState.AWAITING_APPROVAL
    assert job.approval is not None
    assert job.approval.targets == ("C0APPROVALS", BOB), "the person who asks gets no direct message"
    assert "over $0.00" in job.approval.reason
    assert sorted(await harness.due()) == ["approval", "approval", "card"]
    await start_turns(process)
    await process.jobs.starts.recover(job)
    assert harness.creates() == 0

    with pytest.raises(Forbidden, match="somebody else must approve it"):
        await process.approvals.approve(BY_ADA, job.key)
    with pytest.raises(Forbidden, match="approvers, owners and administrators"):
        await process.approvals.approve(BY_EVE, job.key)
    with pytest.raises(NoSuchJob):
        await process.approvals.approve(Requester(BOB, replace(PLACE, team="T2")), job.key)

    clicks = await asyncio.gather(
        *(process.approvals.approve(BY_BOB, job.key) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(click, TuningJob) for click in clicks) == 1
    assert sum(isinstance(click, Outdated) for click in clicks) == 4
    await asyncio.gather(*(start_turns(process) for _ in range(3)))
    started = await harness.newest(job)
    assert started.operation
    assert started.approval is not None
    assert started.approval.decided_by == BOB
    assert harness.creates() == 1
    acts = await harness.database.run(
        lambda db: [(row["user"], row["action"], row["channel"]) for row in db.query("SELECT * FROM audit")]
    )
    assert acts == [(ADA, "start", PLACE.channel), (BOB, "approve", BY_BOB.place.channel)]


async def test_the_next_process_starts_what_was_approved_before_the_last_one_died(harness: Harness) -> None:
    job = await ask(use_cases(harness))
    await use_cases(harness).approvals.approve(BY_BOB, job.key)
    await start_turns(use_cases(harness))
    assert (await harness.newest(job)).operation
    assert harness.creates() == 1


async def test_a_declined_start_ends_with_the_reason_and_costs_nothing(harness: Harness) -> None:
    process = use_cases(harness)
    job = await ask(process)
    with pytest.raises(BadArgument, match="no reason"):
        await process.approvals.decline(BY_BOB, job.key, " \n ")
    with pytest.raises(Forbidden):
        await process.approvals.decline(BY_ADA, job.key, "I changed my mind")
    declined = await process.approvals.decline(BY_BOB, job.key, "Take  the\nsmaller model.")
    assert declined.state is JobState.CANCELLED
    assert declined.approval is not None
    assert declined.approval.declined == "Take the smaller model."
    assert spend_of(declined).basis is Basis.NOTHING
    last = (await harness.stores.audit_log.lines(TEAM, 1))[0].act
    assert (last.user, last.action, last.channel) == (BOB, "decline", BY_BOB.place.channel)
    with pytest.raises(Outdated):
        await process.approvals.approve(BY_BOB, job.key)
    await start_turns(process)
    assert harness.creates() == 0
    assert (await ask(process, "numbers")).state is JobState.AWAITING_APPROVAL, "its name is free again"


async def test_a_start_that_nobody_decides_on_ends_after_its_time(harness: Harness) -> None:
    job = await ask(use_cases(harness))
    harness.clock.advance(EXPIRES - timedelta(seconds=1))
    await use_cases(harness).approvals.expire()
    assert (await harness.newest(job)).state is JobState.AWAITING_APPROVAL
    harness.clock.advance(seconds=1)
    with pytest.raises(Outdated):
        await use_cases(harness).approvals.approve(BY_BOB, job.key)
    await use_cases(harness).approvals.expire()
    expired = await harness.newest(job)
    assert expired.state is JobState.CANCELLED
    assert expired.approval is not None
    assert not expired.approval.decided_by
    [act] = await harness.database.run(lambda db: list(db.query("SELECT * FROM audit WHERE action LIKE 'end %'")))
    assert (act["user"], act["action"], act["subject"]) == (BY_BOT, "end a start without an approval", job.key)
    assert "ended" in await harness.due()


async def test_the_person_who_asked_takes_it_back_and_it_cannot_be_approved(harness: Harness) -> None:
    process = use_cases(harness)
    job = await ask(process)
    assert (await process.jobs.cancel(TEAM, job.key, ADA)).state is JobState.CANCELLED
    with pytest.raises(Outdated):
        await process.approvals.approve(BY_BOB, job.key)
    await start_turns(process)
    assert harness.creates() == 0


async def test_who_may_not_start_alone_needs_an_approval_and_an_approver_does_not(harness: Harness) -> None:
    process = use_cases(harness, ApprovalRules(), Role.APPROVER)
    asked = await ask(process, "by eve", user=EVE)
    assert asked.state is JobState.AWAITING_APPROVAL
    assert asked.approval is not None
    assert asked.approval.reason == "The person who asks may not start a tuning alone."
    assert (await ask(process, "by bob", user=BOB)).state is JobState.SUBMITTING


async def test_only_a_price_that_is_known_to_be_low_needs_no_approval(harness: Harness) -> None:
    process = use_cases(harness, ApprovalRules(Decimal(1)))
    assert (await ask(process, "cheap")).state is JobState.SUBMITTING
    unknown = await ask(process, "unknown", "gemini-3.5-flash-lite")
    assert unknown.approval is not None
    assert unknown.approval.reason == "Its price is unknown, and starts over $1.00 need an approval."


async def test_the_people_of_a_group_with_the_role_are_asked_and_none_where_slack_does_not_say_them(
    harness: Harness,
) -> None:
    class Grouped(FullMembers):
        async def group_members(self, group: str) -> frozenset[str]:
            return frozenset({"U8OLGA", ADA}) if group == "S0OWNERS" else frozenset()

    asked = await ask(use_cases(harness, members=Grouped()))
    assert asked.approval is not None
    assert asked.approval.targets == ("C0APPROVALS", BOB, "U8OLGA")


async def test_an_approval_checks_again_what_may_have_changed_since_the_report(harness: Harness) -> None:
    job = await ask(use_cases(harness))
    table = read_price_table()
    base = job.spec.base_model
    dearer = replace(table.models[base], training=Decimal(900))
    today = replace(table, models={**table.models, base: dearer})

    budget = partial(harness.stores.budgets.set, BY_BOB, ADA, Purpose.TUNING)
    await budget(Decimal(0))
    with pytest.raises(OverBudget, match="The budget of the person who asked for tuning is"):
        await use_cases(harness).approvals.approve(BY_BOB, job.key)
    await budget(None)
    nobody_tunes = use_cases(harness, members=FullMembers(), named_roles=(RoleGrant(Role.APPROVER, BOB),))
    with pytest.raises(Forbidden, match="may not tune any more"):
        await nobody_tunes.approvals.approve(BY_BOB, job.key)
    others = options(harness.google, base_models={"vertex": ("gemini-3.1-flash-lite",)})
    async with open_google(("vertex",), others) as fewer:
        with pytest.raises(BadArgument, match="no longer offered"):
            await use_cases(harness, backends=fewer.backends).approvals.approve(BY_BOB, job.key)
    assert (await harness.newest(job)).state is JobState.AWAITING_APPROVAL

    process = use_cases(harness, prices=today)
    with pytest.raises(Outdated, match="The price of “numbers” in the table has changed"):
        await process.approvals.approve(BY_BOB, job.key)
    shown = await harness.newest(job)
    assert shown.state is JobState.AWAITING_APPROVAL
    assert shown.spec.estimate is not None
    assert shown.spec.estimate.training_price == Decimal(900)
    assert (await process.approvals.approve(BY_BOB, job.key)).state is JobState.WAITING


@dataclass
class Leaving(FullMembers):
    """Ada and Bob read the channel until they leave it; who is gone has left the company."""

    left: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    async def can_read(self, user: str, channel: str) -> bool:
        return channel == PLACE.channel and user not in self.left | self.gone

    async def is_member(self, user: str) -> bool:
        return user not in self.gone


# How Ada may tune, and what happens to her between the request and its approval.
WAYS_OUT = [
    (RoleGrant(Role.TUNER, PLACE.channel), "left"),
    (RoleGrant(Role.TUNER, PLACE.channel), "gone"),
    (RoleGrant(Role.TUNER, ADA), "gone"),
]


@pytest.mark.parametrize(("tunes", "how"), WAYS_OUT)
async def test_who_lost_the_right_while_their_start_waited_starts_nothing(
    harness: Harness, tunes: RoleGrant, how: str
) -> None:
    members = Leaving()
    process = use_cases(harness, members=members, named_roles=[tunes, RoleGrant(Role.APPROVER, BOB)])
    job = await ask(process)
    getattr(members, how).add(ADA)
    with pytest.raises(Forbidden, match="may not tune any more"):
        await process.approvals.approve(BY_BOB, job.key)
    assert (await harness.newest(job)).state is JobState.AWAITING_APPROVAL
    getattr(members, how).clear()
    assert (await process.approvals.approve(BY_BOB, job.key)).state is JobState.WAITING


@pytest.mark.parametrize("grantee", [BOB, PLACE.channel])
async def test_an_approver_who_lost_the_role_between_the_request_and_the_press_decides_nothing(
    harness: Harness, grantee: str
) -> None:
    """Also where the role is that of a channel which they have left, while the view for the reason was open."""
    members = Leaving()
    roles = (RoleGrant(Role.TUNER, ADA), RoleGrant(Role.OWNER, EVE))
    before = use_cases(harness, members=members, named_roles=(*roles, RoleGrant(Role.APPROVER, grantee)))
    job = await ask(before)
    in_view = Requester(BOB, PLACE, present=False)
    assert await before.approvals.get(in_view, job.key)
    members.left.add(BOB)
    after = use_cases(harness, members=members, named_roles=roles) if grantee == BOB else before
    with pytest.raises(Forbidden, match="may approve a tuning"):
        await after.approvals.approve(in_view, job.key)
    with pytest.raises(Forbidden, match="may approve a tuning"):
        await after.approvals.decline(in_view, job.key, "no")
    assert (await harness.newest(job)).state is JobState.AWAITING_APPROVAL


@pytest.mark.parametrize("gone", [False, True])
async def test_a_move_waits_for_its_approval_and_is_made_once_while_its_model_is_there(
    harness: Harness, gone: bool
) -> None:
    old = await harness.tuned("old")
    process = use_cases(harness)
    checked = await process.proposals.check(PLACE, ADA, replace(process.proposals.moved(old), name="moved"))
    assert checked.proposal is not None
    job = await process.jobs.accept(TEAM, checked.proposal.id, ADA)
    assert job is not None
    assert job.state is JobState.AWAITING_APPROVAL
    if gone:
        await process.jobs.delete(TEAM, old.key, ADA)
        with pytest.raises(NoSuchJob, match="gone for the person who asked"):
            await process.approvals.approve(BY_BOB, job.key)
    else:
        await process.approvals.approve(BY_BOB, job.key)
    await asyncio.gather(*(start_turns(process) for _ in range(3)))
    assert harness.creates() == (1 if gone else 2)
