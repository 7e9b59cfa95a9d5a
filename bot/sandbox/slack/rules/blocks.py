"""The blocks of Block Kit: what each must hold, and on which surface it may stand."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from bot.sandbox.slack.records import Json
from bot.sandbox.slack.rules.data_blocks import check_chart, check_table
from bot.sandbox.slack.rules.elements import (
    IN_ACTIONS,
    IN_CONTEXT_ACTIONS,
    IN_INPUT,
    IN_SECTION,
    check_element,
    check_image_source,
)
from bot.sandbox.slack.rules.findings import Findings
from bot.sandbox.slack.rules.objects import check_optional_text, check_text, check_text_object

BLOCK_ID = 255
SECTION_TEXT = 3000
FIELD_TEXT = 2000
HEADER_TEXT = 150
LABEL_TEXT = 2000
MARKDOWN_TEXT = 12_000


def _section(findings: Findings, block: Json) -> None:
    if block.get("text") is None and not block.get("fields"):
        findings.add("missing required field: text or fields")
    check_optional_text(findings, block, "text", SECTION_TEXT)
    if "fields" in block:
        for index, text in enumerate(findings.most(block, "fields", 10)):
            with findings.at("fields", index):
                check_text_object(findings, text, FIELD_TEXT)
    if "accessory" in block:
        with findings.at("accessory"):
            check_element(findings, block["accessory"], IN_SECTION)


def _header(findings: Findings, block: Json) -> None:
    check_text(findings, block, "text", HEADER_TEXT, plain=True)


def _divider(findings: Findings, block: Json) -> None:
    """Has no fields of its own."""


def _image(findings: Findings, block: Json) -> None:
    check_image_source(findings, block)
    check_optional_text(findings, block, "title", 2000, plain=True)


def _elements(findings: Findings, block: Json, allowed: set[str], limit: int) -> None:
    seen: set[str] = set()
    for index, element in enumerate(findings.most(block, "elements", limit)):
        with findings.at("elements", index):
            check_element(findings, element, allowed)
            action_id = element.get("action_id") if isinstance(element, dict) else None
            if action_id is not None and action_id in seen:
                with findings.at("action_id"):
                    findings.add(f'`action_id` "{action_id}" already exists for another element')
            seen.add(str(action_id))


def _actions(findings: Findings, block: Json) -> None:
    _elements(findings, block, IN_ACTIONS, 25)


def _context_actions(findings: Findings, block: Json) -> None:
    _elements(findings, block, IN_CONTEXT_ACTIONS, 5)


def _context(findings: Findings, block: Json) -> None:
    for index, element in enumerate(findings.most(block, "elements", 10)):
        with findings.at("elements", index):
            if isinstance(element, dict) and element.get("type") == "image":
                check_image_source(findings, element)
            else:
                check_text_object(findings, element, SECTION_TEXT)


def _input(findings: Findings, block: Json) -> None:
    check_text(findings, block, "label", LABEL_TEXT, plain=True)
    check_optional_text(findings, block, "hint", LABEL_TEXT, plain=True)
    element = block.get("element")
    with findings.at("element"):
        if not isinstance(element, dict):
            findings.add("must provide an object")
            return
        check_element(findings, element, IN_INPUT)
    if element.get("type") == "file_input" and block.get("dispatch_action"):
        findings.add("dispatch_action is not allowed with a file_input element")


def _markdown(findings: Findings, block: Json) -> None:
    findings.required(block, "text")
    findings.longest(block, "text", MARKDOWN_TEXT)


def _rich_text(findings: Findings, block: Json) -> None:
    allowed = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    for index, element in enumerate(findings.most(block, "elements", 500)):
        with findings.at("elements", index):
            if element.get("type") not in allowed:
                findings.add(f"unsupported type: {element.get('type')}")


def _task_card(findings: Findings, block: Json) -> None:
    findings.required(block, "task_id", "title")
    findings.one_of(block, "status", "pending", "in_progress", "complete", "error")


def _plan(findings: Findings, block: Json) -> None:
    findings.required(block, "title")
    for index, task in enumerate(block.get("tasks", [])):
        with findings.at("tasks", index):
            _task_card(findings, task)


_CHECKS: dict[str, Callable[[Findings, Json], None]] = {
    "section": _section,
    "header": _header,
    "divider": _divider,
    "image": _image,
    "actions": _actions,
    "context": _context,
    "context_actions": _context_actions,
    "input": _input,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "table": check_table,
    "task_card": _task_card,
    "plan": _plan,
    "data_visualization": check_chart,
}
IN_MESSAGES = set(_CHECKS) - {"input"}
IN_VIEWS = {"section", "header", "divider", "image", "actions", "context", "input", "rich_text"}


def check_blocks(findings: Findings, blocks: list[Any], allowed: set[str], limit: int) -> None:
    """Check a list of blocks on a surface that takes the `allowed` types, at most `limit` of them."""
    findings.most({"blocks": blocks}, "blocks", limit, least=0)
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        with findings.at("blocks", index):
            kind = block.get("type") if isinstance(block, dict) else None
            if kind not in allowed:
                findings.add(f"unsupported type: {kind}")
                continue
            findings.longest(block, "block_id", BLOCK_ID)
            block_id = block.get("block_id")
            if block_id is not None and block_id in seen:
                with findings.at("block_id"):
                    findings.add(f'`block_id` "{block_id}" already exists for another block')
            seen.add(str(block_id))
            _CHECKS[kind](findings, block)


def filled_in(blocks: list[Json]) -> list[Json]:
    """Return a copy with the ids and defaults that Slack adds to blocks and elements."""
    copies: list[Json] = json.loads(json.dumps(blocks))
    for block in copies:
        block.setdefault("block_id", secrets.token_urlsafe(4)[:5])
        for element in elements_of(block):
            if element.get("type") != "image":
                element.setdefault("action_id", secrets.token_urlsafe(4)[:5])
        _fill_texts(block)
    return copies


def elements_of(block: Json) -> list[Json]:
    """Return the elements of a block that a person could act on (context texts left out)."""
    if block["type"] in ("actions", "context_actions"):
        return list(block["elements"])
    if block["type"] == "input":
        return [block["element"]]
    return [block["accessory"]] if block["type"] == "section" and "accessory" in block else []


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
