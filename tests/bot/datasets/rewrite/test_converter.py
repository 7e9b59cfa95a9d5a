"""How each dialect is written, and what it cannot hold."""

from typing import Any

import pytest

from bot.datasets import Converter, Example, encode
from bot.domain.chat import Turn, TurnRole
from bot.domain.datasets import Dialect, FieldMapping
from bot.errors import UserError
from tests.support.dataset_builders import chat, contents, jsonl, rows_of

TALK = Example("be kind", ("a", "b", "c", "d"))
PAIR = Example("", ("a", "b"))


def converted(data: bytes, dialect: Dialect, target: Dialect, mapping: FieldMapping | None = None) -> list[Any]:
    converter = Converter(dialect, target, mapping)
    return rows_of(converter.feed(data) + converter.finish())


@pytest.mark.parametrize(
    ("dialect", "row"),
    [
        (Dialect.GEMINI, {"text_input": "a", "output": "b"}),
        (Dialect.PALM, {"input_text": "a", "output_text": "b"}),
        (Dialect.PROMPT, {"prompt": "a", "completion": "b"}),
        (Dialect.MESSAGES, chat("user: a", "model: b")),
        (Dialect.OPENAI, chat("user: a", "assistant: b")),
        (Dialect.VERTEX, contents("user: a", "model: b")),
    ],
)
def test_pair_is_written_in_each_dialect(dialect: Dialect, row: dict[str, Any]) -> None:
    assert rows_of(encode(PAIR, dialect)) == [row]


def test_conversation_is_written_as_contents() -> None:
    assert rows_of(encode(TALK, Dialect.VERTEX)) == [
        contents("user: a", "model: b", "user: c", "model: d", system="be kind")
    ]


def test_preference_is_written_with_the_better_answer_scored_1() -> None:
    example = Example("", ("a", "good"), "bad")
    [row] = rows_of(encode(example, Dialect.PREFERENCE))
    assert row["contents"] == contents("user: a")["contents"]
    assert [(c["score"], c["completion"]["parts"][0]["text"]) for c in row["completions"]] == [
        (1, "good"),
        (0, "bad"),
    ]


def test_system_text_goes_in_front_of_the_input_of_a_pair() -> None:
    assert rows_of(encode(Example("be kind", ("a", "b")), Dialect.GEMINI)) == [
        {"text_input": "be kind\n\na", "output": "b"}
    ]


def test_conversation_does_not_fit_into_a_pair() -> None:
    with pytest.raises(UserError, match="4 turns"):
        encode(TALK, Dialect.GEMINI)


def test_preference_needs_a_second_answer() -> None:
    with pytest.raises(UserError, match="second answer"):
        encode(PAIR, Dialect.PREFERENCE)


def test_example_names_its_turns() -> None:
    assert PAIR.turns == (Turn(TurnRole.USER, "a"), Turn(TurnRole.MODEL, "b"))


def test_openai_row_is_hoisted_merged_and_renamed() -> None:
    row = chat("user: a", "system: be kind", "user: b", "assistant: c")
    assert converted(jsonl(row), Dialect.OPENAI, Dialect.VERTEX) == [
        contents("user: a\n\nb", "model: c", system="be kind")
    ]


def test_mapped_input_of_two_keys_is_joined_and_an_empty_one_left_out() -> None:
    mapping = FieldMapping("instruction+input", "output")
    data = jsonl(
        {"instruction": "a", "input": "b", "output": "c"}, {"instruction": "a", "input": "", "output": "c"}
    )
    assert converted(data, Dialect.MAPPED, Dialect.GEMINI, mapping) == [
        {"text_input": "a\n\nb", "output": "c"},
        {"text_input": "a", "output": "c"},
    ]


def test_mapped_rows_are_written_with_their_keys_again() -> None:
    mapping = FieldMapping("q", "a")
    assert converted(jsonl({"q": "1", "a": "2", "id": 3}), Dialect.MAPPED, Dialect.MAPPED, mapping) == [
        {"q": "1", "a": "2"}
    ]


def test_preference_rows_become_supervised_ones_with_the_better_answer() -> None:
    data = encode(Example("", ("a", "good"), "bad"), Dialect.PREFERENCE)
    assert converted(data, Dialect.PREFERENCE, Dialect.VERTEX) == [contents("user: a", "model: good")]


@pytest.mark.parametrize(
    "data",
    [
        b'[{"text_input": "a", "output": "b"},\n {"output": "d",\n "text_input": "c, [x] {y} \\"z\\""}]',
        b'text_input,output\na,b\n"c, [x] {y} ""z""",d\n',
        b'\xef\xbb\xbf{"text_input": "a", "output": "b"}\r\n\r\n{"output":"d","text_input": "c, [x] {y} \\"z\\""}',
    ],
    ids=["array", "table", "windows"],
)
def test_array_table_and_lines_are_the_same_rows(data: bytes) -> None:
    assert converted(data, Dialect.GEMINI, Dialect.GEMINI) == [
        {"text_input": "a", "output": "b"},
        {"text_input": 'c, [x] {y} "z"', "output": "d"},
    ]


def test_code_with_braces_in_texts_is_read_as_it_stands() -> None:
    code = "if (a) { b() } { c() }"
    data = jsonl(*({"text_input": f"{i}", "output": code} for i in range(100)))
    assert [row["output"] for row in converted(data, Dialect.GEMINI, Dialect.GEMINI)] == [code] * 100
