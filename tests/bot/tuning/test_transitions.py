"""How a job's record changes with what is learned about it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.datasets import Dataset, Dialect
from bot.domain.jobs import Failure, Hyperparameters, JobState, Snapshot, TuningJob, TuningSpec
from bot.domain.operations import Operation
from bot.domain.place import Place
from bot.errors import BotError, GoogleUnavailable, NotFoundAtGoogle
from bot.ports.notifier import NoticeKind
from bot.tuning.transitions import apply_operation, fail, mark_stuck, not_shown, poll_failed

HOURS = timedelta(hours=2)
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CARD, ENDED, STUCK = NoticeKind.CARD, NoticeKind.ENDED, NoticeKind.STUCK


def job(state: JobState = JobState.RUNNING, **changes: object) -> TuningJob:
    data = Dataset("slack:F1", "rows.jsonl", "0" * 64, 668, 15, Dialect.GEMINI)
    spec = TuningSpec("gemini", "base", "numbers", Hyperparameters(epochs=5, batch_size=4), data)
    made = TuningJob("tb-1", Place("T1", "C1"), "U1", spec, state, NOW - timedelta(minutes=1), total_steps=19)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_first_look_confirms_a_submitted_job_and_shows_it() -> None:
    seen = Operation("tunedModels/tb-1/operations/1", JobState.QUEUED)
    change = apply_operation(job(JobState.SUBMITTING), seen, NOW)

    assert change is not None
    assert change.job.state is JobState.QUEUED
    assert change.job.operation == "tunedModels/tb-1/operations/1"
    assert change.job.checked_at == NOW
    assert list(change.notices) == [CARD]


def test_a_look_that_shows_nothing_new_changes_nothing() -> None:
    assert apply_operation(job(moved_at=NOW), Operation("", JobState.RUNNING), NOW + timedelta(minutes=1)) is None


def test_losses_of_known_steps_are_written_and_tell_nobody() -> None:
    known = job(moved_at=NOW, completed_steps=7)
    change = apply_operation(known, Operation("", JobState.RUNNING, snapshots=(Snapshot(7, 1.0),)), NOW)

    assert change is not None
    assert list(change.notices) == []
    assert change.job.checked_at == NOW


def test_steps_follow_the_last_snapshot_where_google_tells_no_steps() -> None:
    seen = Operation("", JobState.RUNNING, snapshots=(Snapshot(3, 1.5, 1), Snapshot(7, -0.1, 2)))

    change = apply_operation(job(), seen, NOW)

    assert change is not None
    assert change.job.completed_steps == 7
    assert change.snapshots == seen.snapshots
    assert list(change.notices) == [CARD]


def test_zero_completed_steps_is_a_value_and_not_unknown() -> None:
    change = apply_operation(job(completed_steps=None), Operation("", JobState.RUNNING, completed_steps=0), NOW)

    assert change is not None
    assert change.job.completed_steps == 0


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.LOST])
def test_an_end_is_told_once_and_never_taken_back(state: JobState) -> None:
    ended = apply_operation(job(), Operation("", state), NOW)

    assert ended is not None
    assert list(ended.notices) == [CARD, ENDED]
    assert ended.job.ended_at == NOW
    assert apply_operation(ended.job, Operation("", JobState.RUNNING), NOW) is None
    assert fail(ended.job, BotError("late"), NOW) is None
    assert poll_failed(ended.job, NotFoundAtGoogle("late")) is None
    assert not_shown(ended.job, 3600.0, HOURS, "", NOW) is None


def test_a_cancellation_that_google_reports_as_an_error_is_no_failure() -> None:
    seen = Operation("", JobState.FAILED, failure=Failure(code=1, message="The operation was cancelled."))

    change = apply_operation(job(), seen, NOW)

    assert change is not None
    assert change.job.state is JobState.CANCELLED
    assert change.job.failure is None


def test_what_google_no_longer_says_is_kept() -> None:
    known = job(tuned_model="tunedModels/a", endpoint="tunedModels/a", completed_steps=5, epoch=2)

    change = apply_operation(known, Operation("", JobState.RUNNING), NOW)

    assert change is not None
    assert (change.job.tuned_model, change.job.completed_steps, change.job.epoch) == ("tunedModels/a", 5, 2)


def test_a_start_that_was_refused_ends_the_job_with_googles_words() -> None:
    change = fail(job(JobState.SUBMITTING), BotError("Base model X is not supported.", "Choose another."), NOW)

    assert change is not None
    assert change.job.state is JobState.FAILED
    assert change.job.failure == Failure(0, "Base model X is not supported.", "Choose another.")
    assert list(change.notices) == [CARD, ENDED]


def test_a_failed_look_is_shown_on_the_card_and_cleared_by_the_next_good_one() -> None:
    troubled = poll_failed(job(), GoogleUnavailable("Google answered 503."))
    assert troubled is not None
    assert troubled.job.problem == "The last check at Google failed: Google answered 503."
    assert troubled.job.state is JobState.RUNNING
    assert list(troubled.notices) == [CARD]

    again = poll_failed(troubled.job, GoogleUnavailable("Google answered 503."))
    assert again is None, "the same trouble is neither written nor told twice"

    good = apply_operation(troubled.job, Operation("", JobState.RUNNING), NOW)
    assert good is not None
    assert good.job.problem == ""
    assert list(good.notices) == [CARD]


def test_a_lost_job_ends_with_advice() -> None:
    lost = not_shown(job(), HOURS.total_seconds(), HOURS, "Look into the console.", NOW)
    assert lost is not None
    assert lost.job.state is JobState.LOST
    assert lost.job.failure is not None
    assert "console" in lost.job.failure.hint
    assert list(lost.notices) == [CARD, ENDED]


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_a_job_that_stands_still_for_its_deadline_is_called_stuck_once(state: JobState) -> None:
    still = job(state, moved_at=NOW)
    assert mark_stuck(still, NOW + HOURS - timedelta(seconds=1), HOURS) is None

    stuck = mark_stuck(still, NOW + HOURS, HOURS)
    assert stuck is not None
    assert list(stuck.notices) == [CARD, STUCK]
    assert stuck.job.stuck_at == NOW + HOURS
    assert mark_stuck(stuck.job, NOW + 2 * HOURS, HOURS) is None


@pytest.mark.parametrize("state", [state for state in JobState if state.ended] + [JobState.SUBMITTING])
def test_a_job_that_google_does_not_run_is_never_stuck(state: JobState) -> None:
    assert mark_stuck(job(state, moved_at=NOW), NOW + 9 * HOURS, HOURS) is None


@pytest.mark.parametrize(
    "seen",
    [
        Operation("", JobState.RUNNING, completed_steps=8),
        Operation("", JobState.RUNNING, snapshots=(Snapshot(8, 1.0),)),
        Operation("", JobState.RUNNING, google_state="JOB_STATE_UPDATING"),
        Operation("", JobState.QUEUED),
    ],
)
def test_a_new_step_or_state_clears_a_stuck_job(seen: Operation) -> None:
    stuck = job(moved_at=NOW - HOURS, stuck_at=NOW, completed_steps=7)
    moved = apply_operation(stuck, seen, NOW)

    assert moved is not None
    assert (moved.job.stuck_at, moved.job.moved_at) == (None, NOW)
    assert list(moved.notices) == [CARD]
    assert mark_stuck(moved.job, NOW + HOURS, HOURS) is not None, "it may come to stand still again"


def test_losses_alone_do_not_move_a_job() -> None:
    stuck = job(moved_at=NOW - HOURS, stuck_at=NOW, completed_steps=7)
    seen = apply_operation(stuck, Operation("", JobState.RUNNING, snapshots=(Snapshot(7, 1.0),)), NOW)
    assert seen is not None
    assert seen.job.stuck_at == NOW


@pytest.mark.parametrize("moved_from", ["", "projects/p/locations/l/models/1"])
def test_of_a_move_without_an_answer_nobody_is_advised_to_start_it_again(moved_from: str) -> None:
    """Google does not say when it lists the job of a move, so the first one may still be made and paid."""
    sent = job(state=JobState.SUBMITTING, operation="", create_sent_at=NOW)
    sent = replace(sent, spec=replace(sent.spec, moved_from=moved_from))
    ended = not_shown(sent, HOURS.total_seconds(), HOURS, "Look into the console.", NOW)
    assert ended is not None
    assert ended.job.failure is not None
    assert ("start it again with /tune" in ended.job.failure.hint) is (not moved_from)
    assert ("it may come later" in ended.job.failure.hint) is bool(moved_from)
