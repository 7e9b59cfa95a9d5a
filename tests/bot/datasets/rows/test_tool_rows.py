"""Rows with tools and files are read as strictly as text, and OpenAI's are converted to Google's form."""

import json
from typing import Any

import pytest

from bot.backends.profiles import GEMINI
from bot.datasets import ConvertTask
from bot.datasets.rows.slow_reader import parse_row
from bot.domain.backend_profile import DatasetLimits
from bot.domain.datasets import Dialect
from tests.support.dataset_builders import check_bytes, chunks, jsonl, rows_of, rules
from tests.support.file_work import FileWork

TAKES_TOOLS = DatasetLimits(takes_tools=True, max_examples_with_files=3)
ASKED = {"role": "user", "parts": [{"text": "Weather in Bern?"}]}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {"city": "Bern"}}}]}
RESULT = {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"degrees": 4}}}]}
SAID = {"role": "model", "parts": [{"text": "Four degrees."}]}
TOOLS = [{"functionDeclarations": [{"name": "weather"}]}]
PICTURE = {"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/a.png"}}


def contents(*turns: Any, **more: Any) -> dict[str, Any]:
    return {"contents": list(turns), "tools": TOOLS, **more}


def read(row: dict[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    """The row as Vertex AI takes it, and the rules that it breaks."""
    parsed = parse_row(json.dumps(row).encode(), tools=True)
    whole = json.loads(parsed.example.whole) if parsed.example is not None else None
    return whole, [problem.rule for problem in parsed.problems]


def test_a_call_its_answer_and_the_words_after_them_are_an_example() -> None:
    row = contents(ASKED, CALL, RESULT, SAID, systemInstruction={"parts": [{"text": "Be brief."}]})
    whole, problems = read(row)
    assert (whole, problems) == (row, [])
    report = check_bytes(jsonl(*[row] * 2), TAKES_TOOLS)
    assert (report.examples, rules(report)[0][0]) == (2, "duplicate")
    assert report.previews[0].question == 'weather = {"degrees":4}'


@pytest.mark.parametrize("openai", [False, True])
@pytest.mark.parametrize(
    ("opened", "address", "is_open"),
    [
        (None, "gs://any/tunebot/tb-1/a.png", True),
        ((), "gs://bucket/a.png", False),
        (("gs://bucket/",), "gs://bucket/a.png", True),
        (("gs://bucket/",), "gs://bucket/tunebot/tb-1/a.png", False),
        (("gs://bucket/open/",), "gs://bucket/open/a.png", True),
        (("gs://bucket/open/",), "gs://bucket/opened/a.png", False),
        (("gs://bucket/open/",), "gs://bucket/open/tunebot-20261121T120000Z.db", False),
        ((), "https://example.com/a.png", True),
        ((), "https://storage.googleapis.com/bucket/a.png", True),
        ((), "https://storage.googleapis.com/bucket/tunebot/tb-1/a.png", False),
    ],
)
def test_rows_show_files_of_cloud_storage_only_where_its_folder_is_open(
    opened: tuple[str, ...] | None, address: str, is_open: bool, openai: bool
) -> None:
    """Google reads them with an account of its own: the bot's copies of other people's files were readable so."""
    row: dict[str, Any]
    if openai:
        shown = [{"type": "image_url", "image_url": {"url": address}}, {"type": "text", "text": "What?"}]
        row = {"messages": [{"role": "user", "content": shown}, {"role": "assistant", "content": "A cat."}]}
    else:
        shown = [{"fileData": {"mimeType": "image/png", "fileUri": address}}, {"text": "What?"}]
        row = {"contents": [{"role": "user", "parts": shown}, SAID]}
    limits = DatasetLimits(takes_tools=True, gs_folders=opened)
    found = [rule for rule, _, _ in rules(check_bytes(jsonl(row), limits))]
    assert ("file-not-open" in found) is not is_open


def test_a_call_at_the_end_needs_no_answer_and_a_picture_is_a_part() -> None:
    picture = {"role": "user", "parts": [PICTURE, {"text": "Where is this?"}]}
    whole, problems = read(contents(picture, CALL))
    assert problems == []
    assert whole is not None
    assert whole["contents"][0]["parts"] == [PICTURE, {"text": "Where is this?"}]


@pytest.mark.parametrize(
    ("turns", "rule"),
    [
        ([ASKED, CALL, SAID], "same-role-twice"),
        ([ASKED, CALL, {"role": "user", "parts": [{"text": "?"}]}, SAID], "tool-answers"),
        ([ASKED, CALL, {"role": "user", "parts": [RESULT["parts"][0]] * 2}, SAID], "tool-answers"),
        ([ASKED, CALL, RESULT], "no-answer-at-end"),
        ([CALL, RESULT, SAID], "role-order"),
        ([ASKED, {"role": "model", "parts": [{"functionCall": {"args": {}}}]}], "missing-field"),
        ([ASKED, {"role": "model", "parts": [{"functionCall": {"name": "a b"}}]}], "wrong-type"),
        ([ASKED, {"role": "model", "parts": [{"functionCall": {"name": "f", "args": "{}"}}]}], "wrong-type"),
        ([ASKED, {"role": "model", "parts": [{"text": "a", "functionCall": {"name": "f"}}]}], "wrong-part"),
        ([ASKED, {"role": "model", "parts": [{"inlineData": {"data": "AA"}}]}], "wrong-part"),
        ([ASKED, {"role": "model", "parts": []}], "wrong-type"),
        ([ASKED, {"role": "model", "parts": [{"text": " "}]}], "empty-field"),
        ([{"role": "user", "parts": [{"fileData": {"fileUri": "gs://b/a.png"}}]}, SAID], "missing-field"),
        (
            [
                {"role": "user", "parts": [{"fileData": {"mimeType": "image/gif", "fileUri": "gs://b/a.gif"}}]},
                SAID,
            ],
            "picture-not-taken",
        ),
        (
            [{"role": "user", "parts": [{"fileData": {"mimeType": "image/png", "fileUri": "../a.png"}}]}, SAID],
            "wrong-type",
        ),
        ([ASKED, {"role": "robot", "parts": [{"text": "a"}]}], "wrong-role"),
        ([7, SAID], "wrong-type"),
    ],
)
def test_what_is_missing_or_wrong_is_an_error(turns: list[Any], rule: str) -> None:
    whole, problems = read(contents(*turns))
    assert whole is None
    assert rule in problems


def test_a_tool_that_is_not_declared_is_a_warning() -> None:
    whole, problems = read({**contents(ASKED, CALL), "tools": [{"functionDeclarations": [{"name": "other"}]}]})
    assert whole is not None
    assert problems == ["undeclared-tool"]


PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": ["string", "null"]}, "days": {"type": "array", "items": {"type": "integer"}}},
    "required": ["city"],
    "additionalProperties": False,
}
OPENAI = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Weather in Bern and Rome?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": f"c{i}", "type": "function", "function": {"name": "weather", "arguments": arguments}}
                for i, arguments in enumerate(['{"city": "Bern"}', '{"city": "Rome"}'])
            ],
        },
        {"role": "tool", "tool_call_id": "c0", "content": '{"degrees": 4}'},
        {"role": "tool", "tool_call_id": "c1", "content": "warm"},
        {"role": "assistant", "content": "Cold and warm."},
    ],
    "tools": [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS, "strict": True}}],
    "parallel_tool_calls": True,
}


async def test_openais_calls_answers_and_schemas_become_googles(file_work: FileWork) -> None:
    data = jsonl(OPENAI)
    report = check_bytes(data, TAKES_TOOLS)
    assert report.ok
    task = ConvertTask(Dialect.OPENAI, Dialect.VERTEX, sha256=report.sha256)
    [row] = rows_of(await file_work.converted(chunks(data), task))
    answers = [("weather", {"degrees": 4}), ("weather", {"content": "warm"})]
    calls = [{"functionCall": {"name": "weather", "args": {"city": city}}} for city in ("Bern", "Rome")]
    assert row == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Weather in Bern and Rome?"}]},
            {"role": "model", "parts": calls},
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": name, "response": answer}} for name, answer in answers],
            },
            {"role": "model", "parts": [{"text": "Cold and warm."}]},
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "weather",
                        "parameters": {
                            "type": "OBJECT",
                            "properties": {
                                "city": {"type": "STRING", "nullable": True},
                                "days": {"type": "ARRAY", "items": {"type": "INTEGER"}},
                            },
                            "required": ["city"],
                        },
                    }
                ]
            }
        ],
    }


def test_openais_faults_are_errors_in_words() -> None:
    messages = OPENAI["messages"]
    assert isinstance(messages, list)
    unknown = [*messages[:3], {"role": "tool", "tool_call_id": "c9", "content": "x"}, messages[-1]]
    assert "tool-unknown" in read({"messages": unknown})[1]
    broken = json.loads(json.dumps(messages[2]))
    broken["tool_calls"][0]["function"]["arguments"] = "{city"
    assert "tool-arguments" in read({"messages": [messages[1], broken, *messages[3:]]})[1]
    assert "tool-answers" in read({"messages": [messages[1], messages[2], messages[-1]]})[1]
    data_url = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert "wrong-type" in read({"messages": [{"role": "user", "content": [data_url]}, messages[-1]]})[1]


def test_where_only_text_is_taken_such_rows_are_errors_and_others_stay() -> None:
    text = {"contents": [ASKED, SAID]}
    report = check_bytes(jsonl(text, contents(ASKED, CALL)), GEMINI.limits, Dialect.GEMINI)
    assert ("tool-calls", 1, (2,)) in rules(report)
    assert report.examples == 1


def test_more_rows_with_files_than_google_takes_are_an_error() -> None:
    shown = [{"contents": [{"role": "user", "parts": [PICTURE, {"text": f"{i}?"}]}, SAID]} for i in range(4)]
    assert ("too-many-with-files", 1, ()) in rules(check_bytes(jsonl(*shown), TAKES_TOOLS))
    assert check_bytes(jsonl(*shown[:3]), TAKES_TOOLS).ok
    assert ("too-many-with-files", 1, ()) in rules(check_bytes(jsonl(*shown[:1] * 4), TAKES_TOOLS))


def test_anthropics_calls_and_answers_are_converted_and_thoughts_left_out() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Bern"}}
    answer = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "4"}]}
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    row = {
        "system": "Be brief.",
        "tools": [{"name": "weather", "description": "Says it.", "input_schema": schema}],
        "messages": [
            {"role": "user", "content": "Weather in Bern?"},
            {"role": "assistant", "content": [thought, {"type": "text", "text": "I look."}, call]},
            {"role": "user", "content": [answer]},
            {"role": "assistant", "content": [{"type": "text", "text": "Four degrees."}]},
        ],
    }
    whole, problems = read(row)
    assert problems == ["thoughts-left-out"]
    assert whole is not None
    assert whole["contents"] == [
        ASKED,
        {"role": "model", "parts": [{"text": "I look."}, CALL["parts"][0]]},
        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"content": "4"}}}]},
        SAID,
    ]
    assert whole["tools"][0]["functionDeclarations"][0]["parameters"]["properties"] == {"city": {"type": "STRING"}}


def test_an_empty_turn_is_named_as_the_file_names_it() -> None:
    call = {"id": "c", "function": {"name": "weather", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": " "},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    declared = [{"type": "function", "function": {"name": "weather"}}]
    row = {"messages": messages, "tools": declared, "history": [["Hi", "Hello"]]}
    parsed = parse_row(json.dumps(row).encode(), tools=True)
    assert [(found.rule, found.field) for found in parsed.problems] == [("empty-field", "messages[1].content")]
    google = contents({"role": "user", "parts": [{"text": ""}]}, CALL)
    parsed = parse_row(json.dumps(google).encode(), tools=True)
    assert [(found.rule, found.field) for found in parsed.problems] == [("empty-field", "contents[0].parts")]


@pytest.mark.parametrize("key", ["tool_calls", "function_call"])
@pytest.mark.parametrize("in_text", [True, False])
def test_a_call_beside_words_is_never_dropped(key: str, in_text: bool) -> None:
    function = {"name": "weather", "arguments": '{"city": "Bern"}'}
    held: Any = [{"id": "1", "type": "function", "function": function}] if key == "tool_calls" else function
    turn = {"role": "assistant", "content": "I look.", key: json.dumps(held) if in_text else held}
    row = {"messages": [{"role": "user", "content": "Weather?"}, turn], "functions": [{"name": "weather"}]}
    whole, _ = read(row)
    assert whole is not None
    assert whole["contents"][1]["parts"][-1] == CALL["parts"][0]
    for other in ("at once", 7, [[1]] if key == "function_call" else {"name": "weather"}):
        assert read({**row, "messages": [row["messages"][0], {**turn, key: other}]}) == (None, ["wrong-type"])
    assert read({**row, "functions": "weather"})[1][:1] == ["wrong-type"]


def test_keys_beside_the_parts_of_a_turn_are_named() -> None:
    asked, said = {**ASKED, "weight": 0, "id": 7}, {**SAID, "weight": 0, "thought": "Cold.", "name": None}
    whole, problems = read(contents(asked, said))
    assert whole == contents(ASKED, SAID)
    assert problems == ["keys-left-out", "weight-zero", "thoughts-left-out"]


def test_keys_beside_a_completion_are_named() -> None:
    answers = [{"score": score, "completion": SAID, "source": "web", "id": None} for score in (0, 1)]
    parsed = parse_row(jsonl({"contents": [ASKED], "completions": answers}).strip())
    assert parsed.example is not None
    assert [(p.rule, p.field) for p in parsed.problems] == [("keys-left-out", "completions.source")]
