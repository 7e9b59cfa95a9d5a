"""Writes one log line for each step in the life of a job, for operators who search and count them.

The names of the events and of the fields are stable. A line has ids and states only, never a text of a person or
of Google's.
"""

import logging
from collections.abc import Iterator

from bot.domain.jobs import JobState, TuningJob
from bot.runtime.logs import log_event

logger = logging.getLogger(__name__)


def log_transition(before: TuningJob | None, after: TuningJob) -> None:
    """Log what happened to a job between these two rows; `before` is None for a new job."""
    for event in _events(before, after):
        failed = after.failure is not None and event == "job.failed"
        log_event(
            logger,
            event,
            job=after.key,
            team=after.place.team,
            channel=after.place.channel,
            backend=after.backend,
            state=after.state.value,
            **({"code": after.failure.code} if failed and after.failure is not None else {}),
        )


def _events(before: TuningJob | None, after: TuningJob) -> Iterator[str]:
    if before is None:
        # A job that the bot found at Google has an operation from its first row on.
        yield "job.found" if after.operation else "job.accepted"
        return
    if after.state is JobState.WAITING and before.state is not JobState.WAITING:
        yield "job.waits"
    if after.create_sent_at is not None and before.create_sent_at is None:
        yield "job.sent"
    if after.cancelled_by and not before.cancelled_by:
        yield "job.cancel_asked"
    if before.state.ended and not after.state.ended:
        yield "job.reopened"
    elif before.state is JobState.SUBMITTING and after.operation and not before.operation:
        yield "job.started"
    if after.stuck_at is not None and before.stuck_at is None:
        yield "job.stuck"
    if after.state.ended and before.state is not after.state:
        yield f"job.{after.state.value}"
    if after.deleted_by and not before.deleted_by:
        yield "job.deleted"
