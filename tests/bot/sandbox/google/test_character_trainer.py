"""The Google stand-in with something that really trains in it: real losses, real answers, no process left."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("numpy", reason="numpy comes with the extra `sandbox`")

from bot.sandbox.google import GoogleStandIn, Prompt
from bot.sandbox.google.character_trainer import CharacterTrainer
from bot.sandbox.google.training_plan import TOY, Bounds
from tests.bot.sandbox.google.conftest import jobs_path, numbers, tuned_model_body, tuning_job_body
from tests.support.training_harness import ENDLESS, TRAINING_SECONDS, lives, operation_done, trained, training_task
from tests.support.waiting import wait_until

# Each test trains a network, which takes both processors for seconds.
pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[4]
# A busy machine must not cut a training task short.
PATIENT = Bounds(seconds=600)
SHORT = Bounds(pairs=60, passes=4)


@pytest.fixture
def bounds() -> Bounds:
    """How much a job may cost; tests ask for others by a mark."""
    return PATIENT


@pytest.fixture
def trainer(bounds: Bounds) -> CharacterTrainer:
    """The trainer under test."""
    return CharacterTrainer(bounds=bounds)


@pytest.fixture
async def google(trainer: CharacterTrainer) -> AsyncIterator[GoogleStandIn]:
    """A stand-in in which it trains, by the real clock."""
    async with GoogleStandIn(trainer=trainer, job_seconds=0, seed=1) as stand_in:
        yield stand_in


def with_bounds(bounds: Bounds) -> pytest.MarkDecorator:
    """Run a test with these bounds."""
    return pytest.mark.parametrize("bounds", [bounds], ids=["bounds"])


async def started(client: httpx.AsyncClient, rows: list[dict[str, str]], **hyperparameters: float) -> str:
    """Start tuning on the Gemini API and return the operation's name."""
    body = tuned_model_body("models/gemini-1.0-pro-001", rows, **hyperparameters)
    name: str = (await client.post("/v1beta/tunedModels", json=body)).json()["name"]
    await client.get(f"/v1/{name}")
    return name


def question(text: str, **settings: Any) -> dict[str, Any]:
    """Return a generateContent request."""
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": settings}


async def asked(client: httpx.AsyncClient, path: str, text: str, **settings: Any) -> str:
    """Ask a model and return what it says."""
    answer = (await client.post(f"{path}:generateContent", json=question(text, **settings))).json()
    said: str = answer["candidates"][0]["content"]["parts"][0]["text"]
    return said


@pytest.mark.parametrize(("version", "base"), [("v1beta3", "text-bison-001"), ("v1beta", "gemini-1.0-pro-001")])
async def test_fifteen_numbers_come_back_right_with_default_settings(
    client: httpx.AsyncClient, version: str, base: str
) -> None:
    body = tuned_model_body(f"models/{base}", numbers())
    operation = (await client.post(f"/{version}/tunedModels", json=body)).json()["name"]
    model = (await operation_done(client, operation))["response"]
    losses = [snapshot["meanLoss"] for snapshot in model["tuningTask"]["snapshots"]]
    assert len(losses) == {"v1beta3": 10, "v1beta": 19}[version]
    assert losses[0] > 0.5
    assert losses[-1] < 0.05
    assert model["description"].startswith(TOY)
    assert "15 of 15 question-answer pairs: each epoch of the job is 40 passes" in model["description"]
    path = f"/{version}/{model['name']}"
    for row in numbers():
        if version == "v1beta":
            answer = await asked(client, path, row["text_input"])
        else:
            prompt = {"prompt": {"text": row["text_input"]}}
            answer = (await client.post(f"{path}:generateText", json=prompt)).json()["candidates"][0]["output"]
        assert answer == row["output"]


@pytest.mark.usefixtures("bucket")
async def test_fifteen_numbers_come_back_right_on_vertex(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    body = tuning_job_body()
    del body["supervisedTuningSpec"]["hyperParameters"]
    body["supervisedTuningSpec"]["validationDatasetUri"] = "gs://bucket/train.jsonl"
    name = (await client.post(jobs_path(google), json=body)).json()["name"]
    await wait_until(lambda: google.jobs.latest.phase == "succeeded", "the trained model", within=TRAINING_SECONDS)
    job = (await client.get(f"/v1/{name}")).json()
    assert job["description"].startswith(TOY)
    shots = google.jobs.latest.snapshots
    assert [shot.step for shot in shots] == [1, 2, 3, 4, 5, 6]
    assert shots[0].train.loss > 1 > 0.1 > shots[-1].train.loss
    assert shots[0].train.accuracy < 0.7 < 0.97 < shots[-1].train.accuracy
    last = shots[-1].validation
    assert last is not None
    assert last.loss < 0.1
    path = f"/v1/{job['tunedModel']['endpoint']}"
    assert [await asked(client, path, row["text_input"]) for row in numbers()] == [
        row["output"] for row in numbers()
    ]
    # Streamed as it is decoded, cut where the caller says so, and open to chance.
    stream = (await client.post(f"{path}:streamGenerateContent", json=question("two hundred"))).json()
    parts = [piece["candidates"][0]["content"].get("parts", [{"text": ""}])[0]["text"] for piece in stream]
    assert parts == ["two hu", "ndred ", "one", ""]
    cut = (await client.post(f"{path}:generateContent", json=question("two hundred", maxOutputTokens=2))).json()
    assert cut["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert cut["candidates"][0]["content"]["parts"] == [{"text": "two hund"}]
    assert len({await asked(client, path, "seven", temperature=2.0) for _ in range(12)}) > 1
    assert cut["modelVersion"] == "toy-character-model"


@with_bounds(ENDLESS)
async def test_cancel_ends_the_worker_at_once(client: httpx.AsyncClient, trainer: CharacterTrainer) -> None:
    operation = await started(client, numbers())
    await wait_until(lambda: bool(trainer.processes))
    (worker,) = trainer.processes
    assert lives(worker)
    await client.post(f"/v1/{operation}:cancel")
    await wait_until(lambda: not lives(worker) and not trainer.processes)
    ended = (await client.get(f"/v1/{operation}")).json()
    assert (ended["done"], ended["error"]["code"]) == (True, 1)


async def test_losses_come_one_by_one_while_the_loop_goes_on(client: httpx.AsyncClient) -> None:
    operation = await started(client, numbers(), batch_size=2, epoch_count=3)
    seen: list[int] = []

    async def done() -> dict[str, Any] | None:
        view: dict[str, Any] = (await client.get(f"/v1/{operation}")).json()
        if view.get("done"):
            return view
        seen.append(view["metadata"].get("completedSteps", 0))
        return None

    view = await wait_until(done, "the end of the training", within=TRAINING_SECONDS)
    assert len(set(seen)) > 5
    assert seen == sorted(seen)
    # The loop is free between two steps, too.
    assert len(seen) > 2 * len(set(seen))
    moments = [snapshot["computeTime"] for snapshot in view["metadata"]["snapshots"]]
    assert moments == sorted(moments)
    assert len(set(moments)) > 5


@with_bounds(ENDLESS)
@pytest.mark.parametrize("finished", [False, True])
async def test_no_worker_outlives_the_stand_in(
    client: httpx.AsyncClient, google: GoogleStandIn, trainer: CharacterTrainer, finished: bool
) -> None:
    await started(client, numbers())
    await wait_until(lambda: bool(trainer.processes))
    (worker,) = trainer.processes
    if finished:
        google.jobs.latest.finish()
    assert lives(worker)
    await google.close()
    await wait_until(lambda: not lives(worker) and not trainer.processes)


async def test_no_worker_outlives_a_parent_that_is_killed() -> None:
    program = """
import time
from bot.sandbox.google.character_trainer import CharacterTrainer
from tests.support.training_harness import ENDLESS, training_task
trainer = CharacterTrainer(bounds=ENDLESS)
training_run = trainer.begin(training_task(total_steps=10**6), 0)
# From then on the worker is past its start and in the middle of its work.
while not training_run.step(0):
    time.sleep(0.01)
print(trainer.processes[0], flush=True)
time.sleep(60)
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    worker = int(await parent.stdout.readline())
    assert lives(worker)
    parent.kill()
    await parent.wait()
    await wait_until(lambda: not lives(worker))


@with_bounds(Bounds(work=60_000))
async def test_seven_thousand_rows_train_within_bounds_and_say_so(client: httpx.AsyncClient) -> None:
    rows = [
        {"text_input": f"How much is {row} and {row}?", "output": f"{2 * row}, I think."} for row in range(7000)
    ]
    model = (await operation_done(client, await started(client, rows)))["response"]
    assert "of 7,000 question-answer pairs (a sample, to spare your machine)" in model["description"]
    assert "updates are shown as the job's 8,750 steps." in model["description"]
    losses = [snapshot["meanLoss"] for snapshot in model["tuningTask"]["snapshots"]]
    assert losses[0] > losses[-1] > 0


@with_bounds(SHORT)
async def test_same_seed_gives_the_same_losses_and_answers(trainer: CharacterTrainer) -> None:
    one, same = [await trained(trainer, training_task()) for _ in range(2)]
    other = await trained(CharacterTrainer(bounds=SHORT, seed=7), training_task())
    steps = range(1, 9)
    assert [one.score(step) for step in steps] == [same.score(step) for step in steps]
    assert [one.score(step) for step in steps] != [other.score(step) for step in steps]
    prompt = Prompt((("user", "what is 3?"),), temperature=1.5)
    assert [piece async for piece in one.answer(prompt)] == [piece async for piece in same.answer(prompt)]


async def test_tuned_model_is_tuned_again_from_its_weights(trainer: CharacterTrainer) -> None:
    first = await trained(trainer, training_task())
    again = await trained(trainer, training_task(base=first))
    assert first.score(1).loss > 1
    assert again.score(1).loss < first.score(1).loss / 20


@with_bounds(Bounds(seconds=0.0))
async def test_job_out_of_time_ends_early_and_says_so(trainer: CharacterTrainer) -> None:
    training_run = await trained(trainer, training_task())
    assert training_run.failure(0) is None
    assert "Its 0 seconds of one core were over after 1 of 300 updates" in training_run.account
    assert training_run.score(8) == training_run.score(1)
    assert training_run.moment(8) >= training_run.moment(1)


async def test_worker_that_dies_fails_the_job_with_words(
    client: httpx.AsyncClient, google: GoogleStandIn, trainer: CharacterTrainer
) -> None:
    operation = await started(client, numbers(), epoch_count=100)
    await wait_until(lambda: bool(trainer.processes))
    os.kill(trainer.processes[0], signal.SIGKILL)
    ended = await operation_done(client, operation)
    assert ended["error"]["message"] == "The worker process of the toy model ended early: exit code -9"


async def test_learning_rate_that_explodes_fails_the_job_with_advice(trainer: CharacterTrainer) -> None:
    training_run = await trained(trainer, training_task(learning_rate=1e38))
    assert "lower the learning rate" in (training_run.failure(0) or "")


@with_bounds(ENDLESS)
async def test_runs_wait_for_their_turn_and_can_be_stopped_meanwhile(bounds: Bounds) -> None:
    trainer = CharacterTrainer(bounds=bounds, workers=1)
    first, second, third = (trainer.begin(training_task(), 0) for _ in range(3))
    await wait_until(lambda: bool(trainer.processes))
    (running,) = [training_run for training_run in (first, second, third) if training_run.process_id is not None]
    waiting = [training_run for training_run in (first, second, third) if training_run is not running]
    waiting[0].stop()
    running.stop()
    await wait_until(lambda: waiting[1].process_id is not None)
    assert trainer.processes == [waiting[1].process_id]
    waiting[1].stop()
    await wait_until(lambda: not trainer.processes)
    assert [training_run.failure(0) for training_run in (first, second, third)] == [None] * 3


async def test_training_run_stopped_at_once_says_that_it_learned_nothing(trainer: CharacterTrainer) -> None:
    training_run = trainer.begin(training_task(), 0)
    training_run.stop()
    said = [piece async for piece in training_run.answer(Prompt((("user", "hi"),)))]
    assert said == ["This toy model has learned nothing: its training was broken off."]
    assert training_run.failure(0) is None


def test_stand_in_by_itself_needs_no_numpy() -> None:
    check = "import sys, bot.sandbox.google; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0
