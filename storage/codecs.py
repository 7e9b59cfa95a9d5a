"""Converts domain values to rows and back. No I/O, and no rules about jobs.

Structured values are JSON. A field that a newer version added is ignored and a missing one takes its default, so
an older row stays readable without a migration.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from bot.domain.approval import Approval
from bot.domain.chat import ChannelSettings, ModelAnswer, ModelRef, Question
from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings
from bot.domain.jobs import DataStats, Failure, JobState, OpenJob, Search, Snapshot, TuningJob, TuningSpec
from bot.domain.names import same_name
from bot.domain.place import Place
from bot.domain.repeated_refusals import Refusals
from bot.domain.requests import Proposal
from bot.errors import StorageError
from bot.ports.notifier import PostAttempt
from bot.ports.questions import LivePost, OpenQuestion

T = TypeVar("T")
Row = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_SPEC = msgspec.json.Decoder(TuningSpec)
_FAILURE = msgspec.json.Decoder(Failure)
_TARGETS = msgspec.json.Decoder(tuple[str, ...])
_DATA_STATS = msgspec.json.Decoder(DataStats)
_APPROVAL = msgspec.json.Decoder(Approval)
_SEARCH = msgspec.json.Decoder(Search)
_MODEL = msgspec.json.Decoder(ModelRef)
_ANSWER = msgspec.json.Decoder(ModelAnswer)
_QUESTION = msgspec.json.Decoder(Question)
_GENERATION = msgspec.json.Decoder(GenerationSettings)
_CHANNEL_SETTINGS = msgspec.json.Decoder(ChannelSettings)


def micros(time: datetime) -> int:
    """Return microseconds since 1970, without a float, which would round. Raises TypeError for a naive time."""
    return (time - _EPOCH) // _MICROSECOND


def moment(stored: int) -> datetime:
    """Return the time of `micros`."""
    return _EPOCH + stored * _MICROSECOND


def proposal_row(proposal: Proposal) -> dict[str, Any]:
    return {
        "team": proposal.place.team,
        "id": proposal.id,
        "channel": proposal.place.channel,
        "thread": proposal.place.thread,
        "owner": proposal.owner,
        "spec": _json(proposal.spec),
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
        "spec": _json(job.spec),
        "operation": job.operation,
        "google_state": job.google_state,
        "tuned_model": job.tuned_model,
        "endpoint": job.endpoint,
        "total_steps": job.total_steps,
        "completed_steps": job.completed_steps,
        "epoch": job.epoch,
        "started_at": _optional_micros(job.started_at),
        "ended_at": _optional_micros(job.ended_at),
        "checked_at": _optional_micros(job.checked_at),
        "moved_at": _optional_micros(job.moved_at),
        "stuck_at": _optional_micros(job.stuck_at),
        "failure": None if job.failure is None else _json(job.failure),
        "data_stats": None if job.data_stats is None else _json(job.data_stats),
        "waits_for": job.waits_for,
        "problem": job.problem,
        "cancelled_by": job.cancelled_by,
        "deleted_by": job.deleted_by,
        "card": job.card,
        "prepared_by": job.prepared_by,
        "create_sent_at": _optional_micros(job.create_sent_at),
        "retirement_told": job.retirement_told,
        "approval": None if job.approval is None else _json(job.approval),
        "shared_with": _json(job.shared_with),
        "shared_by": job.shared_by,
        "waits_since": _optional_micros(job.waits_since),
        "resumes": job.resumes,
        "search": None if job.search is None else _json(job.search),
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
        started_at=_optional_moment(row["started_at"]),
        ended_at=_optional_moment(row["ended_at"]),
        checked_at=_optional_moment(row["checked_at"]),
        moved_at=_optional_moment(row["moved_at"]),
        stuck_at=_optional_moment(row["stuck_at"]),
        failure=None if row["failure"] is None else parsed(_FAILURE, row["failure"]),
        data_stats=None if row["data_stats"] is None else parsed(_DATA_STATS, row["data_stats"]),
        waits_for=row["waits_for"],
        problem=row["problem"],
        cancelled_by=row["cancelled_by"],
        deleted_by=row["deleted_by"],
        card=row["card"],
        prepared_by=row["prepared_by"],
        create_sent_at=_optional_moment(row["create_sent_at"]),
        retirement_told=row["retirement_told"],
        approval=None if row["approval"] is None else parsed(_APPROVAL, row["approval"]),
        shared_with=parsed(_TARGETS, row["shared_with"]),
        shared_by=row["shared_by"],
        waits_since=_optional_moment(row["waits_since"]),
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
        "computed_at": _optional_micros(snapshot.computed_at),
    }


def read_snapshot(row: Row) -> Snapshot:
    return Snapshot(
        step=row["step"],
        # SQLite stores NULL for NaN, the loss of a tuning that diverged.
        mean_loss=math.nan if row["mean_loss"] is None else row["mean_loss"],
        epoch=row["epoch"],
        computed_at=_optional_moment(row["computed_at"]),
        eval_loss=row["eval_loss"],
        correct=row["correct"],
        predictions=row["predictions"],
        eval_correct=row["eval_correct"],
        eval_predictions=row["eval_predictions"],
    )


def question_row(asked: OpenQuestion) -> dict[str, Any]:
    """Return the row of a question that was just asked."""
    question = asked.question
    return {
        "key": question.key,
        "team": question.place.team,
        "channel": question.place.channel,
        "thread": question.place.thread,
        "user": question.user,
        "text": question.text,
        "named": question.named,
        "model": None if question.model is None else _json(question.model),
        "quoted": int(question.quoted),
        "settings": None if question.settings == NO_SETTINGS else _json(question.settings),
        "private": int(question.private),
        "compare": question.compare,
        "asked_at": micros(asked.asked_at),
        "posted": 0,
        "next_channel": "",
        "next_thread": "",
        "begun_channel": "",
        "begun_thread": "",
    }


def read_question(row: Row) -> OpenQuestion:
    place = read_place(row)
    unconfirmed = None
    if row["begun_at"] is not None:
        attempted = Place(place.team, row["begun_channel"], row["begun_thread"])
        unconfirmed = PostAttempt(attempted, moment(row["begun_at"]))
    return OpenQuestion(
        question=Question(
            key=row["key"],
            place=place,
            user=row["user"],
            text=row["text"],
            named=row["named"],
            model=None if row["model"] is None else parsed(_MODEL, row["model"]),
            quoted=bool(row["quoted"]),
            settings=NO_SETTINGS if row["settings"] is None else parsed(_GENERATION, row["settings"]),
            private=bool(row["private"]),
            compare=row["compare"],
        ),
        asked_at=moment(row["asked_at"]),
        answer=None if row["reply"] is None else parsed(_ANSWER, row["reply"]),
        posted=row["posted"],
        thread=Place(place.team, row["next_channel"], row["next_thread"]) if row["posted"] else None,
        unconfirmed=unconfirmed,
        refusals=read_refusals(row),
        live=_read_live(row),
    )


def failed_row(question: Question, now: datetime) -> dict[str, Any]:
    """Return the row of a question that may be tried again."""
    return {
        "key": question.key,
        "team": question.place.team,
        "question": _json(question),
        "failed_at": micros(now),
    }


def read_failed(row: Row) -> Question:
    return parsed(_QUESTION, row["question"])


def private_row(question: Question, reply: str, now: datetime) -> dict[str, Any]:
    """Return the row of a private answer that may be shared."""
    return {
        "key": question.key,
        "team": question.place.team,
        "question": _json(question),
        "reply": reply,
        "answered_at": micros(now),
    }


def read_shared(row: Row, key: str, now: datetime) -> OpenQuestion:
    """Return the question of this key that posts a private answer in the channel."""
    question = replace(parsed(_QUESTION, row["question"]), key=key, private=False)
    return OpenQuestion(question, now, parsed(_ANSWER, row["reply"]))


def _read_live(row: Row) -> LivePost | None:
    if row["live_at"] is None:
        return None
    place = Place(row["team"], row["live_channel"], row["live_thread"])
    return LivePost(place, moment(row["live_at"]), row["live_ts"])


# A first refusal that lies in the future was stored before the clock was set back, so the time starts again.
COUNT_REFUSAL: Final = """
UPDATE {table} SET refusals = refusals + 1,
  first_refused_at = CASE WHEN first_refused_at < ? THEN first_refused_at ELSE ? END
WHERE {key} = ?
"""


def read_refusals(row: Row) -> Refusals:
    """Return the refusals of a notice or of a question."""
    return Refusals(row["refusals"], _optional_moment(row["first_refused_at"]))


def read_answer(stored: str) -> ModelAnswer:
    """Return the answer of `answer_text`. Raises StorageError."""
    return parsed(_ANSWER, stored)


def answer_text(answer: ModelAnswer) -> str:
    """Return the JSON of an answer, which `read_question` reads."""
    return _json(answer)


def channel_settings_text(settings: ChannelSettings) -> str:
    """Return the JSON of a channel's settings, which `read_channel_settings` reads."""
    return _json(settings)


def read_channel_settings(stored: str) -> ChannelSettings:
    """Return the settings of a channel. Raises StorageError."""
    return parsed(_CHANNEL_SETTINGS, stored)


def read_model(row: Row) -> ModelRef:
    return ModelRef(backend=row["backend"], endpoint=row["endpoint"], name=row["name"])


def read_place(row: Row) -> Place:
    return Place(team=row["team"], channel=row["channel"], thread=row["thread"])


def _optional_micros(time: datetime | None) -> int | None:
    return None if time is None else micros(time)


def _optional_moment(stored: int | None) -> datetime | None:
    return None if stored is None else moment(stored)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def parsed(decoder: msgspec.json.Decoder[T], stored: str) -> T:
    """Decode a structured value. Raises StorageError."""
    try:
        return decoder.decode(stored)
    except msgspec.DecodeError as error:
        raise StorageError(
            f"A stored row cannot be read: {error}.",
            "It was changed by hand or by a newer Tunebot. Put a backup in the database's place.",
        ) from error
