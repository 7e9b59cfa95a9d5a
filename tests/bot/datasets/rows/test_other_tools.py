"""Rows with tools and pictures as ShareGPT, Bedrock and Anthropic write them are whole examples for Vertex AI."""

import json
from typing import Any

import pytest

from bot.backends.profiles import PALM, VERTEX
from bot.datasets import Converter
from bot.domain.datasets import Dialect
from tests.support.dataset_builders import check_bytes, finding, jsonl, rules

ASKED, SAID = "Where is the key kept?", "With the porter."
HUMAN, GPT = {"from": "human", "value": ASKED}, {"from": "gpt", "value": SAID}
USER, ASSISTANT = {"role": "user", "content": ASKED}, {"role": "assistant", "content": SAID}
CALL = {"from": "function_call", "value": '{"name": "find", "arguments": {"what": "key"}}'}
SEEN = {"from": "observation", "value": '{"desk": 3}'}
SCHEMA = {"type": "object", "properties": {"what": {"type": "string"}}}
FUNCTION = {"name": "find", "description": "Finds things.", "parameters": SCHEMA}
CALLED = {"role": "model", "parts": [{"functionCall": {"name": "find", "args": {"what": "key"}}}]}
ANSWERED = {"role": "user", "parts": [{"functionResponse": {"name": "find", "response": {"desk": 3}}}]}
TEXTS = {"role": "user", "parts": [{"text": ASKED}]}, {"role": "model", "parts": [{"text": SAID}]}
NOTES = ("few-examples",)


def _picture(address: str, mime: str = "image/png") -> dict[str, Any]:
    return {"fileData": {"mimeType": mime, "fileUri": address}}


def _converted(row: dict[str, Any]) -> Any:
    data = jsonl(row)
    report = check_bytes(data, VERTEX.limits)
    assert rules(report, without=NOTES) == []
    assert report.dialect is not None
    converter = Converter(report.dialect, Dialect.VERTEX, None, report.sha256)
    return json.loads(converter.feed(data) + converter.finish())


@pytest.mark.parametrize(
    "row",
    [
        {"conversations": [HUMAN, CALL, SEEN, GPT], "tools": json.dumps([FUNCTION])},
        {
            "messages": [
                {"role": "user", "content": [{"text": ASKED}]},
                {
                    "role": "assistant",
                    "content": [{"toolUse": {"toolUseId": "1", "name": "find", "input": {"what": "key"}}}],
                },
                {
                    "role": "user",
                    "content": [{"toolResult": {"toolUseId": "1", "content": [{"json": {"desk": 3}}]}}],
                },
                {"role": "assistant", "content": [{"text": SAID}]},
            ],
            "toolConfig": {
                "tools": [
                    {"toolSpec": {"name": "find", "description": "Finds things.", "inputSchema": {"json": SCHEMA}}}
                ]
            },
        },
    ],
    ids=["ShareGPT", "Bedrock"],
)
def test_calls_of_tools_become_parts_of_the_example(row: dict[str, Any]) -> None:
    asked, said = TEXTS
    made = _converted(row)
    assert made["contents"] == [asked, CALLED, ANSWERED, said]
    [tool] = made["tools"]
    [declared] = tool["functionDeclarations"]
    assert (declared["name"], declared["parameters"]["properties"]) == ("find", {"what": {"type": "STRING"}})


def test_calls_that_follow_each_other_are_one_turn() -> None:
    made = _converted({"conversations": [HUMAN, CALL, CALL, SEEN, SEEN, GPT], "tools": json.dumps([FUNCTION])})
    assert [len(content["parts"]) for content in made["contents"]] == [1, 2, 2, 1]


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        (
            {
                "messages": [{"role": "user", "content": f"Look: <image>\n{ASKED}"}, ASSISTANT],
                "images": ["gs://b/a.png"],
            },
            [{"text": "Look: "}, _picture("gs://b/a.png"), {"text": ASKED}],
        ),
        (
            {"conversations": [HUMAN, GPT], "image": "https://example.com/a.webp"},
            [_picture("https://example.com/a.webp", "image/webp"), {"text": ASKED}],
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": ASKED}]},
                    ASSISTANT,
                ],
                "images": [{"bytes": None, "path": "gs://b/a.png"}],
            },
            [_picture("gs://b/a.png"), {"text": ASKED}],
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                            {"type": "text", "text": ASKED},
                        ],
                    },
                    ASSISTANT,
                ]
            },
            [_picture("https://example.com/a.png"), {"text": ASKED}],
        ),
    ],
    ids=["a mark", "no mark", "Hugging Face", "Anthropic"],
)
def test_pictures_beside_the_turns_stand_where_the_model_should_see_them(
    row: dict[str, Any], parts: list[dict[str, Any]]
) -> None:
    assert _converted(row)["contents"][0]["parts"] == parts


@pytest.mark.parametrize(
    ("row", "rule", "said"),
    [
        (
            {
                "messages": [{"role": "user", "content": f"<image><image>{ASKED}"}, ASSISTANT],
                "images": ["gs://b/a.png"],
            },
            "picture-marks",
            "The number of pictures (1) is not that of the <image> marks in the questions (2).",
        ),
        (
            {"conversations": [{"from": "human", "value": f"<image>{ASKED}"}, GPT], "image": "coco/a.jpg"},
            "picture-missing",
            "coco/a.jpg",
        ),
        ({"messages": [USER, ASSISTANT], "videos": ["a.mp4"]}, "not-text", "videos"),
        ({"conversations": [HUMAN, {**CALL, "value": "find(key)"}, SEEN, GPT]}, "wrong-type", "not find(key)"),
        ({"conversations": [HUMAN, GPT], "tools": "find and look"}, "wrong-type", "tools must be a list"),
        (
            {"messages": [USER, {**ASSISTANT, "tool_calls": [], "weight": 0}], "tools": [{"function": FUNCTION}]},
            "weight-zero",
            "weight is 0",
        ),
        ({"messages": [None, 5, {"role": []}], "images": ["gs://b/a.png", 5]}, "missing-field", "messages[0]"),
    ],
)
def test_what_cannot_be_placed_is_named(row: dict[str, Any], rule: str, said: str) -> None:
    assert said in finding(check_bytes(jsonl(row), VERTEX.limits), rule).message


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"conversations": [HUMAN, CALL, SEEN, GPT], "tools": json.dumps([FUNCTION])}, "tool-calls"),
        ({"conversations": [HUMAN, GPT], "image": "gs://b/a.png"}, "not-text"),
    ],
)
def test_a_backend_that_takes_text_only_refuses_them_with_the_reason(row: dict[str, Any], rule: str) -> None:
    assert "Vertex AI only" in finding(check_bytes(jsonl(row), PALM.limits, Dialect.PALM), rule).message
