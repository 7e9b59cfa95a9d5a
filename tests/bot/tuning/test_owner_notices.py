"""Owners are told in good time, each notice once, also over restarts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.jobs import Hyperparameters, JobState, TuningJob
from bot.domain.requests import StartRequest
from bot.errors import BadArgument, NoSuchJob
from bot.ports.job_store import Change
from bot.ports.notifier import NoticeKind
from bot.spending.price_table import read_price_table
from bot.spending.retirement import successor_of
from bot.tuning import owner_notices
from bot.tuning.owner_notices import RetirementWatch
from tests.support.harness import ADA, ASKED_BY_ADA, PLACE, TEAM, Harness

RETIRES = datetime(2027, 5, 19, 12, tzinfo=UTC)


def advance_to(harness: Harness, days_left: int) -> None:
    harness.clock.advance(seconds=(RETIRES - timedelta(days=days_left) - harness.clock.now()).total_seconds())


async def told(harness: Harness, job: TuningJob) -> tuple[int | None, bool]:
    """Let a new process look; return the last notice of the job, and whether a new one was written."""
    woken: list[None] = []
    process = harness.process(files={}, wake_sender=lambda: woken.append(None))
    await process.retirements.run()
    return (await harness.newest(job)).retirement_told, bool(woken)


async def notices(harness: Harness) -> int:
    return (await harness.due()).count(NoticeKind.RETIRES)


def test_the_table_has_the_date_of_these_tests() -> None:
    assert read_price_table().row("gemini-3.5-flash").retires == RETIRES.date()


async def test_each_notice_is_written_once_however_often_a_process_looks(harness: Harness) -> None:
    job = await harness.tuned("numbers")
    for days, expected in (
        (150, None),
        (120, 120),
        (119, 120),
        (90, 90),
        (60, 60),
        (31, 31),
        (30, 30),
        (14, 14),
        (1, 14),
    ):
        advance_to(harness, days)
        assert await told(harness, job) == (expected, days in (120, 90, 60, 31, 30, 14))
        assert await told(harness, job) == (expected, False)
    assert await notices(harness) == 1  # nothing was sent meanwhile, so they joined


async def test_a_process_looks_at_all_models_once_a_day_and_in_parts(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ten thousand models this takes a second, and nobody's memory holds all of them."""
    monkeypatch.setattr(owner_notices, "_AT_ONCE", 1)
    jobs = [await harness.tuned(name) for name in ("numbers", "letters")]
    read: list[int] = []
    with_keys = harness.jobs.with_keys

    async def noted(keys: Sequence[str]) -> Sequence[TuningJob]:
        read.append(len(keys))
        return await with_keys(keys)

    monkeypatch.setattr(harness.jobs, "with_keys", noted)
    watch = RetirementWatch(harness.jobs, read_price_table(), harness.clock, lambda: None)
    advance_to(harness, 90)
    await watch.run()
    await watch.run()
    assert read == [1, 1]
    assert [(await harness.newest(job)).retirement_told for job in jobs] == [90, 90]
    advance_to(harness, 60)
    await watch.run()
    assert [(await harness.newest(job)).retirement_told for job in jobs] == [60, 60]


async def test_a_notice_and_its_mark_are_one_transaction(harness: Harness) -> None:
    job = await harness.tuned("numbers")
    advance_to(harness, 90)
    await told(harness, job)
    rows = await harness.database.run(
        lambda db: list(db.query("SELECT jobs.retirement_told FROM outbox JOIN jobs ON jobs.key = outbox.job"))
    )
    assert {row["retirement_told"] for row in rows} == {90}


async def test_a_model_that_was_deleted_is_not_told_of(harness: Harness) -> None:
    job = await harness.tuned("numbers")
    await harness.tuning.delete(TEAM, job.key, ADA)
    advance_to(harness, 90)
    assert await told(harness, job) == (None, False)
    assert await notices(harness) == 0


@pytest.mark.parametrize("days", [120, 14])
async def test_a_tuning_that_has_no_model_yet_is_not_told_of(harness: Harness, days: int) -> None:
    job = await harness.started("numbers")
    advance_to(harness, days)
    assert await told(harness, job) == (None, False)


async def test_a_successor_is_offered_with_the_same_file_and_settings(harness: Harness) -> None:
    job = await harness.tuned("numbers")
    request = harness.proposals.on_successor(job)
    assert request.file == job.spec.training.location
    assert request.name == ""
    assert request.base_model != job.spec.base_model
    assert request.base_model in harness.backends["vertex"].profile.base_models
    assert request.hyperparameters == job.spec.hyperparameters


async def test_a_base_on_which_tuning_has_closed_is_no_successor(harness: Harness) -> None:
    job = await harness.tuned("numbers")
    harness.clock.advance(days=365 * 3)
    assert harness.proposals.on_successor(job).base_model == ""


@pytest.mark.parametrize(
    ("backend", "base"), [("gemini", "gemini-1.5-flash-001-tuning"), ("palm", "text-bison-001")]
)
async def test_a_model_of_a_system_that_trains_no_more_is_tuned_again_where_google_trains(
    harness: Harness, backend: str, base: str
) -> None:
    """From the notice to the report: its successor is one of Vertex AI, and takes what that system takes."""
    job = await harness.started("numbers", backend)
    chosen = Hyperparameters(epochs=3, batch_size=4, learning_rate=0.001)
    spec = replace(job.spec, base_model=base, hyperparameters=chosen)
    await harness.jobs.change(job.key, lambda row: Change(replace(row, spec=spec)))
    job = await harness.newest(job)
    request = harness.proposals.on_successor(job)
    assert (request.backend, request.file) == ("vertex", job.spec.training.location)
    assert request.base_model in harness.backends["vertex"].profile.base_models
    assert request.hyperparameters == Hyperparameters(epochs=3)
    profiles = [each.profile for each in harness.backends.values()]
    found = successor_of(job, profiles, read_price_table(), harness.clock.now())
    assert found is not None
    assert (found.base_model, found.backend) == (request.base_model, "vertex")
    checked = await harness.proposals.check(PLACE, ADA, request)
    assert checked.proposal is not None
    assert await harness.tuning.accept(TEAM, checked.proposal.id, ADA) is not None
    assert successor_of(job, profiles[1:], read_price_table(), harness.clock.now()) is None


async def test_google_is_asked_to_move_a_model_as_one_start_with_its_lines_in_the_audit_log(
    harness: Harness,
) -> None:
    old = await harness.tuned("numbers")
    request = harness.proposals.moved(old)
    assert request == replace(harness.proposals.on_successor(old), moved_from=old.tuned_model)
    checked = await harness.proposals.check(PLACE, ADA, replace(request, name="moved"))
    assert checked.proposal is not None
    assert checked.proposal.spec.estimate is not None
    assert "Google does not say what that costs" in checked.notes
    job = await harness.tuning.accept(TEAM, checked.proposal.id, ADA)
    assert job is not None
    assert await harness.tuning.accept(TEAM, checked.proposal.id, ADA) is None
    await harness.tuning.starts.submit(job)
    moved = await harness.newest(job)
    assert moved.state in (JobState.QUEUED, JobState.RUNNING)
    assert harness.at_google(moved).base_model == request.base_model
    assert harness.creates() == 2, "the old model's start and the move"
    rows = await harness.database.run(lambda db: [row["action"] for row in db.query("SELECT action FROM audit")])
    assert rows == ["start", "move a model", "start"]
    assert StartRequest.of(moved.spec).moved_from == old.tuned_model
    assert harness.proposals.on_successor(moved).moved_from == "", "its file is trained on, nothing is moved"


async def test_only_a_model_of_this_system_is_moved_and_only_to_another_base_of_googles(harness: Harness) -> None:
    old = await harness.tuned("numbers")
    move = replace(harness.proposals.moved(old), name="moved")
    for other, words in (
        (replace(move, base_model=old.spec.base_model), "to another base model"),
        (replace(move, base_model=old.tuned_model), "to another base model"),
        (replace(move, backend="gemini", base_model=""), "cannot be asked to move"),
    ):
        with pytest.raises(BadArgument, match=words):
            await harness.proposals.check_values(ASKED_BY_ADA, other)
    for unknown in ("projects/1/locations/us-central1/models/7@1", "numbers"):
        with pytest.raises(NoSuchJob):
            await harness.proposals.check_values(ASKED_BY_ADA, replace(move, moved_from=unknown))
    await harness.tuning.delete(TEAM, old.key, ADA)
    with pytest.raises(NoSuchJob):
        await harness.proposals.check_values(ASKED_BY_ADA, move)
    with pytest.raises(BadArgument, match="could move"):
        harness.proposals.moved(await harness.newest(old))
    with pytest.raises(BadArgument, match="could move"):
        harness.proposals.moved(await harness.started("letters"))
    assert harness.creates() == 2
