"""Answers ordered by a test: blocked, withheld, cut, empty, and reasons that nobody knows."""

from typing import Any

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn
from tests.bot.sandbox.google.conftest import numbers, tuned_model_body

ASK = "/v1beta/tunedModels/numbers:generateContent"
ASK_PALM = "/v1beta3/tunedModels/numbers-palm:generateText"


@pytest.fixture(autouse=True)
async def _models(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    for version, base, name in (
        ("v1beta", "models/gemini-1.0-pro-001", "numbers"),
        ("v1beta3", "models/text-bison-001", "numbers-palm"),
    ):
        body = tuned_model_body(base, numbers())
        await client.post(f"/{version}/tunedModels", json=body, params={"tunedModelId": name})
        google.jobs.latest.finish()


def question(text: str = "seven") -> dict[str, Any]:
    """Return a request of the Gemini API."""
    return {"contents": [{"parts": [{"text": text}]}]}


async def test_blocked_prompt_has_a_reason_and_no_candidates(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    google.answers.block("PROHIBITED_CONTENT")
    answer = (await client.post(ASK, json=question())).json()
    assert answer["promptFeedback"]["blockReason"] == "PROHIBITED_CONTENT"
    assert "candidates" not in answer
    assert "candidates" in (await client.post(ASK, json=question())).json()


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION"])
async def test_withheld_answer_has_a_reason_and_no_text(
    client: httpx.AsyncClient, google: GoogleStandIn, reason: str
) -> None:
    google.answers.finish(reason, times=None)
    candidate = (await client.post(ASK, json=question())).json()["candidates"][0]
    assert (candidate["finishReason"], candidate["content"]) == (reason, {"role": "model"})
    assert any(rating.get("blocked") for rating in candidate["safetyRatings"]) == (reason == "SAFETY")


async def test_unknown_reason_passes_as_it_is(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    google.answers.finish("SOMETHING_NEW", "half an ans")
    async with httpx.AsyncClient(base_url=google.url, headers=client.headers) as unjudged:
        candidate = (await unjudged.post(ASK, json=question())).json()["candidates"][0]
    assert candidate["finishReason"] == "SOMETHING_NEW"
    assert candidate["content"]["parts"] == [{"text": "half an ans"}]


async def test_order_waits_for_its_question(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    google.answers.say("forty-two", containing="life")
    first = (await client.post(ASK, json=question("seven"))).json()
    second = (await client.post(ASK, json=question("meaning of life"))).json()
    texts = [answer["candidates"][0]["content"]["parts"][0]["text"] for answer in (first, second)]
    assert texts == ["eight", "forty-two"]


async def test_answer_without_candidates_or_reason(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    google.answers.leave_out()
    answer = (await client.post(ASK, json=question())).json()
    assert not {"candidates", "promptFeedback"} & answer.keys()


async def test_palm_answers_and_filters(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    prompt = {"prompt": {"text": "two hundred"}, "candidate_count": 2}
    answer = (await client.post(ASK_PALM, json=prompt)).json()
    assert [candidate["output"] for candidate in answer["candidates"]] == ["two hundred one"] * 2
    google.answers.block()
    assert (await client.post(ASK_PALM, json=prompt)).json() == {"filters": [{"reason": "SAFETY"}]}
    assert (await client.post(ASK_PALM, json={"prompt": {}})).status_code == 400
    assert (await client.post(ASK_PALM, json={**prompt, "candidateCount": 9})).status_code == 400


async def test_nearest_example_answers_an_unknown_question(client: httpx.AsyncClient) -> None:
    answer = (await client.post(ASK, json=question("Ninety  NINE?"))).json()
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "one hundred"}]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"systemInstruction": {"parts": [{"text": "be kind"}]}}, "Developer instruction is not enabled"),
        ({"generationConfig": {"responseMimeType": "application/json"}}, "JSON mode is not enabled"),
        ({"contents": [{"parts": [{"text": "x" * 40_001}]}]}, "the limit is 40000"),
    ],
)
async def test_tuned_gemini_model_takes_text_only(
    client: httpx.AsyncClient, more: dict[str, Any], words: str
) -> None:
    refused = await client.post(ASK, json={**question(), **more})
    assert refused.status_code == 400
    assert words in refused.json()["error"]["message"]


async def test_model_that_is_not_there_or_not_ready(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    missing = await client.post("/v1beta/tunedModels/none:generateContent", json=question())
    assert (missing.status_code, missing.json()["error"]["message"]) == (
        404,
        "Tuned model tunedModels/none does not exist.",
    )
    body = tuned_model_body("models/gemini-1.0-pro-001", numbers())
    await client.post("/v1beta/tunedModels", json=body, params={"tunedModelId": "young"})
    early = await client.post("/v1beta/tunedModels/young:streamGenerateContent", json=question())
    assert early.json()["error"]["status"] == "FAILED_PRECONDITION"


async def test_tokens_are_counted(client: httpx.AsyncClient) -> None:
    path = "/v1beta/models/gemini-1.0-pro-001:countTokens"
    assert (await client.post(path, json=question("twelve chars"))).json()["totalTokens"] == 3
    nested = {"generateContentRequest": {"model": "models/gemini-1.0-pro-001", **question("abcd")}}
    assert (await client.post(path, json=nested)).json()["totalTokens"] == 1
    palm = "/v1beta3/models/text-bison-001:countTextTokens"
    assert (await client.post(palm, json={"prompt": {"text": "abcde"}})).json() == {"tokenCount": 2}
