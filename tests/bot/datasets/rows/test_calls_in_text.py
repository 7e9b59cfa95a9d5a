"""Calls of tools inside of texts become calls of Google where all of them can be read, and are named elsewhere."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.datasets import Converter
from bot.domain.datasets import Dialect
from tests.support.dataset_builders import GEMINI_API, VERTEX, check_bytes, jsonl, rows_of, rules

TAKES_TOOLS = replace(VERTEX, takes_tools=True)
ASKED, SAID = "When is low tide?", "At six."
TOOL = {
    "name": "tide",
    "description": "The tide.",
    "parameters": {"type": "object", "properties": {"day": {"type": "integer"}}},
}
CALL = '<tool_call>\n{"name": "tide", "arguments": {"day": 1}}\n</tool_call>'
RESULT = '<tool_response>\n{"low": "six"}\n</tool_response>'
TOLD = (
    "Call tools in <tool_call></tool_call>. <tools>"
    + json.dumps([{"type": "function", "function": TOOL}])
    + "</tools>"
)


def openai(*turns: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in turns]} | more


def sharegpt(*turns: tuple[str, str]) -> dict[str, Any]:
    return {"conversations": [{"from": role, "value": text} for role, text in turns]}


def converted(row: dict[str, Any]) -> dict[str, Any]:
    data = jsonl(row)
    report = check_bytes(data, TAKES_TOOLS)
    assert report.dialect is not None
    converter = Converter(report.dialect, Dialect.VERTEX, None, report.sha256)
    [written] = rows_of(converter.feed(data) + converter.finish())
    return dict(written)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(
            openai(("user", ASKED), ("assistant", CALL), ("user", RESULT), ("assistant", SAID)), id="Qwen"
        ),
        pytest.param(
            openai(("user", ASKED), ("assistant", CALL), ("tool", RESULT), ("assistant", SAID)), id="a tool's turn"
        ),
        pytest.param(sharegpt(("human", ASKED), ("gpt", CALL), ("tool", RESULT), ("gpt", SAID)), id="Hermes"),
        pytest.param(
            sharegpt(("human", ASKED), ("gpt", CALL.replace('"', "'")), ("tool", RESULT), ("gpt", SAID)),
            id="Python's quotes",
        ),
        pytest.param(
            sharegpt(("human", ASKED), ("gpt", CALL), ("tool", '{"low": "six"}'), ("gpt", SAID)),
            id="a plain result",
        ),
    ],
)
def test_a_call_and_its_result_are_parts_of_google(row: dict[str, Any]) -> None:
    assert converted(row)["contents"] == [
        {"role": "user", "parts": [{"text": ASKED}]},
        {"role": "model", "parts": [{"functionCall": {"name": "tide", "args": {"day": 1}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "tide", "response": {"low": "six"}}}]},
        {"role": "model", "parts": [{"text": SAID}]},
    ]


def test_a_list_of_calls_and_parameters_are_calls_too() -> None:
    listed = '<tool_call>[{"name": "tide", "parameters": {"day": 1}}]</tool_call>'
    called = converted(openai(("user", ASKED), ("assistant", listed)))["contents"][1]
    assert called["parts"] == [{"functionCall": {"name": "tide", "args": {"day": 1}}}]


def test_words_beside_a_call_stay_and_several_calls_have_their_results() -> None:
    other = CALL.replace("1", "2")
    results = RESULT + "\n" + RESULT.replace("six", "ten")
    row = openai(
        ("user", ASKED), ("assistant", f"I look.\n{CALL}\n{other}"), ("user", results), ("assistant", SAID)
    )
    called, answered = converted(row)["contents"][1:3]
    assert called["parts"] == [
        {"text": "I look."},
        {"functionCall": {"name": "tide", "args": {"day": 1}}},
        {"functionCall": {"name": "tide", "args": {"day": 2}}},
    ]
    assert [part["functionResponse"]["response"] for part in answered["parts"]] == [{"low": "six"}, {"low": "ten"}]


def test_tools_of_a_system_text_are_declared() -> None:
    row = sharegpt(("system", TOLD), ("human", ASKED), ("gpt", CALL))
    [tools] = converted(row)["tools"]
    assert [declared["name"] for declared in tools["functionDeclarations"]] == ["tide"]
    lines = TOLD.replace("[", "\n", 1).replace("]</tools>", "\n</tools>")
    assert converted(openai(("system", lines), ("user", ASKED), ("assistant", CALL)))["tools"] == [tools]


def test_it_is_said_that_calls_are_sent_as_calls_and_not_that_they_are_learned_as_words() -> None:
    data = jsonl(openai(("user", ASKED), ("assistant", CALL), tools=[{"type": "function", "function": TOOL}]))
    assert [rule for rule, *_ in rules(check_bytes(data, TAKES_TOOLS))] == ["calls-from-text"]
    assert [
        rule for rule, *_ in rules(check_bytes(data.replace(b'"tools"', b'"id"'), GEMINI_API, Dialect.GEMINI))
    ] == [
        "keys-left-out",
        "tool-call-in-text",
    ]


@pytest.mark.parametrize(
    "said",
    [
        "The mark <tool_call> begins a call.",
        '<tool_call>{"name": "tide", "arguments": </tool_call>',
        "<tool_call>[1]</tool_call>",
        "<tool_call>[]</tool_call>",
        '<tool_call>{"name": "get the tide!", "arguments": {}}</tool_call>',
        '<tool_call>{"name": "tide"}</tool_call>',
        "<tool_call>{'a': {1, 2}}</tool_call>",
        CALL + "<tool_call>",
    ],
)
def test_what_cannot_be_read_stays_a_text_and_is_named(said: str) -> None:
    fine = openai(("user", ASKED + "!"), ("assistant", CALL), tools=[{"type": "function", "function": TOOL}])
    row = openai(("user", ASKED), ("assistant", said))
    assert converted(row)["contents"][1]["parts"] == [{"text": said}]
    found = {rule: count for rule, count, _ in rules(check_bytes(jsonl(row, fine), TAKES_TOOLS))}
    assert (found["tool-call-in-text"], found["calls-from-text"]) == (1, 1)


@pytest.mark.parametrize("answered", [("user", "Thanks"), ("user", RESULT + " and thanks"), ("user", RESULT * 2)])
def test_a_call_without_its_results_leaves_the_row_as_it_is(answered: tuple[str, str]) -> None:
    row = openai(("user", ASKED), ("assistant", CALL), answered, ("assistant", SAID))
    assert [part for turn in converted(row)["contents"] for part in turn["parts"] if "text" not in part] == []


@pytest.mark.parametrize(
    "mark", ["<tool_call>", "<tool_call></tool_call>", "<tools>", "<tool_response>", "<tool_call>{"]
)
def test_a_text_of_nothing_but_marks_takes_work_that_grows_with_its_size(mark: str) -> None:
    row = openai(("system", mark * 50_000), ("user", ASKED), ("assistant", mark * 50_000))
    assert check_bytes(jsonl(row), TAKES_TOOLS).rows == 1
