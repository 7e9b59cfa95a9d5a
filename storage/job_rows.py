"""Converts jobs, their losses and proposals to rows and back, and reads the queue of the bot from the rows.

The queue is the jobs that wait until Google may be asked to run them. Google's quota is one of the project, so the
queue of a backend holds the jobs of all workspaces. Each function that reads runs inside a transaction of its
caller. No rules about jobs.
"""

import math
from typing import Any, Final

import msgspec
from sqlite_utils import Database as Connection

from bot.domain.approval import Approval
from bot.domain.jobs import DataStats, Failure, JobState, OpenJob, Search, Snapshot, TuningJob, TuningSpec
from bot.domain.names import same_name
from bot.domain.requests import Proposal
from bot.ports.notifier import NoticeKind
from storage.codecs import Row, json_text, micros, moment, optional_micros, optional_moment, parsed, read_place
from storage.outbox import add_notices_of

_SPEC = msgspec.json.Decoder(TuningSpec)
_FAILURE = msgspec.json.Decoder(Failure)
_TARGETS = msgspec.json.Decoder(tuple[str, ...])
_DATA_STATS = msgspec.json.Decoder(DataStats)
_APPROVAL = msgspec.json.Decoder(Approval)
_SEARCH = msgspec.json.Decoder(Search)

# How many cards show their new place after each start. Slack takes about 50 edits a minute.
SHOWN_PLACES: Final = 10

_RUN: Final = "FROM jobs WHERE backend = ? AND state IN ('submitting', 'queued', 'running')"
_RUNNING: Final = f"SELECT COUNT(*) {_RUN}"
_WAITING: Final = "SELECT COUNT(*) FROM jobs WHERE backend = ? AND state = 'waiting'"
_AHEAD: Final = """
SELECT COUNT(*) FROM jobs WHERE backend = ? AND state = 'waiting'
  AND (waits_since, rowid) < (?, (SELECT rowid FROM jobs WHERE key = ?))
"""
_NEXT: Final = "FROM jobs WHERE backend = ? AND state = 'waiting' ORDER BY waits_since, rowid LIMIT ?"


def proposal_row(proposal: Proposal) -> dict[str, Any]:
    return {
        "team": proposal.place.team,
        "id": proposal.id,
        "channel": proposal.place.channel,
        "thread": proposal.place.thread,
        "owner": proposal.owner,
        "spec": json_text(proposal.spec),
        "created_at": micros(proposal.created_at),
    }


def read_proposal(row: Row) -> Proposal:
    return Proposal(
        id=row["id"],
        place=read_place(row),
        owner=row["owner"],
        spec=parsed(_SPEC, row["spec"]),
        created_at=moment(row["created_at"]),
    )


def job_row(job: TuningJob) -> dict[str, Any]:
    return {
        "key": job.key,
        "team": job.place.team,
        "channel": job.place.channel,
        "thread": job.place.thread,
        "owner": job.owner,
        "name": job.name,
        "folded_name": same_name(job.name),
        "backend": job.backend,
        "state": job.state.value,
        "created_at": micros(job.created_at),
        "spec": json_text(job.spec),
        "operation": job.operation,
        "google_state": job.google_state,
        "tuned_model": job.tuned_model,
        "endpoint": job.endpoint,
        "total_steps": job.total_steps,
        "completed_steps": job.completed_steps,
        "epoch": job.epoch,
        "started_at": optional_micros(job.started_at),
        "ended_at": optional_micros(job.ended_at),
        "checked_at": optional_micros(job.checked_at),
        "moved_at": optional_micros(job.moved_at),
        "stuck_at": optional_micros(job.stuck_at),
        "failure": None if job.failure is None else json_text(job.failure),
        "data_stats": None if job.data_stats is None else json_text(job.data_stats),
        "waits_for": job.waits_for,
        "problem": job.problem,
        "cancelled_by": job.cancelled_by,
        "deleted_by": job.deleted_by,
        "card": job.card,
        "prepared_by": job.prepared_by,
        "create_sent_at": optional_micros(job.create_sent_at),
        "retirement_told": job.retirement_told,
        "approval": None if job.approval is None else json_text(job.approval),
        "shared_with": json_text(job.shared_with),
        "shared_by": job.shared_by,
        "waits_since": optional_micros(job.waits_since),
        "resumes": job.resumes,
        "search": None if job.search is None else json_text(job.search),
    }


def read_job(row: Row) -> TuningJob:
    return TuningJob(
        key=row["key"],
        place=read_place(row),
        owner=row["owner"],
        spec=parsed(_SPEC, row["spec"]),
        state=JobState(row["state"]),
        created_at=moment(row["created_at"]),
        operation=row["operation"],
        google_state=row["google_state"],
        tuned_model=row["tuned_model"],
        endpoint=row["endpoint"],
        total_steps=row["total_steps"],
        completed_steps=row["completed_steps"],
        epoch=row["epoch"],
        started_at=optional_moment(row["started_at"]),
        ended_at=optional_moment(row["ended_at"]),
        checked_at=optional_moment(row["checked_at"]),
        moved_at=optional_moment(row["moved_at"]),
        stuck_at=optional_moment(row["stuck_at"]),
        failure=None if row["failure"] is None else parsed(_FAILURE, row["failure"]),
        data_stats=None if row["data_stats"] is None else parsed(_DATA_STATS, row["data_stats"]),
        waits_for=row["waits_for"],
        problem=row["problem"],
        cancelled_by=row["cancelled_by"],
        deleted_by=row["deleted_by"],
        card=row["card"],
        prepared_by=row["prepared_by"],
        create_sent_at=optional_moment(row["create_sent_at"]),
        retirement_told=row["retirement_told"],
        approval=None if row["approval"] is None else parsed(_APPROVAL, row["approval"]),
        shared_with=parsed(_TARGETS, row["shared_with"]),
        shared_by=row["shared_by"],
        waits_since=optional_moment(row["waits_since"]),
        resumes=row["resumes"],
        search=None if row["search"] is None else parsed(_SEARCH, row["search"]),
    )


def read_open_job(row: Row) -> OpenJob:
    return OpenJob(
        key=row["key"],
        backend=row["backend"],
        state=JobState(row["state"]),
        created_at=moment(row["created_at"]),
    )


def snapshot_row(job: TuningJob, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "team": job.place.team,
        "job": job.key,
        "step": snapshot.step,
        "epoch": snapshot.epoch,
        "mean_loss": snapshot.mean_loss,
        "eval_loss": snapshot.eval_loss,
        "correct": snapshot.correct,
        "predictions": snapshot.predictions,
        "eval_correct": snapshot.eval_correct,
        "eval_predictions": snapshot.eval_predictions,
        "computed_at": optional_micros(snapshot.computed_at),
    }


def read_snapshot(row: Row) -> Snapshot:
    return Snapshot(
        step=row["step"],
        # SQLite stores NULL for NaN, the loss of a tuning that diverged.
        mean_loss=math.nan if row["mean_loss"] is None else row["mean_loss"],
        epoch=row["epoch"],
        computed_at=optional_moment(row["computed_at"]),
        eval_loss=row["eval_loss"],
        correct=row["correct"],
        predictions=row["predictions"],
        eval_correct=row["eval_correct"],
        eval_predictions=row["eval_predictions"],
    )


def read_counts(connection: Connection, backend: str) -> tuple[int, int]:
    """Return how many jobs of the backend run or are being sent, and how many wait."""
    return _count(connection, _RUNNING, backend), _count(connection, _WAITING, backend)


def next_keys(connection: Connection, backend: str, at_once: int, most: int) -> list[str]:
    """Return the keys of the jobs that have waited longest, at most as many as may run now."""
    free = max(0, at_once - _count(connection, _RUNNING, backend)) if at_once else most
    return [row["key"] for row in connection.query(f"SELECT key {_NEXT}", [backend, min(most, free)])]


def running_keys(connection: Connection, backend: str) -> list[str]:
    """Return the keys of the backend's jobs that run or are being sent."""
    return [row["key"] for row in connection.query(f"SELECT key {_RUN} ORDER BY created_at, rowid", [backend])]


def count_ahead(connection: Connection, job: TuningJob) -> int:
    """Return how many jobs of the backend have waited longer than this one."""
    if job.waits_since is None:
        return 0
    return int(connection.execute(_AHEAD, [job.backend, micros(job.waits_since), job.key]).fetchone()[0])


def tell_places(connection: Connection, backend: str) -> None:
    """Add the notices that show the new places on the cards of the first jobs that wait."""
    for row in list(connection.query(f"SELECT team, key {_NEXT}", [backend, SHOWN_PLACES])):
        add_notices_of(connection, row["team"], row["key"], [NoticeKind.CARD])


def _count(connection: Connection, query: str, backend: str) -> int:
    return int(connection.execute(query, [backend]).fetchone()[0])
