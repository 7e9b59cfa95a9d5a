"""The Gemini API and the PaLM API alone: rows inside the request, lost operations, earlier turns, API keys."""

from collections.abc import AsyncIterator

import pytest

from bot.domain.chat import Turn, TurnRole
from bot.domain.jobs import JobState
from bot.errors import BadArgument, FileTooLarge, NotFoundAtGoogle
from bot.ports.backends import Prompt, TrainingData
from tests.support.backend_harness import KEY, PAIRS, BackendHarness, chunks, job_of

TALK = Prompt([Turn(TurnRole.USER, "1"), Turn(TurnRole.MODEL, "2"), Turn(TurnRole.USER, "8")])


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
        await gemini.start(KEY, gemini.spec(), data)
    assert not gemini.google.requests


async def test_rows_over_four_megabytes_are_refused_before_any_call(gemini: BackendHarness) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b'{"text_input": "1", "output": "2"}\n' * 1000

    with pytest.raises(FileTooLarge, match="4 MB"):
        await gemini.start(KEY, gemini.spec(), TrainingData(training=endless()))
    assert not gemini.google.requests


async def test_lost_operation_falls_back_to_the_tuned_models_state(genai: BackendHarness) -> None:
    job = await genai.create()
    genai.standin_job(job).advance(1)
    genai.google.faults.lose_operation(job.operation)
    polled = await genai.poll_one(job)
    assert (polled.state, polled.name) == (JobState.RUNNING, job.operation)
    genai.standin_job(job).finish()
    done = await genai.poll_one(job)
    assert done.state is JobState.SUCCEEDED
    assert done.endpoint == job.tuned_model
    assert done.total_steps == job.total_steps


async def test_failed_model_without_its_operation_still_says_something(genai: BackendHarness) -> None:
    job = await genai.create()
    genai.standin_job(job).fail()
    genai.google.faults.lose_operation(job.operation)
    polled = await genai.poll_one(job)
    assert polled.state is JobState.FAILED
    assert polled.failure is not None
    assert polled.failure.hint


async def test_job_found_without_its_operation_cannot_be_cancelled_but_says_why(genai: BackendHarness) -> None:
    job = await genai.create()
    genai.google.faults.lose_operation(job.tuned_model)
    genai.google.faults.fail(404, path="/operations$", times=None)
    found = await genai.backend.find(job.key)
    assert found is not None
    assert found.name == job.tuned_model
    with pytest.raises(NotFoundAtGoogle, match="no longer has the operation"):
        await genai.backend.cancel(job_of(job.key, job.spec, found))
    assert (await genai.poll_one(job_of(job.key, job.spec, found))).state is JobState.RUNNING


@pytest.mark.parametrize(
    "name", ["", "tunedModels/../secrets", "tunedModels/a?key=b", "https://evil.test/x", "x/y"]
)
async def test_only_names_of_tuned_models_become_addresses(gemini: BackendHarness, name: str) -> None:
    with pytest.raises(BadArgument, match="not a tuned model"):
        await gemini.backend.generate(name, TALK)
