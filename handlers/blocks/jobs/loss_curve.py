"""Builds the metrics over the steps of a job: as charts, and as text where the workspace refuses charts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.domain.jobs import Snapshot
from handlers.blocks.elements import section
from handlers.blocks.formatting import count, loss, percent
from handlers.blocks.message import CHART, Block

POINTS = 20  # Slack's limit for one series
_TEXT_POINTS = 6
_FEW_EVALUATIONS = 5
_LABEL = 20  # Slack's limit for the label of a point
Value = Callable[[Snapshot], float | None]
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class LossCurve:
    """The snapshots to draw, one for each step, ascending; losses that are not finite are left out.

    `epochs` and `total_steps` are of the whole tuning, 0 where they are not known: then no epoch is marked.
    """

    points: tuple[Snapshot, ...]
    epochs: int = 0
    total_steps: int = 0

    @classmethod
    def of(cls, snapshots: Sequence[Snapshot], epochs: int = 0, total_steps: int = 0) -> "LossCurve":
        by_step = {each.step: each for each in snapshots if math.isfinite(each.mean_loss)}
        return cls(tuple(by_step[step] for step in sorted(by_step)), epochs, total_steps)

    @property
    def last(self) -> Snapshot | None:
        return self.points[-1] if self.points else None

    def measured(self, value: Value) -> tuple[Snapshot, ...]:
        """Return the snapshots at which Google measured this value."""
        return tuple(each for each in self.points if _finite(value(each)) is not None)

    def labels(self, points: Sequence[Snapshot]) -> list[str]:
        """Return the step of each point; the first one of an epoch names the epoch, where that is known."""
        marks = self.marks(points)
        return [
            f"{each.step}{f' · {mark}' if mark else ''}"[:_LABEL] for each, mark in zip(points, marks, strict=True)
        ]

    def marks(self, points: Sequence[Snapshot]) -> list[str]:
        """Return `epoch 2` for the first point of an epoch, where that is known, and an empty text for others."""
        marks, before = [], 0
        for each in points:
            epoch = self._epoch(each.step)
            marks.append(f"epoch {epoch}" if epoch > before and self.epochs > 1 else "")
            before = epoch
        return marks

    def _epoch(self, step: int) -> int:
        if not self.epochs or not self.total_steps:
            return 0
        return min(self.epochs, max(1, math.ceil(step * self.epochs / self.total_steps)))

    def text(self) -> str:
        """Return `Mean loss 0.42 at step 23, down from 3.1 at step 1.` and more; empty without a snapshot."""
        if self.last is None:
            return ""
        first, last = self.points[0], self.points[-1]
        text = f"Mean loss {loss(last.mean_loss)} at step {last.step:,}"
        if len(self.points) > 1:
            text += f", {_direction(first.mean_loss, last.mean_loss)} {loss(first.mean_loss)}"
            text += f" at step {first.step:,}"
        text += "."
        if trained := self.measured(_correct):
            latest = trained[-1]
            correct = _correct_text(latest.correct, latest.predictions)
            at = f" at step {latest.step:,}" if latest.step != last.step else ""
            text += f" {correct[:1].upper()}{correct[1:]}{at}."
        if evaluated := self.measured(_eval_loss):
            latest = evaluated[-1]
            text += f" On the validation file {loss(_finite(latest.eval_loss) or 0.0)} at step {latest.step:,}"
            correct = _correct_text(latest.eval_correct, latest.eval_predictions)
            text += f", {correct}." if correct else "."
        return text


def build_loss_chart(curve: LossCurve, block_id: str) -> Block | None:
    """Build a line chart of the loss of at most 20 points; None below two points, which draw no line."""
    return _chart(curve, block_id, "Mean loss by step", "Mean loss", _mean_loss, _eval_loss)


def build_correct_chart(curve: LossCurve, block_id: str) -> Block | None:
    """Build the same of the fraction of correct predictions; None where Google measures none."""
    return _chart(curve, block_id, "Correct predictions by step", "Fraction correct", _correct, _eval_correct)


def _chart(
    curve: LossCurve, block_id: str, title: str, label: str, training: Value, validation: Value
) -> Block | None:
    """Build a line chart.

    Each series must have a value for each category
    (docs.slack.dev/reference/block-kit/blocks/data-visualization-block), so the validation is drawn only where
    enough steps were measured with it, and then only those steps are drawn.
    """
    trained = curve.measured(training)
    evaluated = [each for each in curve.measured(validation) if _finite(training(each)) is not None]
    both = len(evaluated) >= _FEW_EVALUATIONS
    points = sample(evaluated if both else trained, POINTS)
    if len(points) < 2:
        return None
    labels = curve.labels(points)
    series = [_series("Training", labels, [training(each) for each in points])]
    if both:
        series.append(_series("Validation", labels, [validation(each) for each in points]))
    return {
        "type": CHART,
        "block_id": block_id,
        "title": title,
        "chart": {
            "type": "line",
            "series": series,
            "axis_config": {"categories": labels, "x_label": "Step", "y_label": label},
        },
    }


def build_loss_text(curve: LossCurve, block_id: str) -> Block | None:
    """Build the same curve as a row of bars and a few of its points as text; None below two points."""
    if len(curve.points) < 2:
        return None
    drawn = sample(curve.points, POINTS)
    lowest = min(curve.points, key=lambda each: each.mean_loss)
    return section(
        f"*Mean loss by step*\n`{_sparkline([each.mean_loss for each in drawn])}`\n"
        f"{_named(curve, curve.points, lambda each: loss(each.mean_loss))}\n"
        f"Lowest: {loss(lowest.mean_loss)} at step {lowest.step:,}.",
        block_id,
    )


def build_correct_text(curve: LossCurve, block_id: str) -> Block | None:
    """Build the same of the fraction of correct predictions; None below two points."""
    points = curve.measured(_correct)
    if len(points) < 2:
        return None
    bars = _sparkline([each.correct or 0.0 for each in sample(points, POINTS)])
    named = _named(curve, points, lambda each: percent(100 * (each.correct or 0.0)))
    return section(f"*Correct predictions by step*\n`{bars}`\n{named}", block_id)


def _named(curve: LossCurve, points: Sequence[Snapshot], shown: Callable[[Snapshot], str]) -> str:
    named = sample(points, _TEXT_POINTS)
    marks = (f" ({mark})" if mark else "" for mark in curve.marks(named))
    return " · ".join(f"step {each.step:,}{mark}: {shown(each)}" for each, mark in zip(named, marks, strict=True))


def sample(points: Sequence[Snapshot], most: int) -> list[Snapshot]:
    """Return at most `most` points, evenly spread, always with the first and the last."""
    if len(points) <= most:
        return list(points)
    stride = (len(points) - 1) / (most - 1)
    return [points[round(index * stride)] for index in range(most)]


def _series(name: str, labels: Sequence[str], values: Sequence[float | None]) -> Block:
    data = [
        {"label": label, "value": float(f"{value or 0.0:.6g}")}
        for label, value in zip(labels, values, strict=True)
    ]
    return {"name": name, "data": data}


def _mean_loss(snapshot: Snapshot) -> float | None:
    return snapshot.mean_loss


def _eval_loss(snapshot: Snapshot) -> float | None:
    return snapshot.eval_loss


def _correct(snapshot: Snapshot) -> float | None:
    return snapshot.correct


def _eval_correct(snapshot: Snapshot) -> float | None:
    return snapshot.eval_correct


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _correct_text(correct: float | None, predictions: int | None) -> str:
    """Return `81% of 1,024 predictions were correct`; empty where Google measured nothing."""
    if _finite(correct) is None or correct is None:
        return ""
    of = count(predictions, "prediction") if predictions else "the predictions"
    return f"{percent(100 * correct)} of {of} {'was' if predictions == 1 else 'were'} correct"


def _direction(first: float, last: float) -> str:
    if math.isclose(first, last):
        return "the same as"
    return "down from" if last < first else "up from"


def _sparkline(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    # Both are halved first, since the difference of two floats may be infinite.
    span = (high / 2 - low / 2) or 1.0
    return "".join(_BARS[round((value / 2 - low / 2) / span * (len(_BARS) - 1))] for value in values)
