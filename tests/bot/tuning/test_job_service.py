"""The life of a job over real stores and backends: what is paid for is neither lost nor started twice."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.approval import ApprovalRules
from bot.domain.budgets import WORKSPACE, Purpose
from bot.domain.jobs import Hyperparameters, JobState
from bot.domain.place import Place, Requester
from bot.domain.requests import StartRequest
from bot.domain.spending import ConfirmationRules
from bot.errors import BadArgument, ConfirmationNeeded, NoSuchJob, Outdated, OverBudget
from bot.ports.notifier import NoticeKind
from bot.spending.price_table import read_price_table
from handlers.assembly import UseCases
from tests.support.harness import ADA, ASKED_BY_ADA, FILE, PLACE, TEAM, Harness

BACKENDS = ("vertex", "gemini", "palm")


async def test_one_proposal_starts_one_job(harness: Harness) -> None:
    job = await harness.accepted("once")
    assert await harness.tuning.accept(TEAM, job.key, ADA) is None


async def test_an_unknown_or_foreign_proposal_is_outdated(harness: Harness) -> None:
    job = await harness.accepted("ours")
    for team, key in ((TEAM, "tb-unknown"), ("T2", job.key)):
        with pytest.raises(Outdated, match="/tune"):
            await harness.tuning.accept(team, key, ADA)


async def test_a_late_look_changes_nothing_about_an_ended_job(harness: Harness) -> None:
    job = await harness.started("ended")
    harness.at_google(job).finish()
    await harness.refresher.poll("vertex", [job])
    before = await harness.newest(job)
    harness.at_google(job).set_state("JOB_STATE_RUNNING")
    await harness.refresher.poll("vertex", [job])
    assert await harness.newest(job) == before


async def test_refresh_brings_the_card_up_to_date_though_nothing_changed(harness: Harness) -> None:
    job = await harness.started("refreshed")
    for notice in await harness.outbox.due(harness.clock.now()):
        await harness.outbox.sent(notice)
    await harness.refresher.refresh(TEAM, job.key)
    assert await harness.due() == [NoticeKind.CARD]


async def test_refresh_of_an_unconfirmed_start_looks_for_it(harness: Harness) -> None:
    harness.google.faults.lose_answer(path="/tuningJobs$", method="POST")
    job = await harness.accepted("unconfirmed")
    await harness.tuning.starts.submit(job)
    assert (await harness.refresher.refresh(TEAM, job.key)).operation


async def test_what_cannot_be_cancelled_says_why(harness: Harness) -> None:
    done = await harness.tuned("done")
    with pytest.raises(Outdated, match="already succeeded"):
        await harness.tuning.cancel(TEAM, done.key, ADA)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_who_cancelled_is_kept(harness: Harness, backend: str) -> None:
    job = await harness.started("cancelled", backend)
    assert (await harness.tuning.cancel(TEAM, job.key, "U7")).cancelled_by == "U7"
    await harness.refresher.poll(backend, [job])
    ended = await harness.newest(job)
    assert (ended.state, ended.cancelled_by, ended.failure) == (JobState.CANCELLED, "U7", None)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_deleted_model_is_gone_from_google_lists_and_channels(harness: Harness, backend: str) -> None:
    job = await harness.tuned("deleted", backend)
    await harness.chat.use(ASKED_BY_ADA, job.name)
    await harness.tuning.delete(TEAM, job.key, ADA)
    with pytest.raises(NoSuchJob, match=r"“deleted”, was deleted\. Choose another one"):
        await harness.chat.model_for(ASKED_BY_ADA)
    assert await harness.jobs.jobs(TEAM) == []
    assert [model for model in await harness.backends[backend].models() if model.display_name == "deleted"] == []
    with pytest.raises(NoSuchJob):
        await harness.tuning.delete(TEAM, job.key, ADA)


async def test_another_workspace_sees_and_touches_nothing(harness: Harness) -> None:
    job = await harness.tuned("private")
    for attempt in (
        harness.tuning.get("T2", job.key),
        harness.use_cases.access.named(Requester(ADA, Place("T2", "C1")), job.name),
        harness.use_cases.access.get(Requester(ADA, Place("T2", "C1")), job.key),
        harness.refresher.refresh("T2", job.key),
        harness.tuning.cancel("T2", job.key, ADA),
        harness.tuning.delete("T2", job.key, ADA),
    ):
        with pytest.raises(NoSuchJob):
            await attempt
    with pytest.raises(NoSuchJob):
        await harness.chat.model_for(Requester(ADA, Place("T2", job.place.channel)))


async def test_a_wrong_name_is_met_with_the_nearest_one(harness: Harness) -> None:
    with pytest.raises(NoSuchJob, match="Start with /tune"):
        await harness.use_cases.access.named(ASKED_BY_ADA, "anything")
    await harness.tuned("capitals")
    with pytest.raises(NoSuchJob, match=r"Did you mean capitals\?"):
        await harness.use_cases.access.named(ASKED_BY_ADA, "capitols")
    with pytest.raises(NoSuchJob, match="/tune list"):
        await harness.use_cases.access.named(ASKED_BY_ADA, "zebra")


async def test_a_name_is_free_again_once_its_job_failed(harness: Harness) -> None:
    harness.google.faults.fail(400, path="/tuningJobs$", method="POST")
    first = await harness.started("again")
    assert first.state is JobState.FAILED
    assert (await harness.started("again")).state is not JobState.FAILED
    with pytest.raises(BadArgument):
        await harness.accepted("again")


async def checked_with(harness: Harness, epochs: int) -> str:
    """The id of a proposal with so many epochs."""
    request = StartRequest(name="large", file=FILE, hyperparameters=Hyperparameters(epochs=epochs))
    checked = await harness.proposals.check(PLACE, ADA, request)
    assert checked.proposal is not None
    return checked.proposal.id


async def test_an_absurd_start_is_refused_until_a_person_says_yes_a_second_time(harness: Harness) -> None:
    proposal = await checked_with(harness, 100_000)
    for _ in range(2):
        with pytest.raises(ConfirmationNeeded, match=r"100,000 passes .* It may cost about \$"):
            await harness.tuning.accept(TEAM, proposal, ADA)
    assert await harness.jobs.job(proposal) is None

    job = await harness.tuning.accept(TEAM, proposal, ADA, confirmed=True)

    assert job is not None
    acts = await harness.database.run(lambda db: [row["action"] for row in db.query("SELECT action FROM audit")])
    assert acts == ["confirm a large start", "start"]


async def test_a_confirmed_start_happens_once_and_a_second_click_asks_nothing(harness: Harness) -> None:
    proposal = await checked_with(harness, 100_000)
    assert await harness.tuning.accept(TEAM, proposal, ADA, confirmed=True) is not None
    assert await harness.tuning.accept(TEAM, proposal, ADA, confirmed=True) is None
    assert await harness.tuning.accept(TEAM, proposal, ADA) is None


def priced(harness: Harness, *, training: str | None = "10", output: str = "12", **others: Any) -> UseCases:
    """A process with this table of prices, in US dollars for a million tokens of the file's base model."""
    table = read_price_table()
    row = replace(
        table.row("gemini-3.5-flash"),
        training=None if training is None else Decimal(training),
        input=Decimal(2),
        output=Decimal(output),
        serving_multiplier=Decimal("1.5"),
    )
    return harness.process(prices=replace(table, models={**table.models, "gemini-3.5-flash": row}), **others)


async def report_of(use: UseCases, name: str) -> str:
    """The id of the proposal of a report."""
    request = StartRequest("vertex", "gemini-3.5-flash", name, Hyperparameters(epochs=3), file=FILE)
    checked = await use.proposals.check(PLACE, ADA, request)
    assert checked.proposal is not None
    return checked.proposal.id


# The table of the process in which Start is pressed, and what the person is told of it.
DEARER = [
    ({"training": "20"}, r"table of prices has changed .* Training may cost"),
    ({"training": None}, r"table of prices has changed .* I do not know the training price"),
    ({"output": "13"}, r"table of prices has changed .* Questions to the tuned model cost about 1\.5 times"),
]


@pytest.mark.parametrize(("table", "said"), DEARER)
async def test_a_start_that_became_dearer_since_its_report_is_told_and_asked_again(
    harness: Harness, table: dict[str, Any], said: str
) -> None:
    proposal = await report_of(priced(harness), "numbers")
    dearer = priced(harness, **table)
    for confirmed in (False, True):  # A yes to a question that named the report's price is none to this one.
        with pytest.raises(ConfirmationNeeded, match=said) as asked:
            await dearer.jobs.accept(TEAM, proposal, ADA, confirmed=confirmed)
    assert await harness.jobs.job(proposal) is None
    still_dearer = priced(harness, training="900", output="900")
    with pytest.raises(ConfirmationNeeded, match="table of prices has changed") as again:
        await still_dearer.jobs.accept(TEAM, proposal, ADA, confirmed=True, read_prices=asked.value.prices)

    job = await still_dearer.jobs.accept(TEAM, proposal, ADA, confirmed=True, read_prices=again.value.prices)
    assert job is not None
    assert job.spec.estimate is not None
    assert job.spec.estimate.training_price == Decimal(900)
    assert await still_dearer.jobs.accept(TEAM, proposal, ADA) is None
    acts = await harness.database.run(lambda db: [row["action"] for row in db.query("SELECT action FROM audit")])
    assert acts == ["confirm a new price", "start"]


async def test_a_start_that_became_cheaper_since_its_report_starts_at_the_new_price(harness: Harness) -> None:
    proposal = await report_of(priced(harness), "numbers")
    job = await priced(harness, training="5", output="1").jobs.accept(TEAM, proposal, ADA)
    assert job is not None
    assert job.spec.estimate is not None
    assert job.spec.estimate.training_price == Decimal(5)


async def test_the_price_of_the_press_decides_the_second_yes_the_approval_and_the_budget(harness: Harness) -> None:
    first = priced(harness)
    proposals = [await report_of(first, name) for name in ("one", "two", "three")]
    confirmations: dict[str, Any] = {"confirmation_rules": ConfirmationRules(usd=Decimal(1))}
    strict = priced(harness, training="100000", **confirmations)
    with pytest.raises(ConfirmationNeeded, match=r"that is over \$1\.00"):
        await strict.jobs.accept(TEAM, proposals[0], ADA)

    approving = priced(harness, training="100000", approval_rules=ApprovalRules(Decimal(1)))
    with pytest.raises(ConfirmationNeeded) as asked:
        await approving.jobs.accept(TEAM, proposals[1], ADA)
    yes: dict[str, Any] = {"confirmed": True, "read_prices": asked.value.prices}
    waits = await approving.jobs.accept(TEAM, proposals[1], ADA, **yes)
    assert waits is not None
    assert waits.state is JobState.AWAITING_APPROVAL
    await approving.jobs.cancel(TEAM, waits.key, ADA)

    await harness.stores.budgets.set(ASKED_BY_ADA, WORKSPACE, Purpose.TUNING, Decimal(1))
    dearer = priced(harness, training="100000")
    with pytest.raises(OverBudget):
        await dearer.jobs.accept(TEAM, proposals[2], ADA, **yes)
    assert await first.jobs.accept(TEAM, proposals[2], ADA) is not None


async def test_a_price_over_the_limit_is_refused_without_a_second_yes(harness: Harness) -> None:
    strict = harness.process(files={}, confirmation_rules=ConfirmationRules(usd=Decimal(0)))
    proposal = await checked_with(harness, 3)
    with pytest.raises(ConfirmationNeeded, match=r"over \$0\.00"):
        await strict.jobs.accept(TEAM, proposal, ADA)
    assert await harness.tuning.accept(TEAM, proposal, ADA) is not None


async def test_the_estimate_is_stored_with_the_job(harness: Harness) -> None:
    job = await harness.tuning.accept(TEAM, await checked_with(harness, 3), ADA)
    assert job is not None
    stored = (await harness.newest(job)).spec.estimate
    assert stored is not None
    assert stored == job.spec.estimate
    assert stored.training_price == 10
    assert stored.cost(3) == Decimal(stored.tokens * 3 * 10) / 1_000_000
