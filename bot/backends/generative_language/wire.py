"""`TunedModel` and its operation on the wire: google/ai/generativelanguage/{v1beta3,v1beta}/tuned_model.proto.

Pure functions. The two generations differ in which fields they take, not in what the fields mean.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.backends.google.google_errors import failure
from bot.backends.google.json_fields import Json, record, text, timestamp, tuning_snapshots, whole
from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import Failure, JobState, Operation, TunedModel, TuningSpec, total_steps
from bot.errors import BadArgument

_CANCELLED: Final = 1  # google.rpc.Code
_FIELDS: Final[Mapping[str, str]] = {
    "epochs": "epochCount",
    "batch_size": "batchSize",
    "learning_rate": "learningRate",
    "learning_rate_multiplier": "learningRateMultiplier",
}
_UNEXPLAINED: Final = Failure(
    code=0,
    message="Google says only that the tuning failed.",
    hint="Check the rows, then start it again; fewer epochs or a smaller learning rate may help.",
)


def create_request(spec: TuningSpec, rows: Sequence[Json], profile: BackendProfile) -> Json:
    """The body of tunedModels.create. Raises BadArgument for a hyperparameter that the profile does not take."""
    hyperparameters: Json = {}
    for name, value in spec.hyperparameters.given().items():
        if profile.rule(name) is None or name not in _FIELDS:
            raise BadArgument(
                f"The {profile.title} takes no {name.replace('_', ' ')}.", "Leave it empty.", field=name
            )
        hyperparameters[_FIELDS[name]] = value
    body: Json = {
        "displayName": spec.name[: profile.name_limit],
        "tuningTask": {
            "hyperparameters": hyperparameters,
            "trainingData": {"examples": {"examples": list(rows)}},
        },
    }
    if spec.base_model.startswith("tunedModels/"):
        body["tunedModelSource"] = {"tunedModel": spec.base_model}
    else:
        body["baseModel"] = f"models/{spec.base_model.removeprefix('models/')}"
    return body


def operation(body: Json, *, named: str) -> Operation:
    """A google.longrunning.Operation of tunedModels.create; `named` is the tuned model where it does not say."""
    metadata = record(body.get("metadata"))
    made = record(body.get("response"))
    name = text(body.get("name")) or named
    model = text(metadata.get("tunedModel")) or text(made.get("name")) or named
    task = record(made.get("tuningTask"))
    snapshots = tuning_snapshots(metadata.get("snapshots")) or tuning_snapshots(task.get("snapshots"))
    steps = whole(metadata.get("completedSteps"))
    last = snapshots[-1] if snapshots else None
    state, google_state, reason = _operation_state(body, made)
    return Operation(
        name=name,
        state=state,
        google_state=google_state,
        tuned_model=model,
        endpoint=model if state is JobState.SUCCEEDED else "",
        total_steps=whole(metadata.get("totalSteps")),
        completed_steps=steps if steps is not None else (last.step if last else None),
        epoch=last.epoch if last else None,
        snapshots=snapshots,
        started_at=timestamp(task.get("startTime")),
        ended_at=timestamp(task.get("completeTime")) if state.ended else None,
        failure=reason,
    )


def model_operation(model: Json, *, name: str, examples: int = 0) -> Operation:
    """The same out of the TunedModel itself, where the operation is gone or a list is cheaper.

    It does not say how many steps there are; with `examples`, they follow from its hyperparameters.
    """
    task = record(model.get("tuningTask"))
    snapshots = tuning_snapshots(task.get("snapshots"))
    last = snapshots[-1] if snapshots else None
    resource = text(model.get("name"))
    state, google_state = _model_state(text(model.get("state")))
    used = record(task.get("hyperparameters"))
    epochs, batch = whole(used.get("epochCount")), whole(used.get("batchSize"))
    return Operation(
        name=name or resource,
        state=state,
        google_state=google_state,
        tuned_model=resource,
        endpoint=resource if state is JobState.SUCCEEDED else "",
        total_steps=total_steps(examples, epochs, batch) if examples and epochs and batch else None,
        completed_steps=last.step if last else None,
        epoch=last.epoch if last else None,
        snapshots=snapshots,
        started_at=timestamp(task.get("startTime")),
        ended_at=timestamp(task.get("completeTime")) if state.ended else None,
        failure=_UNEXPLAINED if state is JobState.FAILED else None,
    )


def tuned_model(backend: str, model: Json) -> TunedModel:
    """A TunedModel of the list; one that is still being made, or failed, has no endpoint to ask."""
    resource = text(model.get("name"))
    state = text(model.get("state"))
    source = text(record(model.get("tunedModelSource")).get("tunedModel"))
    return TunedModel(
        backend=backend,
        resource=resource,
        endpoint="" if state in ("CREATING", "FAILED") else resource,
        display_name=text(model.get("displayName")) or resource,
        base_model=source or text(model.get("baseModel")),
        state=state,
        created_at=timestamp(model.get("createTime")),
    )


def _operation_state(body: Json, made: Mapping[str, Any]) -> tuple[JobState, str, Failure | None]:
    if "error" in body:
        reason = failure(body["error"])
        return (JobState.CANCELLED, "", None) if reason.code == _CANCELLED else (JobState.FAILED, "", reason)
    if made:
        state, google_state = _model_state(text(made.get("state")) or "ACTIVE")
        return state, google_state, _UNEXPLAINED if state is JobState.FAILED else None
    return (JobState.SUCCEEDED if body.get("done") is True else JobState.RUNNING), "", None


def _model_state(state: str) -> tuple[JobState, str]:
    """Our state, and Google's own word where ours does not say the same."""
    match state:
        case "ACTIVE":
            return JobState.SUCCEEDED, ""
        case "FAILED":
            return JobState.FAILED, ""
        case "CREATING" | "" | "STATE_UNSPECIFIED":
            return JobState.RUNNING, ""
        case _:
            return JobState.RUNNING, state
