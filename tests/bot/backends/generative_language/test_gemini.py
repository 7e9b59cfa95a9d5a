"""The Gemini API is asked with earlier turns where it takes them, and with the API key where there is one."""

import pytest

from bot.domain.chat import Turn, TurnRole
from bot.errors import InvalidRequest
from bot.ports.backends import Prompt
from bot.sandbox.google import GoogleStandIn
from tests.support.backend_harness import BackendHarness, open_backend

TALK = Prompt([Turn(TurnRole.USER, "1"), Turn(TurnRole.MODEL, "2"), Turn(TurnRole.USER, "8")])


async def test_earlier_turns_go_along_on_the_gemini_api(gemini: BackendHarness) -> None:
    job = await gemini.trained()
    await gemini.backend.generate(job.endpoint, TALK)
    sent = gemini.google.requests.matching(":generateContent")[-1].body["contents"]
    assert [(one["role"], one["parts"][0]["text"]) for one in sent] == [
        ("user", "1"),
        ("model", "2"),
        ("user", "8"),
    ]


async def test_model_that_takes_no_earlier_turns_is_asked_the_last_one(gemini: BackendHarness) -> None:
    job = await gemini.trained()
    refusal = f"Multiturn chat is not enabled for {job.endpoint}"
    gemini.google.faults.fail(400, refusal, path=":generateContent")
    assert (await gemini.backend.generate(job.endpoint, TALK)).text.strip() == "9"
    await gemini.backend.generate(job.endpoint, TALK)
    lengths = [len(one.body["contents"]) for one in gemini.google.requests.matching(":generateContent")]
    assert lengths == [3, 1, 1], "it is tried once, then known"


async def test_streaming_learns_the_same(gemini: BackendHarness) -> None:
    job = await gemini.trained()
    gemini.google.faults.fail(400, "Multiturn chat is not enabled for it", path=":streamGenerateContent")
    pieces = [piece async for piece in gemini.backend.stream(job.endpoint, TALK)]
    assert "".join(piece.text for piece in pieces).strip() == "9"


async def test_other_rejections_of_a_conversation_are_raised(gemini: BackendHarness) -> None:
    job = await gemini.trained()
    gemini.google.faults.fail(400, "The input is too long.", path="enerateContent", times=None)
    with pytest.raises(InvalidRequest, match="too long"):
        await gemini.backend.generate(job.endpoint, TALK)
    with pytest.raises(InvalidRequest, match="too long"):
        [piece async for piece in gemini.backend.stream(job.endpoint, TALK)]


async def test_api_key_asks_and_never_tunes(google: GoogleStandIn) -> None:
    gemini = open_backend("gemini", google, api_key=google.api_key)
    job = await gemini.trained()
    await gemini.backend.generate(job.endpoint, TALK)
    [piece async for piece in gemini.backend.stream(job.endpoint, TALK)]
    for entry in google.requests:
        asking = "enerateContent" in entry.path
        assert ("x-goog-api-key" in entry.headers) is asking
        assert ("authorization" in entry.headers) is not asking
        assert "key" not in entry.query
    await gemini.backend.close()
