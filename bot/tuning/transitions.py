"""How a job's record changes with what is learned about it. Pure functions, run inside one transaction.

An ended job never changes its state again, so a look at Google that arrives late or twice changes nothing; a
notice is due only where a person would see a difference.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.jobs import Failure, JobState, Operation, TuningJob
from bot.errors import BotError
from bot.ports.notifier import NoticeKind
from bot.ports.stores import AuditEntry, Change

CANCELLED_CODE = 1  # google.rpc.Code.CANCELLED: a cancellation, though it arrives as an error

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
    """The job after a look at its operation; None if it had ended already or if nothing is new.

    `problem` is what goes wrong though the look did not.
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
    """Whether a job that Google runs has stood still for the deadline and was not called stuck yet."""
    waits = job.state in (JobState.QUEUED, JobState.RUNNING) and job.stuck_at is None
    return waits and now - (job.moved_at or job.created_at) >= deadline


def mark_stuck(job: TuningJob, now: datetime, deadline: timedelta) -> Change | None:
    """The job once it is called stuck; None if it has moved or ended meanwhile, or was called so before."""
    if not past_deadline(job, now, deadline):
        return None
    return Change(replace(job, stuck_at=now), notices=(NoticeKind.CARD, NoticeKind.STUCK))


def fail(job: TuningJob, error: BotError, now: datetime) -> Change | None:
    """The job after it turned out that it never started; nothing was paid."""
    if job.state.ended:
        return None
    failure = Failure(code=0, message=error.message, hint=error.hint)
    after = replace(job, state=JobState.FAILED, failure=failure, ended_at=now, checked_at=now, problem="")
    return Change(after, notices=_notices(job, after))


def poll_failed(job: TuningJob, error: BotError, now: datetime, *, lost: bool) -> Change | None:
    """The job after a look that failed; `lost` says that Google has long been answering that it knows no such job.

    None if it had ended already or if this problem is known.
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
        after = replace(job, problem=f"The last look failed: {error}")
    return None if after == job else Change(after, notices=_notices(job, after))


def ask_to_cancel(job: TuningJob, user: str, now: datetime) -> Change | None:
    """The job once somebody wants it cancelled; None if it has ended, or if somebody wanted so before."""
    if job.state.ended or job.cancelled_by:
        return None
    after = replace(job, cancelled_by=user)
    return Change(after, notices=_notices(job, after), acts=(AuditEntry(user, "cancel", now),))


def cancellation_unconfirmed(job: TuningJob, problem: str, before: str) -> Change | None:
    """The job after Google was asked to cancel it: `problem` says what went wrong, `before` what did so last time.

    None if it has ended, or if there is nothing of that kind to say or to take back.
    """
    if job.state.ended or not (problem or job.problem == before):
        return None
    after = replace(job, problem=problem)
    return None if after == job else Change(after, notices=_notices(job, after))


def mark_deleted(job: TuningJob, user: str, now: datetime) -> Change | None:
    """The job once its model is deleted at Google; None if somebody else was quicker."""
    if job.deleted_by:
        return None
    after = replace(job, deleted_by=user)
    return Change(after, notices=_notices(job, after), acts=(AuditEntry(user, "delete", now),))


def _known(*values: int | None) -> int | None:
    """The first that is not None; 0 is a value."""
    return next((value for value in values if value is not None), None)


def _notices(before: TuningJob, after: TuningJob) -> tuple[NoticeKind, ...]:
    if after.state.ended and not before.state.ended:
        return (NoticeKind.CARD, NoticeKind.ENDED)
    changed = any(getattr(before, name) != getattr(after, name) for name in _SHOWN)
    return (NoticeKind.CARD,) if changed else ()
