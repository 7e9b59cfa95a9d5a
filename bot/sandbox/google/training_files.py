"""Tuning files as Vertex AI reads them: what breaks a job, what is dropped without an error, what is counted.

Files are read line by line in a thread; only a bounded part of them stays in memory.
"""

import json
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.sandbox.google.service_limits import Limits
from bot.sandbox.google.trainer import Example

NOT_JSONL = "training_dataset_uri should be a GCS object of type JSONL"


class BadDataset(Exception):
    """A file that fails the whole job; its text is Google's reason."""


@dataclass(slots=True)
class Dataset:
    """What one file holds: `examples` bounded by the limits, everything else over all of its rows."""

    examples: list[Example] = field(default_factory=list)
    rows: int = 0
    trained: int = 0
    characters: int = 0
    inputs: "array[int]" = field(default_factory=lambda: array("L"))
    outputs: "array[int]" = field(default_factory=lambda: array("L"))
    messages: "array[int]" = field(default_factory=lambda: array("L"))
    samples: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[tuple[int, str]] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """All tokens of the rows trained on, as this stand-in estimates them."""
        return sum(self.inputs) + sum(self.outputs)


def count_tokens(text: str) -> int:
    """Estimate tokens at four characters each, which is Google's own rule of thumb."""
    return math.ceil(len(text) / 4)


def read_dataset(path: Path, limits: Limits, *, preference: bool = False) -> Dataset:
    """Read a JSONL file of Vertex AI's dialect.

    Raises:
        BadDataset: a row that fails the job, or no rows, or too many.
    """
    dataset = Dataset()
    kept = 0
    for index, row in enumerate(_rows(path)):
        dataset.rows += 1
        if dataset.rows > limits.vertex_examples:
            raise BadDataset(f"The dataset has more than {limits.vertex_examples} examples.")
        turns, system = _turns(row, index, preference=preference)
        if len(dataset.samples) < 3:
            role, text = turns[0]
            dataset.samples.append({"role": role, "parts": [{"text": text}]})
        reason = _drop_reason(turns, limits)
        if reason is not None:
            dataset.dropped.append((index, reason))
            continue
        example = Example(tuple(turns), system)
        said = [text for role, text in turns if role != "model"]
        answered = [text for role, text in turns if role == "model"]
        size = sum(map(len, said)) + sum(map(len, answered)) + len(system)
        dataset.trained += 1
        dataset.characters += size
        dataset.inputs.append(sum(map(count_tokens, said)) + count_tokens(system))
        dataset.outputs.append(sum(map(count_tokens, answered)))
        dataset.messages.append(len(turns))
        if len(dataset.examples) < limits.kept_examples and kept + size <= limits.kept_characters:
            dataset.examples.append(example)
            kept += size
    if not dataset.trained:
        raise BadDataset("The dataset has no examples to train on.")
    return dataset


_PART_DATA = ("text", "functionCall", "functionResponse", "fileData")


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as lines:
        number = 0
        for line in lines:
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise BadDataset(NOT_JSONL if number == 0 else f"Row: {number}. Invalid JSON.") from error
            if not isinstance(row, dict):
                raise BadDataset(f"Row: {number}. Expected a JSON object.")
            yield row
            number += 1


def _turns(row: dict[str, Any], index: int, *, preference: bool) -> tuple[list[tuple[str, str]], str]:
    """Return the turns of a row and its system instruction, or fail the job as Google words it."""
    contents = row.get("contents")
    if not contents:
        raise BadDataset(f"Row: {index}. Missing required 'contents' field.")
    if not isinstance(contents, list):
        raise BadDataset(f"Row: {index}. 'contents' field must be a list.")
    turns = [_turn(content, index) for content in contents]
    system = row.get("systemInstruction", row.get("system_instruction"))
    if preference:
        turns.append(_preferred(row, index))
    return turns, _turn({"role": "system", **system}, index)[1] if isinstance(system, dict) else ""


def _preferred(row: dict[str, Any], index: int) -> tuple[str, str]:
    completions = row.get("completions")
    if not isinstance(completions, list) or len(completions) != 2:
        raise BadDataset(f"Row: {index}. 'completions' field must hold exactly two completions.")
    best = max(completions, key=lambda one: one.get("score", 0) if isinstance(one, dict) else 0)
    return _turn(best.get("completion", {}) if isinstance(best, dict) else {}, index)


def _turn(content: Any, index: int) -> tuple[str, str]:
    if not isinstance(content, dict) or not isinstance(content.get("parts"), list):
        raise BadDataset(f"Row: {index}. Missing required 'parts' field.")
    role = str(content.get("role", "user")).lower()
    if role not in ("user", "model", "system", "function"):
        raise BadDataset(f"Row: {index}. Invalid role '{role}'. Please use a valid role: user, model.")
    texts = [_part_text(part, index) for part in content["parts"] if isinstance(part, dict)]
    return role, "".join(texts)


def _part_text(part: dict[str, Any], index: int) -> str:
    """Return the text of a part, and other data as JSON: google/cloud/aiplatform/v1/content.proto, `Part.data`."""
    data = [key for key in _PART_DATA if key in part]
    if len(data) != 1:
        raise BadDataset(f"Row: {index}. A part must have exactly one of {', '.join(_PART_DATA)}.")
    [key] = data
    if key == "text":
        return str(part["text"])
    if not isinstance(part[key], dict):
        raise BadDataset(f"Row: {index}. '{key}' must be an object.")
    if key == "fileData" and not {"mimeType", "fileUri"} <= part[key].keys():
        raise BadDataset(f"Row: {index}. 'fileData' must have mimeType and fileUri.")
    return json.dumps(part[key])


def _drop_reason(turns: Sequence[tuple[str, str]], limits: Limits) -> str | None:
    """Say why a row is left out without an error, None when it is trained on."""
    if not any(role == "user" for role, _ in turns):
        return "The example has no user message."
    if turns[-1][0] != "model":
        return "The last message of the example is not from the model."
    if not turns[-1][1].strip():
        return "The example has an empty model response."
    tokens = sum(count_tokens(text) for _, text in turns)
    if tokens > limits.vertex_example_tokens:
        return f"The example has {tokens} tokens, more than the limit of {limits.vertex_example_tokens}."
    return None


def data_stats(dataset: Dataset, steps: int, epochs: int) -> dict[str, Any]:
    """Return the SupervisedTuningDataStats of a file, in natural values."""
    return {
        "tuningDatasetExampleCount": dataset.rows,
        "totalTuningCharacterCount": dataset.characters,
        "totalBillableTokenCount": dataset.tokens * epochs,
        "tuningStepCount": steps,
        "userInputTokenDistribution": _distribution(dataset.inputs),
        "userOutputTokenDistribution": _distribution(dataset.outputs),
        "userMessagePerExampleDistribution": _distribution(dataset.messages),
        "userDatasetExamples": dataset.samples,
        "totalTruncatedExampleCount": len(dataset.dropped),
        "truncatedExampleIndices": [index for index, _ in dataset.dropped],
        "droppedExampleReasons": [reason for _, reason in dataset.dropped],
    }


def _distribution(counts: Sequence[int]) -> dict[str, Any]:
    ordered = sorted(counts)

    def percentile(share: float) -> float:
        return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))])

    low, high = ordered[0], ordered[-1]
    width = max(1.0, (high - low) / 10)
    bars = [0] * 10
    for count in ordered:
        bars[min(9, int((count - low) / width))] += 1
    return {
        "sum": sum(ordered),
        "billableSum": sum(ordered),
        "min": float(low),
        "max": float(high),
        "mean": sum(ordered) / len(ordered),
        "median": percentile(0.5),
        "p5": percentile(0.05),
        "p95": percentile(0.95),
        "buckets": [
            {"count": float(bar), "left": low + width * place, "right": low + width * (place + 1)}
            for place, bar in enumerate(bars)
            if bar
        ],
    }
