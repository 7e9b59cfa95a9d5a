"""Builds the loss over the steps of a job: as a chart, and as text where the workspace refuses charts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.jobs import Snapshot
from handlers.blocks.elements import section
from handlers.blocks.formatting import loss
from handlers.blocks.message import CHART, Block

POINTS = 20  # Slack's limit for one series
_TEXT_POINTS = 6
_FEW_EVALUATIONS = 5
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class LossCurve:
    """The snapshots to draw, one for each step, ascending; losses that are not finite are left out."""

    points: tuple[Snapshot, ...]

    @classmethod
    def of(cls, snapshots: Sequence[Snapshot]) -> "LossCurve":
        by_step = {each.step: each for each in snapshots if math.isfinite(each.mean_loss)}
        return cls(tuple(by_step[step] for step in sorted(by_step)))

    @property
    def last(self) -> Snapshot | None:
        return self.points[-1] if self.points else None

    @property
    def evaluated(self) -> tuple[Snapshot, ...]:
        """Return the snapshots with a loss on the validation file."""
        return tuple(each for each in self.points if _evaluation(each) is not None)

    def text(self) -> str:
        """Return `Mean loss 0.42 at step 23, down from 3.1 at step 1.`; empty without a snapshot."""
        if self.last is None:
            return ""
        first, last = self.points[0], self.points[-1]
        text = f"Mean loss {loss(last.mean_loss)} at step {last.step:,}"
        if len(self.points) > 1:
            text += f", {_direction(first.mean_loss, last.mean_loss)} {loss(first.mean_loss)}"
            text += f" at step {first.step:,}"
        text += "."
        if self.evaluated:
            latest = self.evaluated[-1]
            text += f" On the validation file {loss(_evaluation(latest) or 0.0)} at step {latest.step:,}."
        return text


def build_loss_chart(curve: LossCurve, block_id: str) -> Block | None:
    """Build a line chart of at most 20 points; None below two points, which draw no line.

    Each series must have a value for each category
    (docs.slack.dev/reference/block-kit/blocks/data-visualization-block), so the validation loss is drawn only
    where enough steps have one, and then only those steps are drawn.
    """
    both = len(curve.evaluated) >= _FEW_EVALUATIONS
    points = sample(curve.evaluated if both else curve.points, POINTS)
    if len(points) < 2:
        return None
    series = [_series("Training", points, [each.mean_loss for each in points])]
    if both:
        series.append(_series("Validation", points, [_evaluation(each) or 0.0 for each in points]))
    return {
        "type": CHART,
        "block_id": block_id,
        "title": "Mean loss by step",
        "chart": {
            "type": "line",
            "series": series,
            "axis_config": {
                "categories": [str(each.step) for each in points],
                "x_label": "Step",
                "y_label": "Mean loss",
            },
        },
    }


def build_loss_text(curve: LossCurve, block_id: str) -> Block | None:
    """Build the same curve as a row of bars and a few of its points as text; None below two points."""
    if len(curve.points) < 2:
        return None
    drawn = sample(curve.points, POINTS)
    named = " · ".join(
        f"step {each.step:,}: {loss(each.mean_loss)}" for each in sample(curve.points, _TEXT_POINTS)
    )
    lowest = min(curve.points, key=lambda each: each.mean_loss)
    return section(
        f"*Mean loss by step*\n`{_sparkline([each.mean_loss for each in drawn])}`\n"
        f"{named}\nLowest: {loss(lowest.mean_loss)} at step {lowest.step:,}.",
        block_id,
    )


def sample(points: Sequence[Snapshot], most: int) -> list[Snapshot]:
    """Return at most `most` points, evenly spread, always with the first and the last."""
    if len(points) <= most:
        return list(points)
    stride = (len(points) - 1) / (most - 1)
    return [points[round(index * stride)] for index in range(most)]


def _series(name: str, points: Sequence[Snapshot], values: Sequence[float]) -> Block:
    data = [
        {"label": str(each.step), "value": float(f"{value:.6g}")}
        for each, value in zip(points, values, strict=True)
    ]
    return {"name": name, "data": data}


def _evaluation(snapshot: Snapshot) -> float | None:
    value = snapshot.eval_loss
    return value if value is not None and math.isfinite(value) else None


def _direction(first: float, last: float) -> str:
    if math.isclose(first, last):
        return "the same as"
    return "down from" if last < first else "up from"


def _sparkline(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    # Both are halved first, since the difference of two floats may be infinite.
    span = (high / 2 - low / 2) or 1.0
    return "".join(_BARS[round((value / 2 - low / 2) / span * (len(_BARS) - 1))] for value in values)
