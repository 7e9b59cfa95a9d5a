"""What every backend must do for the use cases, with the same tests for all three of Google's systems."""

import re
from contextlib import aclosing

import pytest

from bot.domain.chat import Finish, Turn, TurnRole
from bot.domain.generation_settings import GenerationSettings, Safety
from bot.domain.jobs import Hyperparameters, JobState
from bot.domain.operations import Operation, TunedModel
from bot.errors import (
    BadArgument,
    GoogleError,
    GoogleUnavailable,
    NotAuthenticated,
    NotFoundAtGoogle,
    PermissionDenied,
)
from bot.ports.backends import Prompt
from tests.support.backend_harness import KEY, BackendHarness, job_of, key, open_backend

QUESTION = Prompt([Turn(TurnRole.USER, "8")])
CREATE = r"/(tunedModels|tuningJobs)$"


def test_keys_fit_both_places_that_carry_them() -> None:
    for one in (KEY, key(0), key(32_767)):
        assert re.fullmatch(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", one)
        assert re.fullmatch(r"[a-z0-9_-]{0,63}", one)


async def test_job_goes_from_start_to_a_model_that_answers(any_backend: BackendHarness) -> None:
    job = await any_backend.create()
    assert job.state in (JobState.QUEUED, JobState.RUNNING)
    assert len(any_backend.google.jobs.books()) == 1

    any_backend.standin_job(job).advance(1)
    running = await any_backend.poll_one(job)
    assert running.state is JobState.RUNNING
    assert running.completed_steps == 1
    assert [snapshot.step for snapshot in running.snapshots] == [1]
    assert running.snapshots[0].computed_at is not None

    any_backend.standin_job(job).finish()
    done = await any_backend.poll_one(job)
    assert done.state is JobState.SUCCEEDED
    assert done.completed_steps == done.total_steps == any_backend.standin_job(job).total_steps
    assert len(done.snapshots) == done.total_steps
    assert done.started_at is not None
    assert done.ended_at is not None
    assert (await any_backend.backend.generate(done.endpoint, QUESTION)).text.strip() == "9"


async def test_hyperparameters_arrive_as_they_were_chosen(any_backend: BackendHarness) -> None:
    taken = {rule.name for rule in any_backend.backend.profile.hyperparameters}
    chosen = Hyperparameters(
        epochs=7,
        batch_size=2 if "batch_size" in taken else None,
        learning_rate=0.002 if "learning_rate" in taken else None,
        adapter_size=4 if "adapter_size" in taken else None,
    )
    await any_backend.create(spec=any_backend.spec(chosen=chosen))
    [sent] = any_backend.creates()
    if any_backend.name == "vertex":
        wanted = {"epochCount": "7", "adapterSize": "ADAPTER_SIZE_FOUR"}
        assert sent.body["supervisedTuningSpec"]["hyperParameters"] == wanted
    else:
        numbers = {"epochCount": 7, "batchSize": 2, "learningRate": 0.002}
        assert sent.body["tuningTask"]["hyperparameters"] == numbers


async def test_hyperparameter_that_is_not_taken_is_refused_before_any_call(any_backend: BackendHarness) -> None:
    taken = {rule.name for rule in any_backend.backend.profile.hyperparameters}
    strange = Hyperparameters(batch_size=2) if "batch_size" not in taken else Hyperparameters(adapter_size=4)
    with pytest.raises(BadArgument, match="takes no"):
        await any_backend.start(KEY, any_backend.spec(chosen=strange), any_backend.data())
    assert not any_backend.creates()


async def test_streamed_answer_is_the_same_in_pieces(any_backend: BackendHarness) -> None:
    any_backend.google.answers.say("the next one is nine", times=2)
    job = await any_backend.trained()
    whole = await any_backend.backend.generate(job.endpoint, QUESTION)
    async with aclosing(any_backend.backend.stream(job.endpoint, QUESTION)) as stream:
        pieces = [piece async for piece in stream]
    assert "".join(piece.text for piece in pieces) == whole.text == "the next one is nine"
    assert pieces[-1].finish is Finish.COMPLETE
    assert all(piece.text for piece in pieces[:-1])


async def test_settings_reach_the_model_and_the_question_ends_where_they_say(any_backend: BackendHarness) -> None:
    any_backend.google.answers.say("nine END ten", times=2)
    job = await any_backend.trained()
    settings = GenerationSettings(temperature=0.0, top_p=0.9, top_k=3, stop_sequences=("END",), safety=Safety.LOW)
    base = job.spec.base_model
    answer = await any_backend.backend.generate(job.endpoint, Prompt(QUESTION.turns, settings, base))
    pieces = [
        piece async for piece in any_backend.backend.stream(job.endpoint, Prompt(QUESTION.turns, settings, base))
    ]
    assert (answer.text.strip(), answer.finish) == ("nine", Finish.COMPLETE)
    assert "".join(piece.text for piece in pieces).strip() == "nine"
    first, second = (entry.body for entry in any_backend.google.requests.matching(r"enerate(Content|Text)$"))
    assert first == second
    assert "BLOCK_LOW_AND_ABOVE" in str(first)


async def test_blocked_question_says_so_instead_of_failing(any_backend: BackendHarness) -> None:
    any_backend.google.answers.block("SAFETY", times=2)
    job = await any_backend.trained()
    answer = await any_backend.backend.generate(job.endpoint, QUESTION)
    pieces = [piece async for piece in any_backend.backend.stream(job.endpoint, QUESTION)]
    assert (answer.text, answer.finish, answer.reason) == ("", Finish.BLOCKED, "SAFETY")
    assert pieces == [answer]


async def test_answer_with_nothing_in_it_is_empty(any_backend: BackendHarness) -> None:
    any_backend.google.answers.leave_out()
    job = await any_backend.trained()
    answer = await any_backend.backend.generate(job.endpoint, QUESTION)
    assert (answer.text, answer.finish) == ("", Finish.EMPTY)


async def test_question_is_needed(any_backend: BackendHarness) -> None:
    endpoint = "tunedModels/x" if any_backend.name != "vertex" else ENDPOINT
    with pytest.raises(BadArgument, match="no question"):
        await any_backend.backend.generate(endpoint, Prompt([]))


ENDPOINT = "projects/1/locations/us/endpoints/2"


async def test_unknown_base_model_is_refused_in_googles_words(any_backend: BackendHarness) -> None:
    with pytest.raises(GoogleError) as caught:
        await any_backend.create(spec=any_backend.spec(base="gemini-0.1-nano"))
    assert "gemini-0.1-nano" in caught.value.message
    assert "base model" in caught.value.hint


async def test_reads_are_tried_again(any_backend: BackendHarness) -> None:
    job = await any_backend.create()
    any_backend.google.requests.clear()
    for code in (503, 429):
        any_backend.google.faults.fail(code, path=_name(job.operation), method="GET")
    assert (await any_backend.poll_one(job)).state in (JobState.QUEUED, JobState.RUNNING)
    assert len(any_backend.google.requests.matching(_name(job.operation), "GET")) == 3


async def test_reads_end_after_a_few_tries(any_backend: BackendHarness) -> None:
    job = await any_backend.create()
    any_backend.google.requests.clear()
    any_backend.google.faults.garble(path=_name(job.operation), times=None)
    with pytest.raises(GoogleUnavailable):
        await any_backend.poll_one(job)
    assert len(any_backend.google.requests) == 3


async def test_expired_token_is_an_error_that_says_what_to_set(any_backend: BackendHarness) -> None:
    job = await any_backend.create()
    any_backend.google.credentials.expire_all()
    with pytest.raises(NotAuthenticated) as caught:
        await any_backend.poll_one(job)
    assert "GOOGLE_OAUTH_ACCESS_TOKEN" in caught.value.hint


async def test_cancelled_job_polls_as_cancelled(any_backend: BackendHarness) -> None:
    job = await any_backend.create()
    any_backend.standin_job(job).advance(1)
    await any_backend.backend.cancel(job)
    polled = await any_backend.poll_one(job)
    assert polled.state is JobState.CANCELLED
    assert polled.failure is None


async def test_second_cancellation_does_no_harm(any_backend: BackendHarness) -> None:
    stopped, done = await any_backend.create(1), await any_backend.create(2)
    any_backend.standin_job(done).finish()
    for job in (stopped, stopped, done):
        await any_backend.backend.cancel(job)
    assert (await any_backend.poll_one(stopped)).state is JobState.CANCELLED
    assert (await any_backend.poll_one(done)).state is JobState.SUCCEEDED


async def test_failed_job_has_googles_reason_and_what_to_do(any_backend: BackendHarness) -> None:
    job = await any_backend.create()
    any_backend.standin_job(job).fail(3, "Row: 0. Missing required 'contents' field.")
    polled = await any_backend.poll_one(job)
    assert polled.state is JobState.FAILED
    assert polled.failure is not None
    assert (polled.failure.code, polled.failure.message) == (3, "Row: 0. Missing required 'contents' field.")
    assert "convert" in polled.failure.hint


async def test_models_are_listed_and_deleted_for_good(any_backend: BackendHarness) -> None:
    first = await any_backend.trained(1)
    second = await any_backend.trained(2)
    listed = await any_backend.backend.models()
    assert [model.display_name for model in listed] == ["numbers 2", "numbers 1"]
    assert [model.endpoint for model in listed] == [second.endpoint, first.endpoint]
    assert {model.backend for model in listed} == {any_backend.name}
    assert (await any_backend.backend.generate(listed[0].endpoint, QUESTION)).text.strip() == "9"

    await any_backend.backend.delete(listed[0])
    assert [model.display_name for model in await any_backend.backend.models()] == ["numbers 1"]
    with pytest.raises(NotFoundAtGoogle):
        await any_backend.backend.generate(second.endpoint, QUESTION)
    await any_backend.backend.delete(listed[0])


async def test_model_of_a_job_is_deleted_by_what_the_job_knows(any_backend: BackendHarness) -> None:
    job = await any_backend.trained()
    await any_backend.backend.delete(TunedModel(any_backend.name, job.tuned_model, job.endpoint, job.name))
    assert not await any_backend.backend.models()


async def test_tuned_model_is_tuned_again(any_backend: BackendHarness) -> None:
    first = await any_backend.trained(1)
    second = await any_backend.trained(2, any_backend.spec("again", base=first.tuned_model))
    assert second.state is JobState.SUCCEEDED
    sent = any_backend.creates()[-1].body
    assert "baseModel" not in sent
    assert first.tuned_model in str(sent)


async def test_many_jobs_are_polled_in_few_requests(any_backend: BackendHarness) -> None:
    any_backend.google.limits.concurrent_vertex_jobs = 50
    jobs = [await any_backend.create(number) for number in range(30)]
    for job in jobs:
        any_backend.standin_job(job).advance(1)
    any_backend.google.requests.clear()
    polled = await any_backend.backend.poll(jobs)
    assert {one.state for one in polled.values() if isinstance(one, Operation)} == {JobState.RUNNING}
    assert len(any_backend.google.requests) <= 18

    for job in jobs[:3]:
        any_backend.standin_job(job).finish()
    any_backend.standin_job(jobs[3]).fail(13, "Internal error encountered.")
    polled = await any_backend.backend.poll(jobs)
    states = [one.state for one in polled.values() if isinstance(one, Operation)]
    assert set(polled) == {job.key for job in jobs}
    assert states.count(JobState.SUCCEEDED) == 3
    assert states.count(JobState.FAILED) == 1
    failed = polled[jobs[3].key]
    assert isinstance(failed, Operation)
    assert failed.failure is not None
    assert failed.failure.message == "Internal error encountered."


async def test_error_of_one_job_hides_no_other(any_backend: BackendHarness) -> None:
    jobs = [await any_backend.create(number) for number in range(3)]
    any_backend.google.faults.fail(403, path=_name(jobs[1].operation), times=None)
    polled = await any_backend.backend.poll(jobs)
    assert isinstance(polled[jobs[0].key], Operation)
    assert isinstance(polled[jobs[1].key], PermissionDenied)
    assert isinstance(polled[jobs[2].key], Operation)


async def test_poll_of_nothing_asks_nothing(any_backend: BackendHarness) -> None:
    assert not await any_backend.backend.poll([])
    assert not any_backend.google.requests


async def test_job_that_google_no_longer_knows_is_an_error_of_its_own(any_backend: BackendHarness) -> None:
    job = await any_backend.create()
    gone = job_of(
        job.key, job.spec, Operation(job.operation[:-1] + "0", JobState.RUNNING, tuned_model="tunedModels/x")
    )
    polled = await any_backend.backend.poll([gone])
    assert isinstance(polled[job.key], NotFoundAtGoogle)


async def test_no_secret_reaches_an_error_or_a_log(
    any_backend: BackendHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = any_backend.google.issue_token()
    made = open_backend(any_backend.name, any_backend.google, access_token=token)
    job = await made.create()
    any_backend.google.faults.fail(
        403, f"Token {token} at https://x.test/y?key=AIzaSyA-1234567890 is bad.", path="GET"
    )
    any_backend.google.faults.fail(403, f"Token {token} at https://x.test/y?key=AIzaSyA-1234567890 is bad.")
    with pytest.raises(PermissionDenied) as caught:
        await made.poll_one(job)
    assert "***" in str(caught.value)
    for text in (str(caught.value), repr(caught.value), caplog.text, repr(made.backend)):
        assert token not in text
        assert "AIzaSyA" not in text
    await made.backend.close()


def _name(operation: str) -> str:
    """A pattern of the operation's own path, without what is read along with it."""
    return "/v1/.*" + re.escape(operation.rpartition("/")[2]) + "$"
