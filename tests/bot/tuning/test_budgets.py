"""Budgets of a month: what fits, what is refused, and that no two starts slip in together."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.budgets import WORKSPACE, Purpose
from bot.domain.jobs import JobState
from bot.domain.place import Place, Requester
from bot.domain.requests import Proposal
from bot.domain.roles import EVERYONE, Role, RoleGrant
from bot.errors import Forbidden, OverBudget
from bot.ports.stores import BY_BOT
from bot.spending.budget_check import BudgetUse
from bot.spending.price_table import parse_price_table
from handlers.assembly import UseCases
from tests.support.builders import ESTIMATE, SPEC
from tests.support.harness import ADA, PLACE, TEAM, Harness, open_harness

OWNER = Requester("U0OWNER", PLACE)
BY_ADA = Requester(ADA, PLACE)
# 1,000 tokens x 3 passes at $1,000 for a million, and 30 % more at most.
COSTLY = replace(ESTIMATE, training_price=Decimal(1000))
# A start is held against the price of its moment: the table has that of the reports, and of no other model.
PRICES = parse_price_table(f'as_of = 2026-11-27\n[models."{SPEC.base_model}"]\ntraining = 1000\n', "test")
LIKELY, MOST = Decimal("3.00"), Decimal("3.90")


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    async with open_harness(tmp_path, ("vertex",)) as opened:
        yield opened


@pytest.fixture
def process(harness: Harness) -> UseCases:
    roles = (RoleGrant(Role.TUNER, EVERYONE), RoleGrant(Role.OWNER, OWNER.user))
    return harness.process(named_roles=roles, prices=PRICES)


async def start(
    harness: Harness, process: UseCases, name: str, user: str = ADA, place: Place = PLACE, *, priced: bool = True
) -> JobState:
    """Press Start under a report that says that the tuning costs LIKELY, or that its price is unknown."""
    known = COSTLY if priced else replace(COSTLY, base_model="gemini-3.1-flash-lite", training_price=None)
    spec = replace(SPEC, name=name, estimate=known)
    proposal = Proposal(name, place, user, spec, datetime(2026, 1, 1, tzinfo=UTC))
    await harness.jobs.add_proposal(proposal)
    job = await process.jobs.accept(TEAM, name, user)
    assert job is not None
    return job.state


async def used(process: UseCases, requester: Requester = OWNER) -> list[tuple[str, Decimal, int]]:
    return [(use.budget.subject, use.used, use.percent) for use in await process.budgets.uses(requester)]


async def test_a_start_that_does_not_fit_is_refused_with_the_amounts_and_who_can_raise_it(
    harness: Harness, process: UseCases
) -> None:
    await process.budgets.set(OWNER, WORKSPACE, Purpose.TUNING, Decimal(8))
    assert [await start(harness, process, name) for name in ("one", "two")] == [JobState.SUBMITTING] * 2
    with pytest.raises(OverBudget) as refused:
        await start(harness, process, "three")
    assert str(refused.value) == (
        "The budget of this workspace for tuning is $8.00 a month. Of it, $7.80 is spent or reserved this month, "
        "and this start may cost up to $3.90: that is too much. Owners and administrators of this workspace can "
        "raise it with /tune budget."
    )
    assert await harness.jobs.job("three") is None
    assert await used(process) == [(WORKSPACE, Decimal("7.80"), 97)]

    await process.jobs.cancel(TEAM, "one", ADA)
    assert await used(process) == [(WORKSPACE, MOST, 48)], "what was never sent costs nothing"
    assert await start(harness, process, "three") is JobState.SUBMITTING
    await process.budgets.set(OWNER, WORKSPACE, Purpose.TUNING, None)
    assert await start(harness, process, "four") is JobState.SUBMITTING


async def test_of_many_starts_at_once_only_as_many_as_fit_are_taken(harness: Harness, process: UseCases) -> None:
    await process.budgets.set(OWNER, PLACE.channel, Purpose.TUNING, 3 * MOST)
    ended = await asyncio.gather(
        *(start(harness, process, f"n{each}") for each in range(8)), return_exceptions=True
    )
    assert sum(isinstance(each, JobState) for each in ended) == 3
    assert sum(isinstance(each, OverBudget) for each in ended) == 5
    assert await used(process) == [(PLACE.channel, 3 * MOST, 100)]


async def test_what_waits_in_the_queue_is_not_started_after_a_budget_was_lowered(tmp_path: Path) -> None:
    async with open_harness(tmp_path, ("vertex",), tunings_at_once={"vertex": 1}) as harness:
        roles = (RoleGrant(Role.TUNER, EVERYONE), RoleGrant(Role.OWNER, OWNER.user))
        process = harness.process(named_roles=roles, prices=PRICES)
        await process.budgets.set(OWNER, WORKSPACE, Purpose.TUNING, 4 * MOST)
        states = [await start(harness, process, name) for name in ("one", "two", "three")]
        assert states == [JobState.SUBMITTING, JobState.WAITING, JobState.WAITING]
        await process.jobs.cancel(TEAM, "one", ADA)
        await process.budgets.set(OWNER, WORKSPACE, Purpose.TUNING, MOST)

        assert [job.key for job in await process.jobs.starts.begin_turns()] == ["two"], (
            "what waits behind it comes later"
        )
        await process.jobs.cancel(TEAM, "two", ADA)
        await process.budgets.set(OWNER, WORKSPACE, Purpose.TUNING, MOST - Decimal("0.01"))
        assert await process.jobs.starts.begin_turns() == []
        ended = await process.jobs.get(TEAM, "three")
        assert ended.state is JobState.FAILED
        assert ended.failure is not None
        assert ended.failure.message.startswith(
            "While it waited for its turn, a budget of this month became too small"
        )
        lines = await harness.stores.audit_log.lines(TEAM)
        acts = [(line.act.user, line.act.action, line.subject) for line in lines]
        assert (BY_BOT, "end a start over its budget", "three") in acts
        assert await used(process) == [(WORKSPACE, Decimal(0), 0)]


async def test_each_budget_binds_its_own_channel_and_person(harness: Harness, process: UseCases) -> None:
    await process.budgets.set(OWNER, PLACE.channel, Purpose.TUNING, Decimal(0))
    await process.budgets.set(OWNER, "U2", Purpose.TUNING, MOST)
    with pytest.raises(OverBudget, match="The budget of this channel for tuning is"):
        await start(harness, process, "here")
    elsewhere = replace(PLACE, channel="C2")
    assert await start(harness, process, "by u2", "U2", elsewhere) is JobState.SUBMITTING
    with pytest.raises(OverBudget, match="Your budget for tuning is"):
        await start(harness, process, "again by u2", "U2", elsewhere)
    assert await start(harness, process, "by ada", ADA, elsewhere) is JobState.SUBMITTING


async def test_a_price_that_is_unknown_never_fits(harness: Harness, process: UseCases) -> None:
    assert await start(harness, process, "before", priced=False) is JobState.SUBMITTING
    await process.budgets.set(OWNER, WORKSPACE, Purpose.TUNING, Decimal(1000))
    with pytest.raises(OverBudget, match="the price of this start is unknown"):
        await start(harness, process, "unknown", priced=False)
    (use,) = await process.budgets.uses(OWNER)
    assert (use.used, use.unknown) == (Decimal(0), 1)


async def test_a_month_begins_anew_and_an_old_report_counts_in_the_month_of_the_click(
    harness: Harness, process: UseCases
) -> None:
    await process.budgets.set(OWNER, WORKSPACE, Purpose.TUNING, Decimal(4))
    assert await start(harness, process, "november") is JobState.SUBMITTING
    harness.clock.advance(days=30)
    assert await used(process) == [(WORKSPACE, Decimal(0), 0)]
    assert await start(harness, process, "december") is JobState.SUBMITTING
    with pytest.raises(OverBudget):
        await start(harness, process, "too much")


async def test_after_the_end_the_tokens_count_that_google_trained_on(harness: Harness, process: UseCases) -> None:
    await process.budgets.set(OWNER, WORKSPACE, Purpose.TUNING, Decimal(10))
    job = await harness.accepted("numbers")
    assert job.spec.estimate is not None
    reserved = job.spec.estimate.highest_cost(job.spec.estimate.passes)
    assert await used(process) == [(WORKSPACE, reserved, 0)]
    await harness.tuning.starts.submit(job)
    harness.at_google(job).finish()
    await harness.refresher.poll("vertex", [await harness.newest(job)])
    ended = await harness.newest(job)
    assert ended.data_stats is not None
    assert ended.data_stats.billable_tokens
    ((_, settled, _),) = await used(process)
    assert settled != reserved
    assert settled > 0


async def test_a_report_warns_of_a_budget_that_the_start_brings_near_its_edge(
    harness: Harness, process: UseCases
) -> None:
    await process.budgets.set(OWNER, WORKSPACE, Purpose.TUNING, Decimal(5))
    await process.budgets.set(OWNER, "U2", Purpose.TUNING, MOST)
    assert await process.budgets.warning(BY_ADA, replace(COSTLY, epochs=2)) == ""
    assert await process.budgets.warning(BY_ADA, COSTLY) == "", "78 % are not near"
    await start(harness, process, "first")
    assert await process.budgets.warning(BY_ADA, replace(COSTLY, epochs=1)) == (
        "The budget of this workspace for tuning is then used to 104%: $5.20 of $5.00 this month."
    )


async def test_owners_set_budgets_and_others_see_those_that_bind_them(process: UseCases) -> None:
    with pytest.raises(Forbidden, match="Only owners and administrators of this workspace may set budgets"):
        await process.budgets.set(BY_ADA, WORKSPACE, Purpose.TUNING, Decimal(1))
    for subject in (WORKSPACE, PLACE.channel, "C9OTHER", ADA, "U9OTHER"):
        await process.budgets.set(OWNER, subject, Purpose.TUNING, Decimal("0.10"))
    assert [subject for subject, _, _ in await used(process, BY_ADA)] == [WORKSPACE, PLACE.channel, ADA]
    assert len(await used(process)) == 5
    overheard = replace(OWNER, place=PLACE, overheard=True)
    assert [subject for subject, _, _ in await used(process, overheard)] == [WORKSPACE, PLACE.channel]
    assert [each.budget.subject for each in await process.budgets.uses(overheard, ADA)][-1] == ADA
    await process.budgets.set(OWNER, ADA, Purpose.TUNING, None)
    uses: list[BudgetUse] = list(await process.budgets.uses(BY_ADA))
    assert {use.budget.usd for use in uses} == {Decimal("0.10")}
    assert {use.budget.set_by for use in uses} == {OWNER.user}
