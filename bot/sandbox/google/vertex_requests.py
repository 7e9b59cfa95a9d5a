"""What a Vertex AI tuning job asks for, checked against Google's limits; its files read and judged."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any

from bot.sandbox.google.rpc_status import GoogleError, invalid
from bot.sandbox.google.service_limits import Limits
from bot.sandbox.google.stored_objects import Buckets
from bot.sandbox.google.trainer import TrainingRun, TrainingTask
from bot.sandbox.google.training_files import NOT_JSONL, BadDataset, Dataset, read_dataset

URI = re.compile(r"gs://([^/]+)/(.+)")
LABEL = re.compile(r"[a-z0-9_-]{0,63}")
SPECS = ("supervisedTuningSpec", "preferenceOptimizationSpec")
# What Google takes when a request leaves it out.
DEFAULTS = {"epochCount": 3, "learningRateMultiplier": 1.0, "adapterSize": "ADAPTER_SIZE_FOUR"}


@dataclass(frozen=True, slots=True)
class Training:
    """A job's data: `flaw` is why it fails, when it does; `dataset` is None then."""

    training_task: TrainingTask
    dataset: Dataset | None
    flaw: str | None


def check_job(asked: dict[str, Any], limits: Limits) -> str:
    """Check all that Google refuses before it makes a job; return the name of the spec that is set.

    Raises:
        GoogleError: 400 naming the field at fault.
    """
    spec = next((name for name in SPECS if name in asked), None)
    if spec is None:
        raise invalid("tuning_spec must be specified.", "tuning_job.tuning_spec")
    if "baseModel" not in asked and "preTunedModel" not in asked:
        raise invalid("base_model must be specified.", "tuning_job.base_model")
    base = asked.get("baseModel", "")
    if base and base.removeprefix("publishers/google/models/") not in limits.vertex_base_models:
        raise invalid(f"Base model {base} is not supported.", "tuning_job.base_model")
    name = asked.get("tunedModelDisplayName", "")
    if len(name) > limits.vertex_display_name:
        raise invalid(
            f"tuned_model_display_name has {len(name)} characters, the limit is {limits.vertex_display_name}.",
            "tuning_job.tuned_model_display_name",
        )
    labels = asked.get("labels", {})
    if len(labels) > 64:
        raise invalid("A resource can have at most 64 labels.", "tuning_job.labels")
    for key, value in labels.items():
        if not LABEL.fullmatch(key) or not key or not LABEL.fullmatch(value):
            raise invalid(
                f"Invalid label '{key}': '{value}'. Keys and values can hold only lowercase letters, numeric "
                "characters, underscores and dashes, at most 63 of them.",
                "tuning_job.labels",
            )
    for field, shown in (("trainingDatasetUri", "training"), ("validationDatasetUri", "validation")):
        uri = asked[spec].get(field, "")
        if (uri or shown == "training") and not URI.fullmatch(uri):
            raise invalid(NOT_JSONL.replace("training", shown), f"tuning_job.{shown}_dataset_uri")
    _check_hyperparameters(asked[spec].get("hyperParameters", {}), limits)
    return spec


def _check_hyperparameters(given: dict[str, Any], limits: Limits) -> None:
    at = "tuning_job.hyper_parameters"
    epochs = given.get("epochCount", 1)
    if not 0 < epochs <= limits.max_epochs:
        raise invalid(
            f"Epoch count must be in the range [1, {limits.max_epochs}], got {epochs}.", f"{at}.epoch_count"
        )
    multiplier = given.get("learningRateMultiplier", 1.0)
    if multiplier <= 0:
        raise invalid(
            f"Learning rate multiplier must be positive, got {multiplier:g}.", f"{at}.learning_rate_multiplier"
        )
    if given.get("adapterSize", limits.vertex_adapter_sizes[0]) not in limits.vertex_adapter_sizes:
        raise invalid("The adapter size is not supported for this base model.", f"{at}.adapter_size")


async def read_training(
    asked: dict[str, Any], spec: str, buckets: Buckets, limits: Limits, base: TrainingRun | None
) -> Training:
    """Read the job's files and fill in the hyperparameters that the request left out, in place."""
    preference = spec == "preferenceOptimizationSpec"
    used = asked[spec]["hyperParameters"] = DEFAULTS | asked[spec].get("hyperParameters", {})
    dataset, validation, flaw = None, None, None
    try:
        dataset = await _read(asked[spec]["trainingDatasetUri"], buckets, limits, "training", preference)
        if uri := asked[spec].get("validationDatasetUri"):
            validation = await _read(uri, buckets, limits, "validation", preference)
            if validation.rows > limits.vertex_validation_examples:
                raise BadDataset(
                    f"The validation dataset has {validation.rows} examples, the limit is "
                    f"{limits.vertex_validation_examples}."
                )
    except BadDataset as error:
        dataset, flaw = None, str(error)
    count = dataset.trained if dataset is not None else 0
    training_task = TrainingTask(
        examples=dataset.examples if dataset is not None else (),
        example_count=count,
        validation=validation.examples if validation is not None else (),
        epochs=used["epochCount"],
        batch_size=limits.vertex_batch_size,
        total_steps=-(-count * used["epochCount"] // limits.vertex_batch_size),
        learning_rate_multiplier=used["learningRateMultiplier"],
        base=base,
    )
    return Training(training_task, dataset, flaw)


async def _read(uri: str, buckets: Buckets, limits: Limits, kind: str, preference: bool) -> Dataset:
    words = NOT_JSONL.replace("training", kind)
    found = URI.fullmatch(uri)
    if found is None or not uri.endswith(".jsonl"):
        raise BadDataset(words)
    try:
        stored = buckets.find(found[1], found[2])
    except GoogleError as error:
        raise BadDataset(f"{words}: {uri} was not found") from error
    if stored.size > limits.vertex_dataset_bytes:
        raise BadDataset(
            f"The {kind} dataset has {stored.size} bytes, the limit is {limits.vertex_dataset_bytes}."
        )
    return await asyncio.to_thread(read_dataset, stored.path, limits, preference=preference)
