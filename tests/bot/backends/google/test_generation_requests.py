"""Each setting travels as Google's own descriptions say, and only where the system and the base model take it."""

from typing import Any

import pytest

from bot.backends.google.generation_requests import content_request, text_request
from bot.backends.profiles import GEMINI, PALM, VERTEX
from bot.domain.chat import Turn, TurnRole
from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings, Safety
from bot.errors import BadArgument
from tests.outside import discovery, protos

QUESTION = [Turn(TurnRole.USER, "8")]
ALL = GenerationSettings(
    temperature=0.2,
    top_p=0.9,
    top_k=30,
    max_output_tokens=200,
    candidate_count=3,
    stop_sequences=("END", "\n\n"),
    safety=Safety.HIGH,
    system_instruction="Count on.",
)
NUMBERS = {"temperature": 0.2, "topP": 0.9, "topK": 30, "maxOutputTokens": 200, "stopSequences": ["END", "\n\n"]}


def vertex(settings: GenerationSettings, base_model: str) -> dict[str, Any]:
    body = content_request(QUESTION, settings, VERTEX.generation, base_model)
    discovery.vertex().check("GenerateContentRequest", body, outgoing=True)
    return body


def test_vertex_takes_all_but_the_count_of_answers() -> None:
    body = vertex(ALL, "gemini-3.5-flash")
    assert body["generationConfig"] == NUMBERS | {"thinkingConfig": {"thinkingLevel": "MINIMAL"}}
    assert body["systemInstruction"] == {"parts": [{"text": "Count on."}]}
    assert {each["threshold"] for each in body["safetySettings"]} == {"BLOCK_ONLY_HIGH"}
    assert len(body["safetySettings"]) == 4


@pytest.mark.parametrize(
    ("base_model", "config"),
    [
        ("gemini-3.5-flash-lite", {"thinkingConfig": {"thinkingLevel": "MINIMAL"}, "maxOutputTokens": 9}),
        ("publishers/google/models/gemini-3.1-flash-lite", {"temperature": 1, "maxOutputTokens": 9} | {
            "thinkingConfig": {"thinkingLevel": "MINIMAL"}
        }),
        ("gemini-2.5-flash", {"temperature": 1, "maxOutputTokens": 9, "thinkingConfig": {"thinkingBudget": 0}}),
        ("gemini-2.5-pro", {"temperature": 1, "maxOutputTokens": 9, "thinkingConfig": {"thinkingBudget": 128}}),
        ("", {"temperature": 1, "maxOutputTokens": 9}),
    ],
)  # fmt: skip
def test_the_base_model_decides_what_is_sent(base_model: str, config: dict[str, Any]) -> None:
    settings = GenerationSettings(temperature=1, max_output_tokens=9)
    assert vertex(settings, base_model)["generationConfig"] == config


def test_gemini_takes_no_system_instruction_and_has_it_before_the_question() -> None:
    body = content_request(QUESTION, ALL, GEMINI.generation, "gemini-1.5-flash-001-tuning")
    protos.parse("v1beta", "GenerateContentRequest", body)
    assert body["generationConfig"] == NUMBERS
    assert "systemInstruction" not in body
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Count on.\n\n8"}]}]
    talk = [Turn(TurnRole.USER, "1"), Turn(TurnRole.MODEL, "2"), *QUESTION]
    sent = content_request(talk, ALL, GEMINI.generation)["contents"]
    assert [each["parts"][0]["text"] for each in sent] == ["1", "2", "Count on.\n\n8"]
    with pytest.raises(BadArgument, match="no question"):
        content_request([Turn(TurnRole.USER, " ")], ALL, GEMINI.generation)


def test_palm_takes_several_answers_and_its_own_kinds_of_harm() -> None:
    body = text_request(QUESTION, ALL, PALM.generation)
    protos.parse("v1beta3", "GenerateTextRequest", body)
    safety = body.pop("safetySettings")
    assert body == {"prompt": {"text": "Count on.\n\n8"}, "candidateCount": 3} | NUMBERS
    assert {each["category"] for each in safety} >= {"HARM_CATEGORY_TOXICITY", "HARM_CATEGORY_MEDICAL"}


def test_zero_is_sent_and_nothing_is_sent_that_nobody_set() -> None:
    assert vertex(GenerationSettings(temperature=0.0), "")["generationConfig"] == {"temperature": 0.0}
    assert vertex(NO_SETTINGS, "").keys() == {"contents"}
    assert content_request(QUESTION, NO_SETTINGS, GEMINI.generation).keys() == {"contents"}
    assert text_request(QUESTION, NO_SETTINGS, PALM.generation) == {"prompt": {"text": "8"}}
