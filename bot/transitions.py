"""How a job's record changes with what is learned about it. Pure functions, run inside one transaction.

An ended job never changes its state again, so a look at Google that arrives late or twice changes nothing; a
notice is due only where a person would see a difference.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain import Failure, JobState, Operation, TuningJob
from bot.errors import BotError, NotFoundAtGoogle
from bot.ports import Change, NoticeKind

CANCELLED_CODE = 1  # google.rpc.Code.CANCELLED: a cancellation, though it arrives as an error

_SHOWN = (
    "state",
    "google_state",
    "total_steps",
    "completed_steps",
    "epoch",
    "failure",
    "data_stats",
    "trouble",
    "cancelled_by",
    "deleted_by",
)


def observe(job: TuningJob, seen: Operation, now: datetime) -> Change | None:
    """The job after a look at its operation; None if it had ended already."""
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
        checked_at=now,
        failure=None if cancelled else seen.failure,
        data_stats=seen.data_stats or job.data_stats,
        trouble="",
    )
    return Change(after, seen.snapshots, _notices(job, after))


def fail(job: TuningJob, error: BotError, now: datetime) -> Change | None:
    """The job after it turned out that it never started; nothing was paid."""
    if job.state.ended:
        return None
    failure = Failure(code=0, message=error.message, hint=error.hint)
    after = replace(job, state=JobState.FAILED, failure=failure, ended_at=now, checked_at=now, trouble="")
    return Change(after, notices=_notices(job, after))


def missed(job: TuningJob, error: BotError, now: datetime, lost_after: timedelta) -> Change | None:
    """The job after a look that failed.

    Google may answer 404 for a job that it made a moment ago, so only one that was not seen for `lost_after`
    counts as lost: giving up on a paid job is worse than asking once more.
    """
    if job.state.ended:
        return None
    unseen = now - (job.checked_at or job.created_at)
    if isinstance(error, NotFoundAtGoogle) and unseen >= lost_after:
        failure = Failure(
            code=5,
            message="Google no longer knows this tuning job.",
            hint="Look for it in the Google Cloud console; it may have been deleted there.",
        )
        after = replace(job, state=JobState.LOST, failure=failure, ended_at=now, trouble="")
    else:
        after = replace(job, trouble=str(error))
    return Change(after, notices=_notices(job, after))


def _known(*values: int | None) -> int | None:
    """The first that is not None; 0 is a value."""
    return next((value for value in values if value is not None), None)


def _notices(before: TuningJob, after: TuningJob) -> tuple[NoticeKind, ...]:
    if after.state.ended and not before.state.ended:
        return (NoticeKind.CARD, NoticeKind.ENDED)
    changed = any(getattr(before, name) != getattr(after, name) for name in _SHOWN)
    return (NoticeKind.CARD,) if changed else ()
