"""Charts: lines and bars."""

from typing import Any, Final

from nicegui import ui

from bot.sandbox.page.markup import Redraw, tag
from bot.sandbox.page.reader import Surface
from bot.sandbox.slack.records import Json

_COLOURS: Final = ["#1264a3", "#b8521f", "#2b7a4b", "#8a3ab9", "#a8123e", "#5c5c00"]
# The font is named: the widths of words are measured outside of the page, where "inherit" names no font.
_FONT: Final = 'Roboto, system-ui, -apple-system, "Segoe UI", sans-serif'
_WORDS: Final = {"color": "#4a4a4f", "fontFamily": _FONT, "fontSize": 12}


def draw_chart(block: Json, surface: Surface) -> Redraw[Json]:
    """A line or bar chart; later points are added in place."""
    with tag("div", classes="chart", role="img", aria_label=in_words(block)) as figure:
        tag("div", block["title"], "chart-title")
        chart = ui.echart(_options(block["chart"]), renderer="svg").classes("chart-area")

    def redraw(later: Json) -> None:
        figure.attribute("aria-label", in_words(later))
        chart.options.clear()
        chart.options.update(_options(later["chart"]))
        chart.update()

    return redraw


def in_words(block: Json) -> str:
    """What the chart shows, for those who do not see it."""
    chart = block["chart"]
    parts = [
        f"{each['name']} from {each['data'][0]['value']:g} at {each['data'][0]['label']} "
        f"to {each['data'][-1]['value']:g} at {each['data'][-1]['label']}"
        for each in chart["series"]
    ]
    return f"{block['title']}, a {chart['type']} chart. {'; '.join(parts)}."


def _options(chart: Json) -> dict[str, Any]:
    axis = chart["axis_config"]
    several = len(chart["series"]) > 1
    return {
        "animation": False, "color": _COLOURS, "textStyle": {"fontFamily": _FONT},
        "tooltip": {"trigger": "axis", "confine": True},
        "legend": {"show": several, "top": 0, "right": 0, "textStyle": _WORDS},
        "grid": {"left": 56, "right": 16, "top": 28 if several else 12, "bottom": 44},
        "xAxis": {
            "type": "category", "data": axis["categories"], "name": axis.get("x_label", ""),
            "nameLocation": "middle", "nameGap": 26, "nameTextStyle": _WORDS, "axisLabel": _WORDS,
            "boundaryGap": chart["type"] == "bar", "axisTick": {"show": False},
        },
        "yAxis": {
            "type": "value", "name": axis.get("y_label", ""), "nameLocation": "middle", "nameGap": 40,
            "nameTextStyle": _WORDS, "axisLabel": _WORDS, "splitLine": {"lineStyle": {"color": "#e4e4e8"}},
        },
        "series": [_series(chart["type"], each, axis["categories"], number) for number, each in enumerate(
            chart["series"]
        )],
    }  # fmt: skip


def _series(kind: str, series: Json, categories: list[str], number: int) -> dict[str, Any]:
    values = {point["label"]: point["value"] for point in series["data"]}
    return {
        "name": series["name"],
        "type": "bar" if kind == "bar" else "line",
        "data": [values.get(label) for label in categories],
        # The second line is dashed, so that colour is not all that tells them apart.
        "lineStyle": {"width": 2.5, "type": "dashed" if number else "solid"},
        "symbol": "diamond" if number else "circle",
        "symbolSize": 7,
    }
