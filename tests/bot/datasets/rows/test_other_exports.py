"""Exports that are no examples are named with the way to examples, and none of their keys is offered."""

from typing import Any

import pytest

from bot.datasets.findings.rules import RULES
from bot.datasets.rows.other_exports import export_of
from tests.support.dataset_builders import check_bytes, finding, jsonl

EXPORTS: list[tuple[dict[str, Any], str]] = [
    ({"id": "batch_req_1", "custom_id": "r1", "response": {"body": {}}, "error": None}, "a batch of OpenAI"),
    ({"id": "batch_req_1", "custom_id": "r1", "response": None, "error": {"code": "x"}}, "a batch of OpenAI"),
    ({"custom_id": "r1", "result": {"type": "succeeded"}}, "a batch of Anthropic"),
    ({"key": "r1", "response": {"candidates": []}}, "answers of a batch"),
    ({"id": 1, "data": {"prompt": "q"}, "annotations": [{"result": []}]}, "Label Studio"),
    ({"id": "1", "fields": {"q": "a"}, "responses": {"r": [{"value": "a"}]}}, "Argilla"),
    ({"segments": [{"label": True, "text": "a"}]}, "Axolotl"),
    ({"message_tree_id": "a", "tree_state": "ready", "prompt": {"text": "q"}}, "OpenAssistant"),
    ({"message_id": "a", "parent_id": None, "text": "q", "role": "prompter"}, "OpenAssistant"),
    ({"title": "a", "mapping": {"b": {}}, "conversation_id": "c"}, "ChatGPT"),
    ({"conversation_a": [], "conversation_b": [], "winner": "model_a"}, "compared"),
    ({"subject": "a", "description": "b", "comments": [], "status": "solved"}, "help desk"),
    ({"tickets": [{"subject": "a"}], "count": 1}, "tickets"),
    ({"intents": [{"tag": "a", "patterns": ["q"], "responses": ["a"]}]}, "intents"),
    ({"cells": [], "nbformat": 4}, "notebook"),
    ({"url": "https://docs.google.com/open?id=1", "email": "a"}, "shortcut"),
    ({"ok": False, "error": "invalid_auth"}, "error message"),
    ({"role": "user", "content": "a"}, "single turns"),
    ({"text": "### Instruction: a"}, "single texts"),
    ({"date": "1/2", "sender": "Ada", "message": "a"}, "single turns"),
    ({"from": "human", "value": "a"}, "single turns"),
    ({"title": "a", "paragraphs": [{"context": "b", "qas": []}]}, "SQuAD"),
    ({"object": "fine_tuning.job", "id": "a", "training_file": "b"}, "fine-tuning jobs"),
    ({"step": 1, "train_loss": 0.5}, "measurements"),
]


@pytest.mark.parametrize(("row", "what"), EXPORTS)
def test_an_export_is_named_and_its_keys_are_not_offered(row: dict[str, Any], what: str) -> None:
    report = check_bytes(jsonl(row))
    found = finding(report, "other-export")
    assert what in found.message
    assert found.advice
    assert (report.ok, report.guessed_mapping, report.examples) == (False, None, 0)


def test_what_is_said_of_an_export_is_never_cut() -> None:
    exports = [export_of(row) for row, _ in EXPORTS]
    template = RULES["other-export"].message
    assert all(export is not None and template.format(value=export.what) for export in exports)
    for row, _ in EXPORTS:
        assert "…" not in finding(check_bytes(jsonl(row)), "other-export").message


@pytest.mark.parametrize(
    "row",
    [
        {"question": "q", "answer": "a", "error": "none"},
        {"text": "q", "label": 1},
        {"author": "Ada", "text": "q", "label": 1},
        {"custom_id": "r1", "body": {"messages": []}},
    ],
)
def test_other_rows_are_no_export(row: dict[str, Any]) -> None:
    assert not check_bytes(jsonl(row)).findings or "other-export" not in {
        found.rule for found in check_bytes(jsonl(row)).findings
    }
