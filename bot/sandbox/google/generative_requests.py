"""What a TuningTask of the Gemini API or the PaLM API asks to be learned, checked against Google's limits."""

from typing import Any

from bot.sandbox.google.rpc_status import invalid
from bot.sandbox.google.service_limits import Limits
from bot.sandbox.google.trainer import Example, TrainingRun, TrainingTask

# What Google fills in when a request leaves it out: epochs, batch size, learning rate. The comments of
# `Hyperparameters` (google/ai/generativelanguage/v1beta3 and v1beta, tuned_model.proto) name two values each for
# batch size and rate, "based on the number of training examples", and no threshold: these are those for few.
DEFAULTS = {"palm": (10, 16, 0.002), "gemini": (5, 4, 0.001)}
TASK = "tuned_model.tuning_task"


def read_training_task(
    system: str, task: dict[str, Any], limits: Limits, base: TrainingRun | None
) -> tuple[TrainingTask, dict[str, Any]]:
    """Return the training task of a decoded TuningTask and its hyperparameters with Google's defaults filled in.

    Raises:
        GoogleError: 400 naming the example or the hyperparameter at fault.
    """
    rows = task.get("trainingData", {}).get("examples", {}).get("examples", [])
    _check_examples(rows, limits)
    given = task.get("hyperparameters", {})
    used = _hyperparameters(system, given, limits)
    training_task = TrainingTask(
        examples=[Example((("user", row["textInput"]), ("model", row["output"]))) for row in rows],
        example_count=len(rows),
        validation=(),
        epochs=used["epochCount"],
        batch_size=used["batchSize"],
        total_steps=-(-len(rows) * used["epochCount"] // used["batchSize"]),
        # A rate that is only Google's default would be no good rate for a toy.
        learning_rate=given.get("learningRate"),
        learning_rate_multiplier=given.get("learningRateMultiplier"),
        base=base,
    )
    return training_task, used


def _hyperparameters(system: str, given: dict[str, Any], limits: Limits) -> dict[str, Any]:
    epochs, batch, rate = DEFAULTS[system]
    used = {"epochCount": epochs, "batchSize": batch} | given
    if not {"learningRate", "learningRateMultiplier"} & given.keys():
        used["learningRate"] = rate
    at = f"{TASK}.hyperparameters"
    if not 0 < used["epochCount"] <= limits.max_epochs:
        raise invalid(
            f"epoch_count must be in the range [1, {limits.max_epochs}], got {used['epochCount']}",
            f"{at}.epoch_count",
        )
    if used["batchSize"] <= 0:
        raise invalid(f"batch_size must be positive, got {used['batchSize']}", f"{at}.batch_size")
    for name, shown in (
        ("learningRate", "learning_rate"),
        ("learningRateMultiplier", "learning_rate_multiplier"),
    ):
        if used.get(name, 1.0) <= 0:
            raise invalid(f"{shown} must be positive, got {used[name]}", f"{at}.{shown}")
    return used


def _check_examples(rows: list[dict[str, Any]], limits: Limits) -> None:
    at = f"{TASK}.training_data.examples.examples"
    if not rows:
        raise invalid("Training data must have at least one example.", at)
    for index, row in enumerate(rows):
        for name, shown, most in (
            ("textInput", "text_input", limits.input_characters),
            ("output", "output", limits.output_characters),
        ):
            text = row.get(name, "")
            place = f"{at}[{index}].{shown}"
            if not text:
                raise invalid(f"Example {index}: {shown} is empty.", place)
            if len(text) > most:
                raise invalid(f"Example {index}: {shown} has {len(text)} characters, the limit is {most}.", place)
