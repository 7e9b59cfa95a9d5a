"""The Gemini API and the PaLM API alone: rows inside the request, lost operations, earlier turns, API keys."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.backends.generative_language.wire import model_operation, operation, tuned_model
from bot.backends.profiles import GEMINI, PALM
from bot.domain.chat import Role, Turn
from bot.domain.jobs import JobState, total_steps
from bot.errors import BadArgument, FileTooLarge, InvalidRequest, NotFoundAtGoogle
from bot.ports.backends import TrainingData
from bot.sandbox.google import GoogleStandIn
from tests.outside import protos
from tests.support.backend_harness import KEY, PAIRS, BackendHarness, chunks, job_of, open_backend
from tests.support.data_files import data_file

TALK = [Turn(Role.USER, "1"), Turn(Role.MODEL, "2"), Turn(Role.USER, "8")]


async def test_rows_travel_inside_the_request(genai: BackendHarness) -> None:
    job = await genai.create()
    [sent] = genai.creates()
    assert sent.query == {"tunedModelId": job.key}
    shown = sent.body["tuningTask"]["trainingData"]["examples"]["examples"]
    assert [(one["textInput"], one["output"]) for one in shown] == PAIRS
    assert sent.body["displayName"] == "numbers 0"
    assert job.tuned_model == f"tunedModels/{job.key}"
    assert job.total_steps == genai.standin_job(job).total_steps


async def test_long_name_is_cut_to_what_google_takes(genai: BackendHarness) -> None:
    await genai.create(spec=genai.spec("n" * 60))
    assert genai.creates()[0].body["displayName"] == "n" * 40


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (TrainingData(chunks(b"{}"), validation=chunks(b"{}")), "no validation"),
        (TrainingData(training=chunks(b'{"text_input": "1"}\n')), "not of the form"),
        (TrainingData(training=chunks(b'{"text_input": "1", "output": 2}')), "not of the form"),
    ],
)
async def test_data_that_cannot_travel_is_refused_before_any_call(
    gemini: BackendHarness, data: TrainingData, reason: str
) -> None:
    with pytest.raises(BadArgument, match=reason):
        await gemini.backend.create(KEY, gemini.spec(), data)
    assert not gemini.google.requests


async def test_rows_over_four_megabytes_are_refused_before_any_call(gemini: BackendHarness) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b'{"text_input": "1", "output": "2"}\n' * 1000

    with pytest.raises(FileTooLarge, match="4 MB"):
        await gemini.backend.create(KEY, gemini.spec(), TrainingData(training=endless()))
    assert not gemini.google.requests


async def test_lost_operation_falls_back_to_the_tuned_models_state(genai: BackendHarness) -> None:
    job = await genai.create()
    genai.standin_job(job).advance(1)
    genai.google.faults.lose_operation(job.operation)
    seen = await genai.look(job)
    assert (seen.state, seen.name) == (JobState.RUNNING, job.operation)
    genai.standin_job(job).finish()
    done = await genai.look(job)
    assert done.state is JobState.SUCCEEDED
    assert done.endpoint == job.tuned_model
    assert done.total_steps == job.total_steps


async def test_failed_model_without_its_operation_still_says_something(genai: BackendHarness) -> None:
    job = await genai.create()
    genai.standin_job(job).fail()
    genai.google.faults.lose_operation(job.operation)
    seen = await genai.look(job)
    assert seen.state is JobState.FAILED
    assert seen.failure is not None
    assert seen.failure.hint


async def test_job_found_without_its_operation_cannot_be_cancelled_but_says_why(genai: BackendHarness) -> None:
    job = await genai.create()
    genai.google.faults.lose_operation(job.tuned_model)
    genai.google.faults.fail(404, path="/operations$", times=None)
    found = await genai.backend.find(job.key)
    assert found is not None
    assert found.name == job.tuned_model
    with pytest.raises(NotFoundAtGoogle, match="no longer has the operation"):
        await genai.backend.cancel(job_of(job.key, job.spec, found))
    assert (await genai.look(job_of(job.key, job.spec, found))).state is JobState.RUNNING


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


async def test_other_refusals_of_a_conversation_are_told(gemini: BackendHarness) -> None:
    job = await gemini.trained()
    gemini.google.faults.fail(400, "The input is too long.", path="enerateContent", times=None)
    with pytest.raises(InvalidRequest, match="too long"):
        await gemini.backend.generate(job.endpoint, TALK)
    with pytest.raises(InvalidRequest, match="too long"):
        [piece async for piece in gemini.backend.stream(job.endpoint, TALK)]


async def test_palm_is_asked_the_last_turn_alone(google: GoogleStandIn) -> None:
    palm = open_backend("palm", google)
    job = await palm.trained()
    assert (await palm.backend.generate(job.endpoint, TALK)).text.strip() == "9"
    assert google.requests.matching(":generateText")[-1].body == {"prompt": {"text": "8"}}
    await palm.backend.close()


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


@pytest.mark.parametrize(
    "name", ["", "tunedModels/../secrets", "tunedModels/a?key=b", "https://evil.test/x", "x/y"]
)
async def test_only_names_of_tuned_models_become_addresses(gemini: BackendHarness, name: str) -> None:
    with pytest.raises(BadArgument, match="not a tuned model"):
        await gemini.backend.generate(name, TALK)


def test_a_list_in_googles_form_is_read_whole() -> None:
    shown = json.loads(data_file("google/tuned_models_list.json"))["tunedModels"]
    for model in shown:
        protos.parse("v1beta3", "TunedModel", model)
    models = [tuned_model("palm", model) for model in shown]
    assert len(models) == 5
    assert models[0].display_name == "count up"
    assert models[0].base_model == "models/text-bison-001"
    assert models[0].created_at == datetime(2023, 10, 2, 9, 15, 4, 123456, UTC)
    jobs = [model_operation(model, name="", examples=15) for model in shown]
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert [len(job.snapshots) for job in jobs] == [16, 12, 23, 12, 23]
    for job, model in zip(jobs, shown, strict=True):
        last = model["tuningTask"]["snapshots"][-1]
        assert job.snapshots[-1].mean_loss == last["meanLoss"]
        assert job.snapshots[0].epoch == 0, "the first epoch is left out on the wire"
    assert [job.total_steps for job in jobs[1:]] == [12, 23, 12, 23]


def test_zeros_that_proto3_leaves_out_are_read_as_zeros() -> None:
    body = {
        "name": "tunedModels/x/operations/y",
        "metadata": {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1beta.CreateTunedModelMetadata",
            "tunedModel": "tunedModels/x",
            "totalSteps": 38,
            "snapshots": [{"step": 1}, {"step": 2, "meanLoss": -1.1145603e-06, "epoch": 1}],
        },
    }
    protos.parse("v1beta", "Operation", body)
    seen = operation(body, named="tunedModels/x")
    assert (seen.state, seen.total_steps, seen.completed_steps, seen.epoch) == (JobState.RUNNING, 38, 2, 1)
    assert [(one.epoch, one.mean_loss) for one in seen.snapshots] == [(0, 0.0), (1, -1.1145603e-06)]


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"done": True, "error": {"code": 1, "message": "cancelled"}}, JobState.CANCELLED),
        ({"done": True, "error": {"code": 13}}, JobState.FAILED),
        ({"done": True, "response": {"name": "tunedModels/x", "state": "ACTIVE"}}, JobState.SUCCEEDED),
        ({"done": True, "response": {"name": "tunedModels/x", "state": "FAILED"}}, JobState.FAILED),
        ({"done": True, "response": {"name": "tunedModels/x", "state": "MELTED"}}, JobState.RUNNING),
        ({"done": True}, JobState.SUCCEEDED),
        ({}, JobState.RUNNING),
    ],
)
def test_every_end_of_an_operation_has_a_state(body: dict[str, Any], state: JobState) -> None:
    seen = operation(body, named="tunedModels/x")
    assert seen.state is state
    assert (seen.failure is not None) == (state is JobState.FAILED)
    assert bool(seen.endpoint) == (state is JobState.SUCCEEDED)


def test_profiles_say_that_google_no_longer_trains_there() -> None:
    assert not GEMINI.trains_today
    assert not PALM.trains_today
    assert "May 2025" in GEMINI.notice
    assert "shut" in PALM.notice


@pytest.mark.parametrize(
    ("epochs", "batch", "steps"), [(3, 2, 23), (3, 4, 12), (5, 2, 38), (5, 4, 19), (50, 4, 188)]
)
def test_steps_are_counted_as_google_counted_them(epochs: int, batch: int, steps: int) -> None:
    assert total_steps(15, epochs, batch) == steps
