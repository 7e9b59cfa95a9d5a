"""Translates `TunedModel`, its operation and its training examples between Google's JSON and our values.

The two API versions differ in which fields they take, not in what the fields mean. No I/O.
Source: google/ai/generativelanguage/{v1beta3,v1beta}/tuned_model.proto and model_service.proto,
google/longrunning/operations.proto, google/rpc/code.proto.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from bot.backends.google.google_errors import job_failure
from bot.backends.google.json_fields import Json, integer, number, record, text, timestamp, tuning_snapshots
from bot.domain.backend_profile import BackendProfile
from bot.domain.generation_settings import GenerationSettings
from bot.domain.jobs import Failure, JobState, TuningSpec, total_steps
from bot.domain.operations import Operation, Origin, StartedJob, TunedModel
from bot.errors import BadArgument, FileTooLarge

_KEY: Final = re.compile(r"tunedModels/(tb-[a-z0-9-]+)")
_ORIGIN: Final = re.compile(r"Tuned by Tunebot, installation (\w+), team (\w+), channel (\w+), user (\w+)\.")
_CANCELLED: Final = 1  # google.rpc.Code.CANCELLED
_FIELDS: Final[Mapping[str, str]] = {
    "epochs": "epochCount",
    "batch_size": "batchSize",
    "learning_rate": "learningRate",
    "learning_rate_multiplier": "learningRateMultiplier",
}
_FAILED_WITHOUT_REASON: Final = Failure(
    code=0,
    message="Google says only that the tuning failed.",
    hint="Check the rows, then start it again; fewer epochs or a smaller learning rate may help.",
)


def create_request(spec: TuningSpec, rows: Sequence[Json], profile: BackendProfile, origin: Origin) -> Json:
    """Return the body of tunedModels.create. Raises BadArgument for a hyperparameter outside the profile."""
    hyperparameters: Json = {}
    for name, value in spec.hyperparameters.given().items():
        if profile.rule(name) is None or name not in _FIELDS:
            raise BadArgument(
                f"The {profile.title} takes no {name.replace('_', ' ')}.", "Leave it empty.", field=name
            )
        hyperparameters[_FIELDS[name]] = value
    body: Json = {
        "displayName": spec.name[: profile.name_limit],
        "description": _description(origin),
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


def _description(origin: Origin) -> str:
    """Return who started a tuning, as a text that `_origin` reads: a TunedModel has no labels."""
    who = f"team {origin.team}, channel {origin.channel}, user {origin.owner}"
    return f"Tuned by Tunebot, installation {origin.installation}, {who}."


def _origin(description: str) -> Origin | None:
    found = _ORIGIN.search(description)
    return None if found is None else Origin(*found.groups())


class _ExampleRow(msgspec.Struct):
    text_input: str
    output: str


async def inline_examples(chunks: AsyncIterator[bytes], profile: BackendProfile) -> list[Json]:
    """Return JSONL rows in the Gemini dialect as `TuningExample`s, which the create request carries itself.

    Raises FileTooLarge over the profile's `inline_bytes`, BadArgument for a row of another form.
    """
    limit = profile.limits.inline_bytes
    decoder = msgspec.json.Decoder(_ExampleRow)
    rows: list[Json] = []
    size = 0
    rest = b""
    async for chunk in chunks:
        size += len(chunk)
        if limit and size > limit:
            raise FileTooLarge(
                f"The rows are larger than the {limit / 1_000_000:g} MB that the {profile.title} takes.",
                "Use fewer or shorter rows.",
            )
        *lines, rest = (rest + chunk).split(b"\n")
        rows += [_example(decoder, line, profile) for line in lines if line.strip()]
    if rest.strip():
        rows.append(_example(decoder, rest, profile))
    return rows


def _example(decoder: msgspec.json.Decoder[_ExampleRow], line: bytes, profile: BackendProfile) -> Json:
    try:
        row = decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise BadArgument(
            f"A row is not of the form that the {profile.title} takes.",
            'Each line should be {"text_input": "...", "output": "..."}.',
            field="file",
        ) from error
    return {"textInput": row.text_input, "output": row.output}


def operation(body: Json, *, named: str) -> Operation:
    """Read the google.longrunning.Operation of a create; `named` is the tuned model if it names none."""
    metadata = record(body.get("metadata"))
    response = record(body.get("response"))
    name = text(body.get("name")) or named
    model = text(metadata.get("tunedModel")) or text(response.get("name")) or named
    task = record(response.get("tuningTask"))
    snapshots = tuning_snapshots(metadata.get("snapshots")) or tuning_snapshots(task.get("snapshots"))
    steps = integer(metadata.get("completedSteps"))
    last = snapshots[-1] if snapshots else None
    state, google_state, reason = _operation_state(body, response)
    return Operation(
        name=name,
        state=state,
        google_state=google_state,
        tuned_model=model,
        endpoint=model if state is JobState.SUCCEEDED else "",
        total_steps=integer(metadata.get("totalSteps")),
        completed_steps=steps if steps is not None else (last.step if last else None),
        epoch=last.epoch if last else None,
        snapshots=snapshots,
        started_at=timestamp(task.get("startTime")),
        ended_at=timestamp(task.get("completeTime")) if state.ended else None,
        failure=reason,
    )


def model_operation(model: Json, *, name: str, examples: int = 0) -> Operation:
    """Read the TunedModel itself, where the operation no longer exists or a list is cheaper.

    A TunedModel has no total of steps; with `examples`, the total follows from its hyperparameters.
    """
    task = record(model.get("tuningTask"))
    snapshots = tuning_snapshots(task.get("snapshots"))
    last = snapshots[-1] if snapshots else None
    resource = text(model.get("name"))
    state, google_state = _model_state(text(model.get("state")))
    used = record(task.get("hyperparameters"))
    epochs, batch = integer(used.get("epochCount")), integer(used.get("batchSize"))
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
        failure=_FAILED_WITHOUT_REASON if state is JobState.FAILED else None,
    )


def started_job(model: Json) -> StartedJob | None:
    """Return a tuned model that a Tunebot started, None for any other. Its operation is the model itself."""
    found = _KEY.fullmatch(text(model.get("name")))
    created_at = timestamp(model.get("createTime"))
    if found is None or created_at is None:
        return None
    listed = tuned_model("", model)
    return StartedJob(
        key=found[1],
        operation=model_operation(model, name=""),
        name=listed.display_name,
        base_model=listed.base_model.removeprefix("models/"),
        origin=_origin(text(model.get("description"))),
        created_at=created_at,
    )


def tuned_model(backend: str, model: Json) -> TunedModel:
    """Read a TunedModel of a list; one whose tuning goes on or failed has no endpoint."""
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
        defaults=GenerationSettings(
            temperature=number(model.get("temperature")),
            top_p=number(model.get("topP")),
            top_k=integer(model.get("topK")),
        ),
    )


def _operation_state(body: Json, response: Mapping[str, Any]) -> tuple[JobState, str, Failure | None]:
    if "error" in body:
        reason = job_failure(body["error"])
        return (JobState.CANCELLED, "", None) if reason.code == _CANCELLED else (JobState.FAILED, "", reason)
    if response:
        state, google_state = _model_state(text(response.get("state")) or "ACTIVE")
        return state, google_state, _FAILED_WITHOUT_REASON if state is JobState.FAILED else None
    return (JobState.SUCCEEDED if body.get("done") is True else JobState.RUNNING), "", None


def _model_state(state: str) -> tuple[JobState, str]:
    """Return our state, and Google's where ours does not mean the same."""
    match state:
        case "ACTIVE":
            return JobState.SUCCEEDED, ""
        case "FAILED":
            return JobState.FAILED, ""
        case "CREATING" | "" | "STATE_UNSPECIFIED":
            return JobState.RUNNING, ""
        case _:
            return JobState.RUNNING, state
