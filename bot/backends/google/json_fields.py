"""Reading Google's JSON: what proto3 leaves out, int64 that arrive as strings, timestamps with nanoseconds.

Every reader takes whatever came and falls back to "Google did not say", because an unknown or odd value must
never stop the poller. Nothing here knows which API the JSON came from, and nothing here does I/O.
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


def whole(value: Any) -> int | None:
    """An int32 or int64: 3, 3.0 and "3" are all 3; anything else is None."""
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
    """A float or double; proto3 writes the values that JSON lacks as the strings "NaN" and "Infinity"."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = float(value)
    except ValueError:
        return None
    return read if math.isfinite(read) else None


def timestamp(value: Any) -> datetime | None:
    """An RFC 3339 time as aware UTC, cut to microseconds."""
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
    """A string; anything else is empty."""
    return value if isinstance(value, str) else ""


def record(value: Any) -> Json:
    """A message; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[Json]:
    """A repeated message; members of another kind are left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """A repeated string; members of another kind are left out."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def last_segment(name: str) -> str:
    """`projects/p/locations/l/tuningJobs/7` -> `7`."""
    return name.rpartition("/")[2]


def tuning_snapshots(value: Any) -> tuple[Snapshot, ...]:
    """`TuningSnapshot`s by step. The first epoch is 0 and a loss may be 0: both are left out on the wire."""
    read = {
        step: Snapshot(
            step=step,
            mean_loss=number(item.get("meanLoss", 0.0)) or 0.0,
            epoch=whole(item.get("epoch")) or 0,
            computed_at=timestamp(item.get("computeTime")),
        )
        for item in records(value)
        if (step := whole(item.get("step", 0))) is not None
    }
    return tuple(read[step] for step in sorted(read))


def scalars(value: Any) -> dict[int, tuple[float, datetime | None]]:
    """The points of a TensorBoard time series: step -> (value, time); proto3 leaves out step 0 and value 0."""
    points: dict[int, tuple[float, datetime | None]] = {}
    for point in records(record(record(value).get("timeSeriesData")).get("values")):
        step = whole(point.get("step", 0))
        height = number(record(point.get("scalar")).get("value", 0.0))
        if step is not None and height is not None:
            points[step] = (height, timestamp(point.get("wallTime")))
    return points


def losses(
    training: Mapping[int, tuple[float, datetime | None]], validation: Mapping[int, tuple[float, datetime | None]]
) -> tuple[Snapshot, ...]:
    """Snapshots out of the two loss series; an evaluation between two training points joins the earlier one.

    Evaluation runs on a coarser grid of steps, so most snapshots have no `eval_loss`.
    """
    steps = sorted(training)
    evaluated: dict[int, float] = {}
    for step in sorted(validation):
        earlier = bisect_right(steps, step)
        if earlier:
            evaluated[steps[earlier - 1]] = validation[step][0]
    return tuple(
        Snapshot(step=step, mean_loss=loss, computed_at=at, eval_loss=evaluated.get(step))
        for step, (loss, at) in sorted(training.items())
    )
