"""The blocks that show data: charts and tables."""

import math
from typing import Any

from bot.sandbox.slack.records import Json
from bot.sandbox.slack.rules.findings import Findings

CHART_TITLE = 50
CHART_LABEL = 20
AXIS_LABEL = 50
MOST_POINTS = 20
MOST_SERIES = 6
TABLE_ROWS = 100
TABLE_COLUMNS = 20
TABLE_CHARACTERS = 10_000


def check_chart(findings: Findings, block: Json) -> None:
    """Check a ``data_visualization`` block."""
    findings.required(block, "title")
    findings.longest(block, "title", CHART_TITLE)
    chart = block.get("chart")
    with findings.at("chart"):
        if not isinstance(chart, dict):
            findings.add("must provide an object")
        elif chart.get("type") == "pie":
            for index, segment in enumerate(findings.most(chart, "segments", MOST_SERIES)):
                with findings.at("segments", index):
                    _check_point(findings, segment, positive=True)
        elif chart.get("type") in ("line", "bar", "area"):
            _check_series_chart(findings, chart)
        else:
            findings.add(f"unsupported type: {chart.get('type')}")


def _check_series_chart(findings: Findings, chart: Json) -> None:
    axis = chart.get("axis_config")
    if not isinstance(axis, dict):
        findings.add("missing required field: axis_config")
        return
    with findings.at("axis_config"):
        categories = findings.most(axis, "categories", MOST_POINTS)
        for label in categories:
            if not isinstance(label, str) or not 1 <= len(label) <= CHART_LABEL:
                findings.add(f"categories must be strings of 1 to {CHART_LABEL} characters")
        if len(set(map(str, categories))) != len(categories):
            findings.add("categories must be unique")
        findings.longest(axis, "x_label", AXIS_LABEL)
        findings.longest(axis, "y_label", AXIS_LABEL)
    names: set[Any] = set()
    for index, series in enumerate(findings.most(chart, "series", MOST_SERIES)):
        with findings.at("series", index):
            findings.required(series, "name")
            findings.longest(series, "name", CHART_LABEL)
            if series.get("name") in names:
                findings.add("series names must be unique")
            names.add(series.get("name"))
            points = findings.most(series, "data", MOST_POINTS)
            for place, point in enumerate(points):
                with findings.at("data", place):
                    _check_point(findings, point, positive=False)
            labels = sorted(str(point.get("label")) for point in points if isinstance(point, dict))
            if labels != sorted(map(str, categories)):
                findings.add("series must have one data point for every category")


def _check_point(findings: Findings, point: Any, *, positive: bool) -> None:
    if not isinstance(point, dict):
        findings.add("must provide an object")
        return
    findings.required(point, "label")
    findings.longest(point, "label", CHART_LABEL)
    value = point.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        findings.add("value must be a finite number")
    elif positive and value <= 0:
        findings.add("value must be greater than 0")


def check_table(findings: Findings, block: Json) -> None:
    """Check a ``table`` block."""
    characters = 0
    for index, row in enumerate(findings.most(block, "rows", TABLE_ROWS)):
        with findings.at("rows", index):
            if not isinstance(row, list) or not 1 <= len(row) <= TABLE_COLUMNS:
                findings.add(f"must be an array of 1 to {TABLE_COLUMNS} cells")
                continue
            for place, cell in enumerate(row):
                with findings.at(place):
                    characters += _check_cell(findings, cell)
    if characters > TABLE_CHARACTERS:
        findings.add(f"must be less than {TABLE_CHARACTERS + 1} characters over all cells")
    if "column_settings" in block:
        for index, column in enumerate(findings.most(block, "column_settings", TABLE_COLUMNS)):
            with findings.at("column_settings", index):
                if column is not None:
                    findings.one_of(column, "align", "left", "center", "right")


def _check_cell(findings: Findings, cell: Any) -> int:
    kind = cell.get("type") if isinstance(cell, dict) else None
    if kind == "raw_text":
        findings.required(cell, "text")
        return len(str(cell.get("text", "")))
    if kind == "raw_number":
        if not isinstance(cell.get("value"), int | float):
            findings.add("missing required field: value")
        return len(str(cell.get("text", "")))
    if kind == "rich_text":
        findings.most(cell, "elements", 100)
        return 0
    findings.add(f"unsupported type: {kind}")
    return 0
