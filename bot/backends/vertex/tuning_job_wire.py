"""Translates `TuningJob` between Google's JSON and our values. No I/O.

Enums are sent by name: as a number, 4 is ADAPTER_SIZE_SIXTEEN.
Source: google/cloud/aiplatform/v1/tuning_job.proto and job_state.proto; the fields that the proto lacks come from
the discovery document aiplatform v1, revision 20261106.
"""

from typing import Final

from bot.backends.google.google_errors import job_failure, sanitize
from bot.backends.google.json_fields import Json, integer, last_segment, record, records, text, texts, timestamp
from bot.backends.vertex.job_details import NO_DETAILS, JobDetails
from bot.domain.backend_profile import BackendProfile
from bot.domain.datasets import Dialect
from bot.domain.jobs import DataStats, Failure, Hyperparameters, JobState, Snapshot, TuningSpec
from bot.domain.operations import Operation, Origin, StartedJob, TunedModel
from bot.errors import BadArgument

# The label that holds our key. Google chooses the id of a job, so we can find a job by its label only.
LABEL: Final = "tunebot-job"
# Who started it. Label values are lowercase, and Slack's ids have no lowercase letters
# (https://cloud.google.com/resource-manager/docs/labels-overview).
_INSTALLATION: Final = "tunebot-installation"
_TEAM: Final = "tunebot-team"
_CHANNEL: Final = "tunebot-channel"
_USER: Final = "tunebot-user"
_ADAPTERS: Final = {
    1: "ADAPTER_SIZE_ONE",
    2: "ADAPTER_SIZE_TWO",
    4: "ADAPTER_SIZE_FOUR",
    8: "ADAPTER_SIZE_EIGHT",
    16: "ADAPTER_SIZE_SIXTEEN",
    32: "ADAPTER_SIZE_THIRTY_TWO",
}
_MOST_REASONS: Final = 5
_EXPIRED: Final = Failure(
    code=4,
    message="Google ended the tuning because it took too long.",
    hint="Start it again with fewer rows or fewer epochs.",
)


def create_request(
    key: str, spec: TuningSpec, training: str, validation: str | None, profile: BackendProfile, origin: Origin
) -> Json:
    """Return the body of tuningJobs.create. Raises BadArgument for a hyperparameter that Vertex AI rejects."""
    tuning: Json = {"trainingDatasetUri": training}
    if validation is not None:
        tuning["validationDatasetUri"] = validation
    if hyperparameters := _hyperparameters(spec.hyperparameters, profile):
        tuning["hyperParameters"] = hyperparameters
    preference = spec.training.dialect is Dialect.PREFERENCE
    body: Json = {
        "preferenceOptimizationSpec" if preference else "supervisedTuningSpec": tuning,
        "tunedModelDisplayName": spec.name[: profile.name_limit],
        "labels": {
            LABEL: key,
            _INSTALLATION: origin.installation,
            _TEAM: origin.team.lower(),
            _CHANNEL: origin.channel.lower(),
            _USER: origin.owner.lower(),
        },
    }
    if spec.base_model.startswith("projects/"):
        body["preTunedModel"] = {"tunedModelName": spec.base_model}
    else:
        body["baseModel"] = spec.base_model
    return body


def rebase_request(spec: TuningSpec, body: Json) -> Json:
    """Return the body of tuningJobs.rebaseTunedModel from that of create: what it holds replaces the old job's.

    Without `deployToSameEndpoint` the new model gets another endpoint, and the old model still answers at its own.
    Source: RebaseTunedModelRequest in google/cloud/aiplatform/v1/genai_tuning_service.proto.
    """
    return {"tunedModelRef": {"tunedModel": spec.moved_from}, "tuningJob": body}


def job_state(job: Json) -> JobState:
    """Return the state of a TuningJob."""
    return _state(text(job.get("state")))[0]


def operation(job: Json, snapshots: tuple[Snapshot, ...] = (), details: JobDetails = NO_DETAILS) -> Operation:
    """Return what a TuningJob, and the metrics and the details that were read for it, say."""
    tuned = record(job.get("tunedModel"))
    endpoint = text(tuned.get("endpoint"))
    google_state = text(job.get("state"))
    state, shown_state = _state(google_state)
    stats = data_stats(job)
    steps = [*(snapshot.step for snapshot in snapshots[-1:]), *filter(None, [details.steps])]
    last = max(steps, default=None)
    total = stats.steps or None if stats else None
    if state is JobState.SUCCEEDED and total is not None:
        last = total
    return Operation(
        name=text(job.get("name")),
        state=state,
        google_state=shown_state,
        tuned_model=text(tuned.get("model")),
        endpoint=endpoint,
        total_steps=total,
        completed_steps=last,
        epoch=details.epochs,
        snapshots=snapshots,
        started_at=timestamp(job.get("startTime")),
        ended_at=timestamp(job.get("endTime")) if state.ended else None,
        failure=_failure(job, state, google_state),
        data_stats=stats,
        waits_for="" if state.ended else details.waits_for,
    )


def data_stats(job: Json) -> DataStats | None:
    """Return what Google says about the rows.

    `totalTruncatedExampleCount` counts dropped examples: see the comment of that field in tuning_job.proto.
    """
    found = record(job.get("tuningDataStats"))
    supervised = record(found.get("supervisedTuningDataStats"))
    preference = record(found.get("preferenceOptimizationDataStats"))
    stats = supervised or preference
    if not stats:
        return None
    reasons = dict.fromkeys(sanitize(reason) for reason in texts(stats.get("droppedExampleReasons")))
    sampled = stats.get("droppedExampleIndices")
    dropped = integer(stats.get("totalTruncatedExampleCount"))
    return DataStats(
        examples=integer(stats.get("tuningDatasetExampleCount")) or 0,
        billable_tokens=integer(stats.get("totalBillableTokenCount")) or 0,
        steps=integer(stats.get("tuningStepCount")) or 0,
        dropped=dropped if dropped is not None else len(sampled) if isinstance(sampled, list) else 0,
        dropped_reasons=tuple(reasons)[:_MOST_REASONS],
    )


def tuned_model(backend: str, job: Json) -> TunedModel | None:
    """Return the tuned model that a job produced, or None where it has produced none."""
    tuned = record(job.get("tunedModel"))
    resource, endpoint = text(tuned.get("model")), text(tuned.get("endpoint"))
    if not resource or not endpoint:
        return None
    return TunedModel(
        backend=backend,
        resource=resource,
        endpoint=endpoint,
        display_name=text(job.get("tunedModelDisplayName")) or last_segment(resource),
        base_model=text(job.get("baseModel")) or text(record(job.get("preTunedModel")).get("tunedModelName")),
        state=text(job.get("state")).removeprefix("JOB_STATE_"),
        created_at=timestamp(job.get("endTime")) or timestamp(job.get("createTime")),
        origin=origin(job),
    )


def started_job(key: str, job: Json) -> StartedJob | None:
    """Return a job that a Tunebot started with this key, None if it lacks its time."""
    if (created_at := timestamp(job.get("createTime"))) is None:
        return None
    return StartedJob(
        key=key,
        operation=operation(job),
        name=text(job.get("tunedModelDisplayName")) or key,
        base_model=text(job.get("baseModel")) or text(record(job.get("preTunedModel")).get("tunedModelName")),
        origin=origin(job),
        created_at=created_at,
    )


def origin(resource: Json) -> Origin | None:
    """Return who started the tuning, from the labels of the job or of its model; None where they do not say it."""
    labels = record(resource.get("labels"))
    installation = text(labels.get(_INSTALLATION))
    slack = [text(labels.get(name)).upper() for name in (_TEAM, _CHANNEL, _USER)]
    return Origin(installation, *slack) if installation and all(slack) else None


def endpoints(job: Json) -> list[str]:
    """Return every endpoint that a job deployed to: its own, and one for each checkpoint."""
    tuned = record(job.get("tunedModel"))
    checkpoints = [text(item.get("endpoint")) for item in records(tuned.get("checkpoints"))]
    return [name for name in (text(tuned.get("endpoint")), *checkpoints) if name]


def training_file(job: Json) -> str:
    """Return the address of the file on which the job trains."""
    specs = (record(job.get("supervisedTuningSpec")), record(job.get("preferenceOptimizationSpec")))
    return next(filter(None, (text(spec.get("trainingDatasetUri")) for spec in specs)), "")


def has_validation(job: Json) -> bool:
    """Return whether the job computes losses on a validation file."""
    specs = (record(job.get("supervisedTuningSpec")), record(job.get("preferenceOptimizationSpec")))
    return any(text(spec.get("validationDatasetUri")) for spec in specs)


def _hyperparameters(given: Hyperparameters, profile: BackendProfile) -> Json:
    body: Json = {}
    for name in given.given():
        if profile.rule(name) is None:
            raise BadArgument(f"{profile.title} takes no {name.replace('_', ' ')}.", "Leave it empty.", field=name)
    if given.epochs is not None:
        body["epochCount"] = str(given.epochs)
    if given.learning_rate_multiplier is not None:
        body["learningRateMultiplier"] = given.learning_rate_multiplier
    if given.adapter_size is not None:
        if given.adapter_size not in _ADAPTERS:
            raise BadArgument(
                f"{given.adapter_size} is not an adapter size.",
                f"Choose one of {', '.join(map(str, _ADAPTERS))}.",
                field="adapter_size",
            )
        body["adapterSize"] = _ADAPTERS[given.adapter_size]
    return body


def _state(google_state: str) -> tuple[JobState, str]:
    """Return our state, and Google's where ours does not mean the same (job_state.proto)."""
    match google_state.removeprefix("JOB_STATE_"):
        case "QUEUED" | "PENDING" | "UNSPECIFIED" | "":
            return JobState.QUEUED, ""
        case "RUNNING":
            return JobState.RUNNING, ""
        case "SUCCEEDED":
            return JobState.SUCCEEDED, ""
        case "PARTIALLY_SUCCEEDED":
            return JobState.SUCCEEDED, google_state
        case "FAILED":
            return JobState.FAILED, ""
        case "EXPIRED":
            return JobState.FAILED, google_state
        case "CANCELLED":
            return JobState.CANCELLED, ""
        case _:
            # PAUSED, CANCELLING, UPDATING, and states that Google may add: the job goes on, so it is polled again.
            return JobState.RUNNING, google_state


def _failure(job: Json, state: JobState, google_state: str) -> Failure | None:
    if state is not JobState.FAILED:
        return None
    if "error" not in job and google_state == "JOB_STATE_EXPIRED":
        return _EXPIRED
    return job_failure(job.get("error"))
