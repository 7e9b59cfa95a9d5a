"""Rows that other programs name differently are read as what they are, and errors name what the file names."""

from typing import Any

import pytest

from bot.datasets.rows.slow_reader import parse_row
from bot.domain.datasets import Dialect
from tests.support.dataset_builders import jsonl

ASKED, SAID = "When is low tide?", "At six."
CALL = {"type": "function_call", "call_id": "c1", "name": "tide", "arguments": '{"day": 1}'}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": '{"low": "six"}'}
TOOL = {
    "type": "function",
    "name": "tide",
    "parameters": {"type": "object", "properties": {"day": {"type": "integer"}}},
}
PERSON = {"role": "user", "content": ASKED}


def message(text: str = SAID) -> dict[str, Any]:
    return {"id": "m", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def found(row: Any, *, tools: bool = True) -> tuple[Any, list[tuple[str, str]]]:
    """Return the texts and the problems of a row."""
    parsed = parse_row(jsonl(row).strip(), tools=tools)
    texts = parsed.example.texts if parsed.example is not None else None
    return texts, [(problem.rule, problem.field) for problem in parsed.problems]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"input": ASKED, "output": [message()]}, id="a text and items"),
        pytest.param({"input": [PERSON], "output": [message()]}, id="items"),
        pytest.param({"items": [PERSON, message()]}, id="one list"),
        pytest.param(
            {"input": [PERSON], "output": [{"type": "reasoning", "summary": []}, message()]}, id="no thought"
        ),
        pytest.param(
            {"MESSAGES": [{"ROLE": "user", "CONTENT": ASKED}, {"Role": "assistant", "Content": SAID}]},
            id="capitals",
        ),
        pytest.param(
            {"messages": [{"Role": "user", "Content": ASKED}, {"Role": "assistant", "Content": SAID}]},
            id="turns in capitals",
        ),
        pytest.param(
            {
                "Contents": [
                    {"Role": "user", "Parts": [{"Text": ASKED}]},
                    {"Role": "model", "Parts": [{"Text": SAID}]},
                ]
            },
            id="parts in capitals",
        ),
        pytest.param({"data": [ASKED, SAID]}, id="UltraChat"),
        pytest.param({"dialog": [ASKED, SAID]}, id="texts of two speakers"),
        pytest.param({"conversation": [{"human": ASKED, "assistant": SAID}]}, id="MOSS"),
        pytest.param({"conversation": [{"system": "", "input": ASKED, "output": SAID}]}, id="XTuner"),
    ],
)
def test_a_conversation_of_another_form_is_read_whole(row: dict[str, Any]) -> None:
    assert found(row) == ((ASKED, SAID), [])


def test_a_response_keeps_its_instructions_and_says_what_stays_out() -> None:
    row = {"id": "resp_1", "object": "response", "model": "m", "instructions": "Be brief.", "input": ASKED}
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    parsed = parse_row(jsonl(row | {"output": [thought, message()]}).strip())
    assert parsed.example is not None
    assert (parsed.example.system, parsed.example.texts) == ("Be brief.", (ASKED, SAID))
    said = [(problem.rule, problem.field) for problem in parsed.problems]
    assert said == [("thoughts-left-out", "reasoning"), ("keys-left-out", "id, model, object")]


def test_calls_of_a_response_become_calls_of_google() -> None:
    texts, problems = found({"input": [PERSON, CALL, RESULT], "output": [message()], "tools": [TOOL]})
    assert (texts, problems) == ((ASKED, 'tide({"day":1})', 'tide = {"low":"six"}', SAID), [])


def test_errors_of_items_name_the_place_in_the_file() -> None:
    search = {"type": "web_search_call", "id": "w", "status": "completed"}
    assert found({"input": ASKED, "output": [search, message()]}) == (
        (ASKED, SAID),
        [("hosted-tool", "output[0]")],
    )
    parsed = parse_row(jsonl({"input": ASKED, "output": [search, message()]}).strip())
    assert parsed.problems.refused
    unknown = {"input": [PERSON, RESULT], "output": [message()]}
    assert ("tool-unknown", "input[1].tool_call_id") in found(unknown)[1]
    assert ("empty-field", "output[0].content") in found({"input": ASKED, "output": [message("")]})[1]
    earlier = {"previous_response_id": "resp_0", "input": ASKED, "output": [message()]}
    assert ("history-not-read", "previous_response_id") in found(earlier)[1]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": ASKED, "win": SAID, "lose": "At five."},
        {"prompt": ASKED, "winner": SAID, "loser": "At five."},
        {"question": ASKED, "preferred": SAID, "rejected": "At five."},
        {"x": ASKED, "y_w": SAID, "y_l": "At five."},
        {"Prompt": ASKED, "Chosen": SAID, "Rejected": "At five."},
        {"prompt": ASKED, "response_0": "At five.", "response_1": SAID, "better_response_id": 1},
        {"prompt": ASKED, "response_a": SAID, "response_b": "At five.", "winner": "model_a"},
        {"instruction": ASKED, "output_1": "At five.", "output_2": SAID, "preference": 2},
        {"instruction": ASKED, "output_1": SAID, "output_2": "At five.", "preference": 1.0},
        {"history": ASKED, "human_ref_A": SAID, "human_ref_B": "At five.", "labels": 1},
        {"history": ASKED, "human_ref_A": "At five.", "human_ref_B": SAID, "labels": 0},
    ],
)
def test_two_answers_under_other_names_are_a_preferred_one_and_another(row: dict[str, Any]) -> None:
    parsed = parse_row(jsonl(row).strip())
    assert parsed.dialect is Dialect.TRL
    assert parsed.example is not None
    assert (parsed.example.texts, parsed.example.rejected) == ((ASKED, SAID), "At five.")


@pytest.mark.parametrize("which", [{"winner": "tie"}, {"winner": None}, {"preference": 3}, {}])
def test_two_answers_of_which_none_is_preferred_are_an_error(which: dict[str, Any]) -> None:
    row = {"prompt": ASKED, "response_1": SAID, "response_2": "At five."} | which
    [rule] = [rule for rule, _ in found(row)[1]]
    assert rule == ("neither-preferred" if which else "not-compared")
    assert parse_row(jsonl(row).strip()).problems.refused


def test_an_empty_answer_is_named_as_the_file_names_it() -> None:
    assert ("empty-field", "win") in found({"prompt": ASKED, "win": " ", "lose": "At five."})[1]


@pytest.mark.parametrize(
    "row",
    [
        {"input": ASKED, "output": SAID},
        {"input": ASKED, "output": [SAID]},
        {"input": ASKED, "model": "m", "answer": SAID},
        {"items": [{"name": "a"}]},
        {"Messages": "none", "Answer": SAID},
        {"winner": True, "loser": False, "prompt": ASKED},
        {"title": "Tides", "data": ["low", "high"]},
        {"chat": [f"User: {ASKED}", f"Bot: {SAID}"]},
    ],
)
def test_rows_that_only_look_so_are_read_as_they_stand(row: dict[str, Any]) -> None:
    assert parse_row(jsonl(row).strip()).dialect is None


def test_calls_of_langchain_become_calls_of_google() -> None:
    call = {"type": "ai", "content": "", "tool_calls": [{"name": "tide", "args": {"day": 1}, "id": "c1"}]}
    result = {"type": "tool", "content": "six", "tool_call_id": "c1"}
    row = {"messages": [{"type": "human", "content": ASKED}, call, result, {"type": "ai", "content": SAID}]}
    texts, _ = found(row)
    assert texts == (ASKED, 'tide({"day":1})', 'tide = {"content":"six"}', SAID)


def test_a_row_under_its_own_id_on_each_line_is_read() -> None:
    assert found({"row7": {"prompt": ASKED, "completion": SAID}}) == ((ASKED, SAID), [("row-in-wrapper", "row…")])


@pytest.mark.parametrize(
    "history",
    [
        [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "Hello"}]}],
        '[["Hi", "Hello"]]',
        [["Hi", "Hello"]],
    ],
)
def test_a_history_is_read_in_each_form_that_programs_write(history: Any) -> None:
    texts, problems = found({"prompt": ASKED, "completion": SAID, "history": history})
    assert texts == ("Hi", "Hello", ASKED, SAID)
    assert problems == ([("json-in-text", "history")] if isinstance(history, str) else [])


@pytest.mark.parametrize(
    "beside",
    [
        {"win": "3", "lose": "1"},
        {"accepted": "5", "rejected": "3"},
        {"better": "yes", "worse": "no"},
        {"output_1": "x", "output_2": "y", "preference": 2},
        {"items": [PERSON, message()]},
        {"Messages": [PERSON, {"role": "assistant", "content": "Never."}]},
    ],
)
@pytest.mark.parametrize("pair", [("prompt", "completion"), ("instruction", "output"), ("text_input", "output")])
def test_a_row_with_a_question_and_its_answer_is_read_by_them(
    pair: tuple[str, str], beside: dict[str, Any]
) -> None:
    texts, problems = found({pair[0]: ASKED, pair[1]: SAID, **beside})
    assert texts == (ASKED, SAID)
    assert {rule for rule, _ in problems} <= {"keys-left-out", "preferred-only"}


@pytest.mark.parametrize(
    "beside", [{"better": "yes", "worse": "no"}, {"response_1": "x", "response_2": "y", "choice": 1}]
)
def test_known_names_of_a_pair_are_asked_about_also_beside_two_other_texts(beside: dict[str, Any]) -> None:
    parsed = parse_row(jsonl({"question": ASKED, "answer": SAID, **beside}).strip())
    assert (parsed.dialect, parsed.example) == (None, None)


@pytest.mark.parametrize(
    ("said", "preferred"),
    [
        *(("a", "x"), ("B", "y"), ("model_a", "x"), ("response b", "y"), ("Response-B", "y")),
        *(
            ("tie a", ""),
            ("neither response_b", ""),
            ("not b", ""),
            ("a_and_b", ""),
            ("-b", ""),
            ([1], ""),
            ({}, ""),
        ),
    ],
)
def test_only_a_word_that_names_one_answer_prefers_it(said: Any, preferred: str) -> None:
    row = {"prompt": ASKED, "response_a": "x", "response_b": "y", "winner": said}
    texts, problems = found(row)
    assert (problems, texts[1]) == (([], preferred) if preferred else ([("neither-preferred", "winner")], "x"))


@pytest.mark.parametrize("said", [[1], {"a": 1}, None, True, "first"])
def test_a_label_of_another_type_prefers_neither_answer(said: Any) -> None:
    row = {"history": ASKED, "human_ref_A": "x", "human_ref_B": "y", "labels": said}
    rules = [rule for rule, _ in found(row)[1]]
    assert rules == ([] if said is True else ["neither-preferred"])


@pytest.mark.parametrize("role", ["assistant", "model"])
@pytest.mark.parametrize(
    "beside",
    [
        {"output": [message()]},
        {"response": {"output": [message()]}},
        {"response": {"choices": [{"message": {"role": "assistant", "content": SAID}}]}},
    ],
)
def test_an_answer_that_the_turns_hold_already_is_not_learned_twice(role: str, beside: dict[str, Any]) -> None:
    texts, _ = found({"messages": [PERSON, {"role": role, "content": SAID}], **beside})
    assert texts == (ASKED, SAID)


@pytest.mark.parametrize(
    "row",
    [
        {"question_id": 81, "category": "writing", "turns": ["Write a poem.", "Write it again without rhymes."]},
        {"dialogue": [ASKED, SAID], "summary": "Low tide is at six."},
        {"utterances": [ASKED, SAID], "intent": "ask"},
        {"dialogue": [ASKED, SAID], "question": "When?", "answer": "At six."},
    ],
)
def test_texts_that_something_is_said_of_are_no_conversation(row: dict[str, Any]) -> None:
    parsed = parse_row(jsonl(row).strip())
    assert (parsed.dialect, parsed.example) == (None, None)


def test_texts_of_a_history_are_those_of_a_person_and_a_model_in_turn() -> None:
    row = {"prompt": ASKED, "completion": SAID, "history": ["Hi.", "Hello.", "Are you there?", "Yes."]}
    assert found(row) == (
        ("Hi.", "Hello.", "Are you there?", "Yes.", ASKED, SAID),
        [("history-in-turn", "history")],
    )


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(["Hi.", "Hello.", "Are you there?"], id="the last question has no answer"),
        pytest.param(["Hi.", ""], id="an empty text"),
        pytest.param(["Bot: Hi.", "User: Hello."], id="the texts name their speakers"),
        pytest.param(["**Assistant** : Hi.", "Hello."], id="marks around a name"),
        pytest.param(["Hi.", 1], id="a number"),
    ],
)
def test_texts_of_a_history_whose_speakers_are_not_clear_are_an_error(history: list[Any]) -> None:
    texts, problems = found({"prompt": ASKED, "completion": SAID, "history": history})
    assert (texts, problems) == (None, [("history-not-read", "history")])
