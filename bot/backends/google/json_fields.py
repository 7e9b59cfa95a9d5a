"""Reads the fields of Google's JSON: zeros that proto3 leaves out, int64 as strings, times with nanoseconds.

Every function takes any value and returns "unknown" for one of another kind, because a value that is new or
wrong must never stop the poller. This module knows no API and does no I/O.
Source: https://protobuf.dev/programming-guides/json/.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.domain.jobs import Snapshot

Json = dict[str, Any]

# Python keeps microseconds; Google sends up to nine digits.
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def integer(value: Any) -> int | None:
    """Read an int32 or int64: 3, 3.0 and "3" are all 3; anything else is None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        return int(value)
    return None


def number(value: Any) -> float | None:
    """Read a float or double; None for anything else and for the strings "NaN" and "Infinity" of proto3."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = float(value)
    except ValueError:
        return None
    return read if math.isfinite(read) else None


def timestamp(value: Any) -> datetime | None:
    """Read an RFC 3339 time as aware UTC, cut to microseconds; anything else is None."""
    found = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    seconds, fraction, zone = found.groups()
    micros = (fraction or "").ljust(6, "0")[:6]
    try:
        read = datetime.fromisoformat(f"{seconds}.{micros}{'+00:00' if zone == 'Z' else zone}")
    except ValueError:
        return None
    return read.astimezone(UTC)


def text(value: Any) -> str:
    """Read a string; anything else is empty."""
    return value if isinstance(value, str) else ""


def record(value: Any) -> Json:
    """Read a message; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[Json]:
    """Read a repeated message without members of another kind."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """Read a repeated string without members of another kind."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def last_segment(name: str) -> str:
    """Return the last part of a resource name: `projects/p/locations/l/tuningJobs/7` -> `7`."""
    return name.rpartition("/")[2]


def is_about(answer: Json, name: str) -> bool:
    """Return whether an answer is about the resource of this name, and so Google's own.

    Google may write the number of a project for its id, so only the kind of the resource and its id count.
    """
    return text(answer.get("name")).split("/")[-2:] == name.split("/")[-2:]


def tuning_snapshots(value: Any) -> tuple[Snapshot, ...]:
    """Read `TuningSnapshot`s, sorted by step (google/ai/generativelanguage/v1beta/tuned_model.proto).

    proto3 leaves zeros out, so the first epoch has no `epoch` and a loss of 0 has no `meanLoss`.
    """
    read = {
        step: Snapshot(
            step=step,
            mean_loss=number(item.get("meanLoss", 0.0)) or 0.0,
            epoch=integer(item.get("epoch")) or 0,
            computed_at=timestamp(item.get("computeTime")),
        )
        for item in records(value)
        if (step := integer(item.get("step", 0))) is not None
    }
    return tuple(read[step] for step in sorted(read))


def scalars(value: Any) -> dict[int, tuple[float, datetime | None]]:
    """Read a TensorBoard time series: step -> (value, time); proto3 leaves out step 0 and value 0.

    Source: google/cloud/aiplatform/v1/tensorboard_data.proto.
    """
    points: dict[int, tuple[float, datetime | None]] = {}
    for point in records(record(record(value).get("timeSeriesData")).get("values")):
        step = integer(point.get("step", 0))
        height = number(record(point.get("scalar")).get("value", 0.0))
        if step is not None and height is not None:
            points[step] = (height, timestamp(point.get("wallTime")))
    return points


Points = Mapping[int, tuple[float, datetime | None]]


def metric_snapshots(losses: Points, others: Mapping[str, Points]) -> tuple[Snapshot, ...]:
    """Join the loss and the other metrics of a training, by the Snapshot's field, to snapshots.

    A point between two steps of the loss joins the earlier step. Google evaluates at fewer steps than it trains,
    so most snapshots have no value of an evaluation.
    """
    steps = sorted(losses)
    joined: dict[int, dict[str, float]] = {step: {} for step in steps}
    for field, points in others.items():
        for step in sorted(points):
            earlier = bisect_right(steps, step)
            if earlier:
                joined[steps[earlier - 1]][field] = points[step][0]
    return tuple(_snapshot(step, losses[step], joined[step]) for step in steps)


def _snapshot(step: int, loss: tuple[float, datetime | None], others: Mapping[str, float]) -> Snapshot:
    counts = (others.get("predictions"), others.get("eval_predictions"))
    predictions, eval_predictions = (None if count is None else round(count) for count in counts)
    return Snapshot(
        step=step,
        mean_loss=loss[0],
        computed_at=loss[1],
        eval_loss=others.get("eval_loss"),
        correct=others.get("correct"),
        predictions=predictions,
        eval_correct=others.get("eval_correct"),
        eval_predictions=eval_predictions,
    )
