"""Converts jobs, their losses and proposals to rows and back. No I/O, and no rules about jobs."""

import math
from typing import Any

import msgspec

from bot.domain.approval import Approval
from bot.domain.jobs import DataStats, Failure, JobState, OpenJob, Search, Snapshot, TuningJob, TuningSpec
from bot.domain.names import same_name
from bot.domain.requests import Proposal
from storage.codecs import Row, json_text, micros, moment, optional_micros, optional_moment, parsed, read_place

_SPEC = msgspec.json.Decoder(TuningSpec)
_FAILURE = msgspec.json.Decoder(Failure)
_TARGETS = msgspec.json.Decoder(tuple[str, ...])
_DATA_STATS = msgspec.json.Decoder(DataStats)
_APPROVAL = msgspec.json.Decoder(Approval)
_SEARCH = msgspec.json.Decoder(Search)


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
        since=moment(row["since"]),
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
