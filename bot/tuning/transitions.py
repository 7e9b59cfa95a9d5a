"""How a job's row changes: pure functions, which the store runs inside one transaction.

A job whose end Google reported never changes its state again, so an answer of Google's that arrives late or twice
changes nothing. An end that the bot concluded itself, because Google showed no such job, gives way to a job that
Google shows. A notice is due only if a person would see a difference.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.jobs import Failure, JobState, Search, TuningJob
from bot.domain.operations import Operation
from bot.domain.place import Requester
from bot.domain.roles import is_channel
from bot.errors import BotError
from bot.ports.job_store import Change
from bot.ports.notifier import NoticeKind
from bot.ports.stores import AuditEntry

CANCELLED_CODE = 1  # google/rpc/code.proto, CANCELLED: Google reports a cancelled operation as an error

_MOVES = ("state", "google_state", "completed_steps", "epoch")
_SHOWN = (
    "state",
    "google_state",
    "total_steps",
    "completed_steps",
    "epoch",
    "waits_for",
    "failure",
    "data_stats",
    "stuck_at",
    "problem",
    "cancelled_by",
    "deleted_by",
)
_KEEPS_LOOKING = "I keep looking, and follow the job if Google shows it."


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
        # It is read less often than the state, and holds as long as the state does.
        waits_for=seen.waits_for or ("" if state is not job.state or state.ended else job.waits_for),
        started_at=seen.started_at or job.started_at,
        ended_at=(seen.ended_at or now) if state.ended else None,
        failure=None if cancelled else seen.failure,
        data_stats=seen.data_stats or job.data_stats,
        problem="" if state.ended else problem,
        search=None,
    )
    if job.moved_at is None or any(getattr(job, name) != getattr(after, name) for name in _MOVES):
        after = replace(after, moved_at=now, stuck_at=None)
    if after == job and not seen.snapshots:
        return None
    return Change(replace(after, checked_at=now), seen.snapshots, _notices(job, after))


def adopt(job: TuningJob, seen: Operation, now: datetime) -> Change | None:
    """Apply what Google shows of a job that is open, or that ended without Google's word; None for any other."""
    if not job.state.ended:
        return apply_operation(job, seen, now, job.problem if job.cancelled_by else "")
    if not job.may_reopen:
        return None
    opened = replace(
        job, state=JobState.SUBMITTING, ended_at=None, failure=None, problem="", deleted_by="", stuck_at=None
    )
    return apply_operation(opened, seen, now)


def record_create(job: TuningJob, now: datetime) -> Change | None:
    """Write that the create is about to be sent; None if it was sent before, or the job was cancelled or ended."""
    if job.state is not JobState.SUBMITTING or job.create_sent_at is not None or job.cancelled_by:
        return None
    after = replace(job, create_sent_at=now, problem="")
    return Change(after, notices=_notices(job, after))


def postpone(job: TuningJob, error: BotError, seconds: float, limit: timedelta, now: datetime) -> Change | None:
    """Leave a start that Google certainly did not carry out to a later try; after the limit the job fails.

    `seconds` is the time since the last failed try. The row says again that the create was not sent, so that the
    next process, too, tries again. None if the job has ended or if Google runs it.
    """
    if job.state is not JobState.SUBMITTING:
        return None
    if job.cancelled_by:
        after = replace(job, state=JobState.CANCELLED, create_sent_at=None, ended_at=now, problem="", search=None)
        return Change(after, notices=_notices(job, after))
    before = job.search or Search()
    tried = replace(before, refused=before.refused + seconds)
    if tried.refused >= limit.total_seconds():
        return fail(replace(job, create_sent_at=None, search=None), error, now)
    words = f"Google has not started it yet, and I try it again by myself. The reason: {error.message}"
    # This try did not end the process, so the tries that did are counted anew.
    after = replace(job, create_sent_at=None, resumes=0, search=tried, problem=words)
    return Change(after, notices=_notices(job, after))


def count_resume(job: TuningJob) -> Change | None:
    """Count that a later process begins the start again; None if there is nothing to begin."""
    if job.state is not JobState.SUBMITTING or job.create_sent_at is not None:
        return None
    return Change(replace(job, resumes=job.resumes + 1))


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
    """End a job that never started, so that nothing was paid; None if it has ended or if Google runs it.

    One that was cancelled unsent ends when Google says that it has no such job, see `end_cancelled`.
    """
    if job.state is not JobState.SUBMITTING or (job.cancelled_by and job.unsent):
        return None
    failure = Failure(code=0, message=error.message, hint=error.hint, passing=error.passing)
    after = replace(job, state=JobState.FAILED, failure=failure, ended_at=now, checked_at=now, problem="")
    return Change(after, notices=_notices(job, after))


def poll_failed(job: TuningJob, error: BotError) -> Change | None:
    """Apply an error of polling; None if the job has ended or if its row has this problem already."""
    if job.state.ended:
        return None
    after = replace(job, problem=f"The last check at Google failed: {error}")
    return None if after == job else Change(after, notices=_notices(job, after))


def not_shown(job: TuningJob, seconds: float, grace: timedelta, where: str, now: datetime) -> Change | None:
    """Add time in which Google itself said, in two ways, that it has no such job; after the grace the job ends.

    `where` says where a person finds the job at Google. None if the job has ended.
    """
    if job.state.ended:
        return None
    before = job.search or Search()
    searched = replace(before, absent=before.absent + seconds)
    if searched.absent < grace.total_seconds():
        after = replace(job, search=searched)
    elif job.state is not JobState.SUBMITTING:
        failure = Failure(5, "Google says that it has no such tuning job any more.", f"{where} {_KEEPS_LOOKING}")
        after = replace(job, state=JobState.LOST, failure=failure, ended_at=now, problem="", search=searched)
    else:
        again = "If it is not there, start it again with /tune."
        if job.spec.moved_from:
            again = "Google does not say when it shows the job of a move: it may come later, and it is paid then."
        failure = Failure(
            0,
            "Google did not confirm the start, and says that it has no such job: as far as it shows, nothing was "
            "started.",
            f"{where} {again} {_KEEPS_LOOKING}",
        )
        state = JobState.CANCELLED if job.cancelled_by else JobState.FAILED
        after = replace(job, state=state, failure=failure, ended_at=now, problem="", search=searched)
    return Change(after, notices=_notices(job, after))


def look_failed(
    job: TuningJob, error: BotError, seconds: float, grace: timedelta, where: str, now: datetime
) -> Change | None:
    """Add time in which no look for a start succeeded; after the grace the job is in doubt, and a person is told.

    None if the job is confirmed or has ended, or if there is nothing to write.
    """
    if job.state is not JobState.SUBMITTING:
        return None
    before = job.search or Search()
    searched = replace(before, unanswered=before.unanswered + seconds)
    late = job.in_doubt or searched.unanswered >= grace.total_seconds()
    after = replace(
        job,
        search=searched,
        stuck_at=(job.stuck_at or now) if late else None,
        problem=f"The last look for it at Google failed: {error}" + (f" {where}" if late else ""),
    )
    told = (NoticeKind.STUCK,) if after.in_doubt and not job.in_doubt else ()
    return None if after == job else Change(after, notices=(*_notices(job, after), *told))


def ask_to_cancel(
    job: TuningJob, user: str, now: datetime, channel: str = "", *, certain: bool = True
) -> Change | None:
    """Mark the job as cancelled by this person; None if it has ended or is marked already.

    A start that was not sent ends here: its create is refused before it is sent, see `record_create`. Without
    `certain` it is searched for at Google before it ends, because the row may be older than what was sent.
    """
    if job.state.ended or job.cancelled_by:
        return None
    after = replace(job, cancelled_by=user)
    if job.unsent:
        state = JobState.CANCELLED if certain else JobState.SUBMITTING
        after = replace(after, state=state, ended_at=now if certain else None, problem="")
    return Change(after, notices=_notices(job, after), acts=(AuditEntry(user, "cancel", now, channel),))


def end_cancelled(job: TuningJob, now: datetime) -> Change | None:
    """End a cancelled start that was not sent, because Google shows no such job; None for any other job."""
    if job.state is not JobState.SUBMITTING or not job.unsent or not job.cancelled_by:
        return None
    after = replace(job, state=JobState.CANCELLED, ended_at=now, problem="", search=None, stuck_at=None)
    return Change(after, notices=_notices(job, after))


def cancellation_unconfirmed(job: TuningJob, problem: str, before: str) -> Change | None:
    """Apply the outcome of a request to cancel: `problem` is its error, `before` the error of the last request.

    None if the job has ended, or if there is no error to write or to remove.
    """
    if job.state.ended or not (problem or job.problem == before):
        return None
    after = replace(job, problem=problem)
    return None if after == job else Change(after, notices=_notices(job, after))


def mark_deleted(job: TuningJob, user: str, now: datetime, channel: str = "") -> Change | None:
    """Mark the job as deleted, after its model was deleted at Google; None if it is marked already."""
    if job.deleted_by:
        return None
    after = replace(job, deleted_by=user)
    channels = (NoticeKind.MODEL_DELETED,) if job.endpoint else ()
    notices = (*_notices(job, after), *_told_owner(job, user), *channels)
    return Change(after, notices=notices, acts=(AuditEntry(user, "delete", now, channel),))


def tell_missing(job: TuningJob) -> Change | None:
    """Tell the owner, once, that Google does not find the model; None for a job that has none to be found."""
    if job.deleted_by or not job.can_answer:
        return None
    return Change(job, notices=(NoticeKind.MISSING,))


def forget(job: TuningJob, user: str, now: datetime, channel: str = "") -> Change | None:
    """End a job that is in doubt, and free its name, because this person gave it up; None for any other job."""
    if not job.in_doubt:
        return None
    failure = Failure(0, "It was given up in doubt: nobody knows whether Google started it.", _KEEPS_LOOKING)
    after = replace(
        job, state=JobState.FAILED, failure=failure, ended_at=now, problem="", deleted_by=user, stuck_at=None
    )
    notices = (NoticeKind.CARD, *_told_owner(job, user))
    return Change(after, notices=notices, acts=(AuditEntry(user, "forget", now, channel),))


def share(job: TuningJob, targets: tuple[str, ...], by: Requester, now: datetime) -> Change | None:
    """Show the job to these people and channels beside its own; None if nothing changes or it is deleted."""
    if targets == job.shared_with or job.deleted_by:
        return None
    changes = [("share", target) for target in targets if target not in job.shared_with]
    removed = [target for target in job.shared_with if target not in targets]
    changes += [("unshare", target) for target in removed]
    told = (NoticeKind.SHARED,) if by.user != job.owner else ()
    return Change(
        replace(job, shared_with=targets, shared_by=by.user),
        notices=(NoticeKind.CARD, *told),
        acts=tuple(AuditEntry(by.user, deed, now, by.place.channel, target) for deed, target in changes),
        closed=[target for target in removed if is_channel(target) and target != job.place.channel],
    )


def tell_retirement(job: TuningJob, days: int) -> Change | None:
    """Write the notice that the base model retires in so many days; None if it was told or the model is gone."""
    if not job.can_answer or (job.retirement_told is not None and job.retirement_told <= days):
        return None
    return Change(replace(job, retirement_told=days), notices=(NoticeKind.CARD, NoticeKind.RETIRES))


def _known(*values: int | None) -> int | None:
    """Return the first value that is not None; 0 is a value."""
    return next((value for value in values if value is not None), None)


def _told_owner(job: TuningJob, user: str) -> tuple[NoticeKind, ...]:
    """Return the notice to the owner on what another person deleted."""
    return () if user == job.owner else (NoticeKind.DELETED,)


def _notices(before: TuningJob, after: TuningJob) -> tuple[NoticeKind, ...]:
    decided = before.state is JobState.AWAITING_APPROVAL and after.state is not before.state
    asked = (NoticeKind.APPROVAL,) if decided else ()
    if after.state.ended and not before.state.ended:
        return (NoticeKind.CARD, NoticeKind.ENDED, *asked)
    changed = any(getattr(before, name) != getattr(after, name) for name in _SHOWN)
    changed = changed or (before.search is None) != (after.search is None)
    return (NoticeKind.CARD, *asked) if changed else ()
