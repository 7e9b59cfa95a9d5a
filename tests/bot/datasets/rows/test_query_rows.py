"""Rows of a query, its tools and the calls that answer it (xLAM) become calls of Google, whole or not at all."""

import json
from typing import Any

import pytest

from bot.datasets.rows.query_rows import messages_of_query
from bot.datasets.rows.slow_reader import parse_row
from tests.support.dataset_builders import jsonl

ASKED = "When is low tide?"
CALL = {"name": "tide", "arguments": {"day": 1, "at": ["quay"]}}
TOOL = {
    "name": "tide",
    "description": "The tide.",
    "parameters": {
        "day": {"type": "int", "description": "The day."},
        "at": {"type": "List[str], optional", "description": "Places."},
        "metres": {"type": "float", "default": "1.0"},
        "raw": {"type": "bool"},
        "more": {"type": "Callable[[float], float]"},
        "pairs": {"type": "Tuple[int, int]"},
    },
}
ROW = {"query": ASKED, "tools": [TOOL], "answers": [CALL, CALL]}


@pytest.mark.parametrize("in_text", [True, False])
def test_calls_answer_the_query_and_parameters_become_a_schema(in_text: bool) -> None:
    held = {key: json.dumps(value) if in_text and key != "query" else value for key, value in ROW.items()}
    parsed = parse_row(jsonl(held | {"id": 7}).strip(), tools=True)
    assert parsed.example is not None
    whole = json.loads(parsed.example.whole)
    call = {"functionCall": {"name": "tide", "args": {"day": 1, "at": ["quay"]}}}
    assert whole["contents"] == [
        {"role": "user", "parts": [{"text": ASKED}]},
        {"role": "model", "parts": [call, call]},
    ]
    [declared] = whole["tools"][0]["functionDeclarations"]
    assert declared["parameters"] == {
        "type": "OBJECT",
        "properties": {
            "day": {"type": "INTEGER", "description": "The day."},
            "at": {"type": "ARRAY", "items": {"type": "STRING"}, "description": "Places."},
            "metres": {"type": "NUMBER", "default": 1.0},
            "raw": {"type": "BOOLEAN"},
            "more": {"type": "STRING"},
            "pairs": {"type": "ARRAY"},
        },
        "required": ["day", "raw", "more", "pairs"],
    }
    assert [(problem.rule, problem.field) for problem in parsed.problems] == [("keys-left-out", "id")]


def test_nothing_that_is_said_of_a_parameter_is_lost_in_silence() -> None:
    given = {
        "place": {"type": "dict", "properties": {"quay": {"type": "int"}}, "required": ["quay"]},
        "days": {"type": "list", "items": {"type": "str"}, "minItems": 1},
        "height": {"type": "float", "minimum": 3, "required": False},
        "raw": {"type": "bool", "default": "True", "required": True},
        "count": {"type": "int", "default": "two", "enum": "1 or 2"},
        "unit": {"type": "str", "default": "m", "items": None},
        "plain": "string",
    }
    parsed = parse_row(jsonl(ROW | {"tools": [TOOL | {"parameters": given}]}).strip(), tools=True)
    assert parsed.example is not None
    [declared] = json.loads(parsed.example.whole)["tools"][0]["functionDeclarations"]
    assert declared["parameters"] == {
        "type": "OBJECT",
        "properties": {
            "place": {"type": "OBJECT", "properties": {"quay": {"type": "INTEGER"}}, "required": ["quay"]},
            "days": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": 1},
            "height": {"type": "NUMBER", "minimum": 3},
            "raw": {"type": "BOOLEAN", "default": True},
            "count": {"type": "INTEGER"},
            "unit": {"type": "STRING", "default": "m"},
        },
        "required": ["place", "days", "raw"],
    }
    left_out = {problem.field for problem in parsed.problems if problem.rule == "schema-left-out"}
    assert left_out == {
        *("tools.plain", "tools.enum of another type", "tools.default of another type"),
        "tools.items of another type",
    }


def test_one_call_needs_no_list_around_it() -> None:
    parsed = parse_row(jsonl(ROW | {"tools": TOOL, "answers": CALL}).strip(), tools=True)
    assert parsed.example is not None
    assert parsed.example.texts[-1].startswith("tide(")


def test_parameters_that_are_a_schema_already_stay_as_they_are() -> None:
    schema = {"type": "object", "properties": {"day": {"type": "integer"}}}
    made = messages_of_query(
        ROW | {"tools": [{"type": "function", "function": {"name": "tide", "parameters": schema}}]}
    )
    assert made is not None
    assert made["tools"] == [{"type": "function", "function": {"name": "tide", "parameters": schema}}]


@pytest.mark.parametrize(
    "changed",
    [{"answers": "At six."}, {"answers": ["At six."]}, {"tools": "[{"}, {"tools": None}, {"query": ["a"]}],
)
def test_a_row_whose_query_tools_or_answers_are_of_another_kind_is_left_alone(changed: dict[str, Any]) -> None:
    assert messages_of_query(ROW | changed) is None
    assert messages_of_query({key: ROW[key] for key in ("query", "answers")}) is None


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"answers": "[]"}, ("empty-field", "answers")),
        ({"answers": "[]", "tools": "[]"}, ("empty-field", "answers")),
        (
            {"answers": [{"name": "tide", "arguments": "{"}]},
            ("tool-arguments", "answers[0].function.arguments"),
        ),
        ({"query": " "}, ("empty-field", "query")),
    ],
)
def test_errors_name_the_keys_of_the_file(changed: dict[str, Any], problem: tuple[str, str]) -> None:
    parsed = parse_row(jsonl(ROW | changed).strip(), tools=True)
    assert problem in [(found.rule, found.field) for found in parsed.problems]
    assert parsed.problems.refused
