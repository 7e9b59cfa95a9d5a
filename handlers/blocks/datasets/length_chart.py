"""Builds the lengths of the inputs and outputs of a file: as a chart, and as text where charts are refused."""

from typing import Final

from bot.datasets import DatasetReport, Histogram
from handlers.blocks.elements import section
from handlers.blocks.message import CHART, Block

POINTS: Final = 20  # Slack's limit for one series
_BARS = "▁▂▃▄▅▆▇█"


def build_length_chart(report: DatasetReport, block_id: str) -> Block | None:
    """Build a bar chart of both histograms over the same lengths; None without rows."""
    ranges = _ranges(report)
    if not ranges:
        return None
    return {
        "type": CHART,
        "block_id": block_id,
        "title": "Rows by length in characters",
        "chart": {
            "type": "bar",
            "series": [_series("Input", report.inputs, ranges), _series("Output", report.outputs, ranges)],
            "axis_config": {
                "categories": [_label(*each) for each in ranges],
                "x_label": "Characters",
                "y_label": "Examples",
            },
        },
    }


def build_length_text(report: DatasetReport, block_id: str) -> Block | None:
    """Build the same as two rows of bars and two sentences; None without rows."""
    ranges = _ranges(report)
    if not ranges:
        return None
    lines = ["*Rows by length in characters*"]
    for name, histogram in (("Input", report.inputs), ("Output", report.outputs)):
        bars = _bars(_counts(histogram, ranges))
        lines.append(f"{name}: `{bars}` mean {histogram.mean:,.0f}, longest {histogram.longest:,}.")
    lines.append(f"Each bar stands for twice the length of the one before, from {_label(*ranges[0])}.")
    return section("\n".join(lines), block_id)


def _ranges(report: DatasetReport) -> list[tuple[int, int]]:
    """Return the ranges of either histogram, shortest first; only the longest 20 where there are more."""
    buckets = {(low, high) for each in (report.inputs, report.outputs) for low, high, _ in each.buckets()}
    return sorted(buckets)[-POINTS:]


def _counts(histogram: Histogram, ranges: list[tuple[int, int]]) -> list[int]:
    counts = {(low, high): count for low, high, count in histogram.buckets()}
    return [counts.get(each, 0) for each in ranges]


def _series(name: str, histogram: Histogram, ranges: list[tuple[int, int]]) -> Block:
    data = [
        {"label": _label(*each), "value": count}
        for each, count in zip(ranges, _counts(histogram, ranges), strict=True)
    ]
    return {"name": name, "data": data}


def _label(low: int, high: int) -> str:
    """Return a label of at most 20 characters, Slack's limit."""
    return f"{_short(low)}-{_short(high)}"


def _short(number: int) -> str:
    return str(number) if number < 10_000 else f"{number / 1000:.0f}k"


def _bars(counts: list[int]) -> str:
    most = max(counts, default=0) or 1
    return "".join(_BARS[round((len(_BARS) - 1) * count / most)] if count else "·" for count in counts)
