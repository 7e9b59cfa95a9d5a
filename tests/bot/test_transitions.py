"""How a job's record changes with what is learned about it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain import (
    Dataset,
    Dialect,
    Failure,
    Hyperparameters,
    JobState,
    Operation,
    Place,
    Snapshot,
    TuningJob,
    TuningSpec,
)
from bot.errors import BotError, GoogleUnavailable, NotFoundAtGoogle
from bot.ports import NoticeKind
from bot.transitions import fail, missed, observe

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CARD, ENDED = NoticeKind.CARD, NoticeKind.ENDED


def job(state: JobState = JobState.RUNNING, **changes: object) -> TuningJob:
    data = Dataset("slack:F1", "rows.jsonl", "0" * 64, 668, 15, Dialect.GEMINI)
    spec = TuningSpec("gemini", "base", "numbers", Hyperparameters(epochs=5, batch_size=4), data)
    made = TuningJob("tb-1", Place("T1", "C1"), "U1", spec, state, NOW - timedelta(minutes=1), total_steps=19)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_first_look_confirms_a_submitted_job_and_shows_it() -> None:
    change = observe(job(JobState.SUBMITTING), Operation("tunedModels/tb-1/operations/1", JobState.QUEUED), NOW)

    assert change is not None
    assert change.job.state is JobState.QUEUED
    assert change.job.operation == "tunedModels/tb-1/operations/1"
    assert change.job.checked_at == NOW
    assert list(change.notices) == [CARD]


def test_a_look_that_shows_nothing_new_tells_nobody() -> None:
    change = observe(job(), Operation("", JobState.RUNNING), NOW)

    assert change is not None
    assert list(change.notices) == []
    assert change.job.checked_at == NOW


def test_steps_follow_the_last_snapshot_where_google_tells_no_steps() -> None:
    seen = Operation("", JobState.RUNNING, snapshots=(Snapshot(3, 1.5, 1), Snapshot(7, -0.1, 2)))

    change = observe(job(), seen, NOW)

    assert change is not None
    assert change.job.completed_steps == 7
    assert change.snapshots == seen.snapshots
    assert list(change.notices) == [CARD]


def test_zero_completed_steps_is_a_value_and_not_unknown() -> None:
    change = observe(job(completed_steps=None), Operation("", JobState.RUNNING, completed_steps=0), NOW)

    assert change is not None
    assert change.job.completed_steps == 0


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.LOST])
def test_an_end_is_told_once_and_never_taken_back(state: JobState) -> None:
    ended = observe(job(), Operation("", state), NOW)

    assert ended is not None
    assert list(ended.notices) == [CARD, ENDED]
    assert ended.job.ended_at == NOW
    assert observe(ended.job, Operation("", JobState.RUNNING), NOW) is None
    assert fail(ended.job, BotError("late"), NOW) is None
    assert missed(ended.job, NotFoundAtGoogle("late"), NOW, timedelta()) is None


def test_a_cancellation_that_google_reports_as_an_error_is_no_failure() -> None:
    seen = Operation("", JobState.FAILED, failure=Failure(code=1, message="The operation was cancelled."))

    change = observe(job(), seen, NOW)

    assert change is not None
    assert change.job.state is JobState.CANCELLED
    assert change.job.failure is None


def test_what_google_no_longer_says_is_kept() -> None:
    known = job(tuned_model="tunedModels/a", endpoint="tunedModels/a", completed_steps=5, epoch=2)

    change = observe(known, Operation("", JobState.RUNNING), NOW)

    assert change is not None
    assert (change.job.tuned_model, change.job.completed_steps, change.job.epoch) == ("tunedModels/a", 5, 2)


def test_a_start_that_was_refused_ends_the_job_with_googles_words() -> None:
    change = fail(job(JobState.SUBMITTING), BotError("Base model X is not supported.", "Choose another."), NOW)

    assert change is not None
    assert change.job.state is JobState.FAILED
    assert change.job.failure == Failure(0, "Base model X is not supported.", "Choose another.")
    assert list(change.notices) == [CARD, ENDED]


def test_a_failed_look_is_shown_on_the_card_and_cleared_by_the_next_good_one() -> None:
    troubled = missed(job(), GoogleUnavailable("Google answered 503."), NOW, timedelta(minutes=10))
    assert troubled is not None
    assert troubled.job.trouble == "Google answered 503."
    assert troubled.job.state is JobState.RUNNING
    assert list(troubled.notices) == [CARD]

    again = missed(troubled.job, GoogleUnavailable("Google answered 503."), NOW, timedelta(minutes=10))
    assert again is not None
    assert list(again.notices) == [], "the same trouble is not told twice"

    good = observe(troubled.job, Operation("", JobState.RUNNING), NOW)
    assert good is not None
    assert good.job.trouble == ""
    assert list(good.notices) == [CARD]


def test_a_job_counts_as_lost_only_after_it_was_not_seen_for_long() -> None:
    fresh = job(checked_at=NOW - timedelta(minutes=9))
    kept = missed(fresh, NotFoundAtGoogle("no such job"), NOW, timedelta(minutes=10))
    assert kept is not None
    assert kept.job.state is JobState.RUNNING

    old = job(checked_at=NOW - timedelta(minutes=10))
    lost = missed(old, NotFoundAtGoogle("no such job"), NOW, timedelta(minutes=10))
    assert lost is not None
    assert lost.job.state is JobState.LOST
    assert list(lost.notices) == [CARD, ENDED]
