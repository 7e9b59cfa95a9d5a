"""Turns become the contents of a request, and Google's answers become Answers that say how they ended."""

from typing import Any

import pytest

from bot.backends.google.generation import content_answer, contents, question, text_answer
from bot.domain.chat import Answer, Finish, Turn, TurnRole
from bot.errors import BadArgument
from tests.outside import discovery, protos


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ({}, Answer("", Finish.EMPTY)),
        ({"promptFeedback": {"blockReason": "NEW_REASON"}}, Answer("", Finish.BLOCKED, "NEW_REASON")),
        ({"candidates": [{"finishReason": "SAFETY"}]}, Answer("", Finish.BLOCKED, "SAFETY")),
        ({"candidates": [{"finishReason": "MAX_TOKENS"}]}, Answer("", Finish.CUT, "MAX_TOKENS")),
        (
            {
                "candidates": [
                    {"finishReason": "MAX_TOKENS", "content": {"parts": [{"text": "Hm", "thought": True}]}}
                ]
            },
            Answer("", Finish.CUT, "MAX_TOKENS"),
        ),
        ({"candidates": [{"finishReason": "UNHEARD_OF"}]}, Answer("", Finish.EMPTY, "UNHEARD_OF")),
        ({"candidates": [{"finishReason": "OTHER"}]}, Answer("", Finish.EMPTY, "OTHER")),
        (
            {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]},
            Answer("", Finish.EMPTY, "MALFORMED_FUNCTION_CALL"),
        ),
        ({"candidates": [{"finishReason": "FINISH_REASON_UNSPECIFIED"}]}, Answer("", Finish.EMPTY)),
        ({"candidates": [{"finishReason": "STOP", "content": {"role": "model"}}]}, Answer("", Finish.EMPTY)),
    ],
)
def test_answers_without_text_say_why(response: dict[str, Any], answer: Answer) -> None:
    assert content_answer(response) == answer


@pytest.mark.parametrize(
    ("reason", "finish", "said"),
    [
        ("STOP", Finish.COMPLETE, ""),
        (None, Finish.CUT, ""),
        ("FINISH_REASON_UNSPECIFIED", Finish.CUT, ""),
        ("OTHER", Finish.CUT, "OTHER"),
        ("MAX_TOKENS", Finish.CUT, "MAX_TOKENS"),
        ("RECITATION", Finish.BLOCKED, "RECITATION"),
        ("UNHEARD_OF", Finish.CUT, "UNHEARD_OF"),
    ],
)
def test_answers_with_text_say_how_they_ended(reason: str | None, finish: Finish, said: str) -> None:
    parts = [{"text": "thinking", "thought": True}, {"text": "ni"}, {"text": "ne"}]
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}}
    if reason is not None:
        candidate["finishReason"] = reason
    assert content_answer({"candidates": [candidate]}) == Answer("nine", finish, said)


def test_palm_says_in_filters_why_it_held_back() -> None:
    blocked = {"filters": [{"reason": "SAFETY"}]}
    protos.parse("v1beta3", "GenerateTextResponse", blocked)
    assert text_answer(blocked) == Answer("", Finish.BLOCKED, "SAFETY")
    assert text_answer({"candidates": [{"output": "3 2"}]}) == Answer("3 2")


def test_turns_alternate_and_begin_with_the_user() -> None:
    turns = [
        Turn(TurnRole.MODEL, "hello"),
        Turn(TurnRole.USER, "one"),
        Turn(TurnRole.USER, "two"),
        Turn(TurnRole.MODEL, ""),
        Turn(TurnRole.MODEL, "three"),
        Turn(TurnRole.USER, "four"),
    ]
    sent = contents(turns)
    protos.parse("v1beta", "GenerateContentRequest", {"contents": sent})
    discovery.vertex().check("GenerateContentRequest", {"contents": sent}, outgoing=True)
    assert [(one["role"], [part["text"] for part in one["parts"]]) for one in sent] == [
        ("user", ["one", "two"]),
        ("model", ["three"]),
        ("user", ["four"]),
    ]


@pytest.mark.parametrize(
    "turns", [[], [Turn(TurnRole.USER, " ")], [Turn(TurnRole.USER, "a"), Turn(TurnRole.MODEL, "b")]]
)
def test_without_a_question_nothing_is_asked(turns: list[Turn]) -> None:
    with pytest.raises(BadArgument, match="no question"):
        contents(turns)
    with pytest.raises(BadArgument, match="no question"):
        question(turns)
