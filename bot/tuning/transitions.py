"""How a job's row changes: pure functions, which the store runs inside one transaction.

A job that has ended never changes its state again, so an answer of Google's that arrives late or twice changes
nothing. A notice is due only if a person would see a difference.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.jobs import Failure, JobState, Operation, TuningJob
from bot.errors import BotError
from bot.ports.notifier import NoticeKind
from bot.ports.stores import AuditEntry, Change

CANCELLED_CODE = 1  # google/rpc/code.proto, CANCELLED: Google reports a cancelled operation as an error

_MOVES = ("state", "google_state", "completed_steps", "epoch")
_SHOWN = (
    "state",
    "google_state",
    "total_steps",
    "completed_steps",
    "epoch",
    "failure",
    "data_stats",
    "stuck_at",
    "problem",
    "cancelled_by",
    "deleted_by",
)


def apply_operation(job: TuningJob, seen: Operation, now: datetime, problem: str = "") -> Change | None:
    """Apply what Google returned for the job's operation; None if the job has ended or if nothing is new.

    `problem` is a problem that polling did not find, e.g. of a cancellation.
    """
    if job.state.ended:
        return None
    last = max((snapshot.step for snapshot in seen.snapshots), default=None)
    cancelled = seen.failure is not None and seen.failure.code == CANCELLED_CODE
    state = JobState.CANCELLED if cancelled else seen.state
    after = replace(
        job,
        state=state,
        operation=seen.name or job.operation,
        google_state=seen.google_state,
        tuned_model=seen.tuned_model or job.tuned_model,
        endpoint=seen.endpoint or job.endpoint,
        total_steps=_known(seen.total_steps, job.total_steps),
        completed_steps=_known(seen.completed_steps, last, job.completed_steps),
        epoch=_known(seen.epoch, job.epoch),
        started_at=seen.started_at or job.started_at,
        ended_at=(seen.ended_at or now) if state.ended else None,
        failure=None if cancelled else seen.failure,
        data_stats=seen.data_stats or job.data_stats,
        problem="" if state.ended else problem,
    )
    if job.moved_at is None or any(getattr(job, name) != getattr(after, name) for name in _MOVES):
        after = replace(after, moved_at=now, stuck_at=None)
    if after == job and not seen.snapshots:
        return None
    return Change(replace(after, checked_at=now), seen.snapshots, _notices(job, after))


def past_deadline(job: TuningJob, now: datetime, deadline: timedelta) -> bool:
    """Return whether a job that Google runs has made no progress for the deadline and is not marked as stuck."""
    waits = job.state in (JobState.QUEUED, JobState.RUNNING) and job.stuck_at is None
    return waits and now - (job.moved_at or job.created_at) >= deadline


def mark_stuck(job: TuningJob, now: datetime, deadline: timedelta) -> Change | None:
    """Mark the job as stuck; None if it has made progress or ended since, or is marked already."""
    if not past_deadline(job, now, deadline):
        return None
    return Change(replace(job, stuck_at=now), notices=(NoticeKind.CARD, NoticeKind.STUCK))


def fail(job: TuningJob, error: BotError, now: datetime) -> Change | None:
    """End a job that never started, so that nothing was paid; None if it has ended."""
    if job.state.ended:
        return None
    failure = Failure(code=0, message=error.message, hint=error.hint)
    after = replace(job, state=JobState.FAILED, failure=failure, ended_at=now, checked_at=now, problem="")
    return Change(after, notices=_notices(job, after))


def poll_failed(job: TuningJob, error: BotError, now: datetime, *, lost: bool) -> Change | None:
    """Apply an error of polling; `lost` ends the job, because Google has not known it for long.

    None if the job has ended or if its row has this problem already.
    """
    if job.state.ended:
        return None
    if lost:
        failure = Failure(
            code=5,
            message="Google no longer knows this tuning job.",
            hint="Look for it in the Google Cloud console; it may have been deleted there.",
        )
        after = replace(job, state=JobState.LOST, failure=failure, ended_at=now, problem="")
    else:
        after = replace(job, problem=f"The last check at Google failed: {error}")
    return None if after == job else Change(after, notices=_notices(job, after))


def ask_to_cancel(job: TuningJob, user: str, now: datetime) -> Change | None:
    """Mark the job as cancelled by this person; None if it has ended or is marked already."""
    if job.state.ended or job.cancelled_by:
        return None
    after = replace(job, cancelled_by=user)
    return Change(after, notices=_notices(job, after), acts=(AuditEntry(user, "cancel", now),))


def cancellation_unconfirmed(job: TuningJob, problem: str, before: str) -> Change | None:
    """Apply the outcome of a request to cancel: `problem` is its error, `before` the error of the last request.

    None if the job has ended, or if there is no error to write or to remove.
    """
    if job.state.ended or not (problem or job.problem == before):
        return None
    after = replace(job, problem=problem)
    return None if after == job else Change(after, notices=_notices(job, after))


def mark_deleted(job: TuningJob, user: str, now: datetime) -> Change | None:
    """Mark the job as deleted, after its model was deleted at Google; None if it is marked already."""
    if job.deleted_by:
        return None
    after = replace(job, deleted_by=user)
    return Change(after, notices=_notices(job, after), acts=(AuditEntry(user, "delete", now),))


def _known(*values: int | None) -> int | None:
    """Return the first value that is not None; 0 is a value."""
    return next((value for value in values if value is not None), None)


def _notices(before: TuningJob, after: TuningJob) -> tuple[NoticeKind, ...]:
    if after.state.ended and not before.state.ended:
        return (NoticeKind.CARD, NoticeKind.ENDED)
    changed = any(getattr(before, name) != getattr(after, name) for name in _SHOWN)
    return (NoticeKind.CARD,) if changed else ()
