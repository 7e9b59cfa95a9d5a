"""The fields, types and limits of the blocks that the bot sends, and on which surface each may be.

Any other block is refused; a new block of the bot's needs a row here first, and a painter in `page/block_kit`.
Source: https://docs.slack.dev/reference/block-kit/blocks (a page a block, as ``section-block``).
The tables repeat the product's own knowledge on purpose: this is the judge of what the product sends.
"""

import json
import secrets
from typing import Any

from bot.sandbox.slack.records import Json
from bot.sandbox.slack.rules.element_shapes import (
    ELEMENTS,
    ID,
    IN_ACTIONS,
    IN_INPUT,
    plain,
    text,
)
from bot.sandbox.slack.rules.shapes import (
    Check,
    Findings,
    Needed,
    boolean,
    by_type,
    items,
    number,
    one_of,
    shape,
    string,
    whole,
)

SECTION_TEXT = 3000
HEADER_TEXT = 150
MARKDOWN_TEXT = 12_000
CHART_LABEL = 20


def _block(*also: Check, **fields: Check | Needed) -> Check:
    return shape(*also, block_id=string(ID), **fields)


def _elements(most: int, *kinds: str) -> Check:
    return _block(elements=Needed(items(most, by_type(ELEMENTS, kinds), unique="action_id")))


def _text_or_fields(findings: Findings, block: Json) -> None:
    if block.get("text") is None and not block.get("fields"):
        findings.add("missing required field: text or fields")


def _no_dispatch_of_files(findings: Findings, block: Json) -> None:
    element = block.get("element")
    if block.get("dispatch_action") and isinstance(element, dict) and element.get("type") == "file_input":
        findings.add("dispatch_action is not allowed with a file_input element")


def _series_cover_the_categories(findings: Findings, chart: Json) -> None:
    axis, every = chart.get("axis_config"), chart.get("series")
    if not isinstance(axis, dict) or not isinstance(every, list):
        return
    categories = sorted(map(str, axis.get("categories") or []))
    if len(set(categories)) != len(categories):
        findings.add("categories must be unique")
    for index, series in enumerate(every):
        points = series.get("data", []) if isinstance(series, dict) else []
        labels = [str(point.get("label")) for point in points if isinstance(point, dict)]
        if sorted(labels) != categories:
            with findings.at("series", index):
                findings.add("series must have one data point for every category")


def _label_text(findings: Findings, value: Any) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= CHART_LABEL:
        findings.add(f"categories must be strings of 1 to {CHART_LABEL} characters")


_LABEL = Needed(string(CHART_LABEL, 1))
_POINT = shape(label=_LABEL, value=Needed(number))
_SERIES_CHART = shape(
    _series_cover_the_categories,
    axis_config=Needed(
        shape(categories=Needed(items(20, _label_text)), x_label=string(50), y_label=string(50))
    ),
    series=Needed(items(6, shape(name=_LABEL, data=Needed(items(20, _POINT))), unique="name")),
)  # fmt: skip
_CHARTS = dict.fromkeys(("line", "bar"), _SERIES_CHART)

BLOCKS: dict[str, Check] = {
    "section": _block(
        _text_or_fields, text=text(SECTION_TEXT), fields=items(10, text(2000)),
        accessory=by_type(ELEMENTS, IN_ACTIONS), expand=boolean,
    ),
    "header": _block(text=Needed(plain(HEADER_TEXT)), level=whole(1, 4)),
    "divider": _block(),
    "actions": _elements(25, *IN_ACTIONS),
    "context": _block(
        elements=Needed(items(10, by_type(dict.fromkeys(("plain_text", "mrkdwn"), text(SECTION_TEXT)))))
    ),
    "context_actions": _elements(5, "feedback_buttons"),
    "input": _block(
        _no_dispatch_of_files, label=Needed(plain(2000)), hint=plain(2000), optional=boolean,
        dispatch_action=boolean, element=Needed(by_type(ELEMENTS, IN_INPUT)),
    ),
    "markdown": _block(text=Needed(string(MARKDOWN_TEXT, 1))),
    "data_visualization": _block(title=Needed(string(50, 1)), chart=Needed(by_type(_CHARTS))),
}  # fmt: skip
_CHILDREN = set(BLOCKS) - {"input", "data_visualization"}
BLOCKS["container"] = _block(
    title=plain(150), subtitle=text(150), child_blocks=Needed(items(10, by_type(BLOCKS, _CHILDREN))),
    is_collapsible=boolean, default_collapsed=boolean, has_header_divider=boolean,
    width=one_of("narrow", "standard", "wide", "full"),
)  # fmt: skip
IN_MESSAGES = set(BLOCKS) - {"input"}
IN_VIEWS = {"section", "header", "divider", "actions", "context", "input"}


def check_blocks(findings: Findings, blocks: list[Any], allowed: set[str], most: int) -> None:
    """Check a list of blocks on a surface that takes the `allowed` types, at most `most` of them."""
    with findings.at("blocks"):
        items(most, by_type(BLOCKS, allowed), least=0, unique="block_id", called="block")(findings, blocks)


def filled_in(blocks: list[Json]) -> list[Json]:
    """Return a copy with the ids and defaults that Slack adds to blocks and elements."""
    copies: list[Json] = json.loads(json.dumps(blocks))
    for block in copies:
        block.setdefault("block_id", secrets.token_urlsafe(4)[:5])
        for element in elements_of(block):
            element.setdefault("action_id", secrets.token_urlsafe(4)[:5])
        if block["type"] == "container":
            block["child_blocks"] = filled_in(block["child_blocks"])
        _fill_texts(block)
    return copies


def elements_of(block: Json) -> list[Json]:
    """Return the elements of a block that a person could act on (context texts left out)."""
    match block["type"]:
        case "actions" | "context_actions":
            return list(block["elements"])
        case "input":
            return [block["element"]]
        case "section" if "accessory" in block:
            return [block["accessory"]]
    return []


def _fill_texts(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _fill_texts(item)
    elif isinstance(value, dict):
        if value.get("type") == "plain_text":
            value.setdefault("emoji", True)
        elif value.get("type") == "mrkdwn":
            value.setdefault("verbatim", False)
        for item in value.values():
            _fill_texts(item)
