"""The seam for something that really trains: it sets the pace, measures, answers, breaks and is stopped."""

from collections.abc import AsyncIterator

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn, Prompt, Score, TrainingTask
from tests.bot.sandbox.google.conftest import numbers, tuned_model_body
from tests.support.clock import FixedClock


class Apprentice:
    """A trainer and its only training run, which does what the test says."""

    name = "apprentice"
    account = "Learns as the test says."

    def __init__(self) -> None:
        self.training_task: TrainingTask | None = None
        self.done = 0
        self.broken: str | None = None
        self.stopped = 0

    def begin(self, training_task: TrainingTask, now: float) -> "Apprentice":
        self.training_task = training_task
        return self

    def step(self, now: float) -> int:
        return self.done

    def moment(self, step: int) -> float:
        return 1_800_000_000.0 + step

    def score(self, step: int) -> Score:
        return Score(loss=-1.5e-06 if step == 2 else 1 / step, accuracy=0.5, predictions=7)

    def validation_score(self, step: int) -> Score | None:
        return None

    def failure(self, now: float) -> str | None:
        return self.broken

    async def answer(self, prompt: Prompt) -> AsyncIterator[str]:
        for role, text in prompt.turns:
            yield f"{role} said {text}. "

    def stop(self) -> None:
        self.stopped += 1


@pytest.fixture
def apprentice() -> Apprentice:
    """The trainer under a test's control."""
    return Apprentice()


@pytest.fixture
async def google(clock: FixedClock, apprentice: Apprentice) -> AsyncIterator[GoogleStandIn]:
    """A stand-in in which the apprentice trains."""
    async with GoogleStandIn(trainer=apprentice, clock=clock.timestamp, job_seconds=0) as stand_in:
        yield stand_in


async def begin(client: httpx.AsyncClient) -> str:
    """Start tuning and look once, so that training begins; return the operation's path."""
    body = tuned_model_body("models/gemini-1.0-pro-001", numbers(), batch_size=4, epoch_count=2, learning_rate=0.5)
    created = await client.post("/v1beta/tunedModels", json=body, params={"tunedModelId": "mine"})
    return f"/v1/{created.json()['name']}"


async def test_trainer_gets_the_users_training_task_and_its_losses_are_shown(
    client: httpx.AsyncClient, apprentice: Apprentice
) -> None:
    operation = await begin(client)
    training_task = apprentice.training_task
    assert training_task is not None
    assert (
        training_task.example_count,
        training_task.epochs,
        training_task.batch_size,
        training_task.learning_rate,
    ) == (15, 2, 4, 0.5)
    assert training_task.examples[0].pairs == [("1", "2")]
    apprentice.done = 2
    metadata = (await client.get(operation)).json()["metadata"]
    assert [snapshot["meanLoss"] for snapshot in metadata["snapshots"]] == [1.0, -1.5e-06]
    apprentice.done = training_task.total_steps
    assert (await client.get(operation)).json()["done"] is True
    question = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    answer = (await client.post("/v1beta/tunedModels/mine:generateContent", json=question)).json()
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "user said hi. "}]
    assert answer["modelVersion"] == "apprentice"


async def test_training_that_breaks_fails_the_job(client: httpx.AsyncClient, apprentice: Apprentice) -> None:
    operation = await begin(client)
    apprentice.broken = "Out of memory."
    assert (await client.get(operation)).json()["error"] == {"code": 2, "message": "Out of memory."}
    assert apprentice.stopped == 1


async def test_cancel_stops_what_trains(client: httpx.AsyncClient, apprentice: Apprentice) -> None:
    operation = await begin(client)
    await client.post(f"{operation}:cancel")
    assert apprentice.stopped == 1


async def test_close_stops_what_trains_and_keeps_the_books(
    client: httpx.AsyncClient, google: GoogleStandIn, apprentice: Apprentice
) -> None:
    await begin(client)
    await google.close()
    assert apprentice.stopped == 1
    assert google.jobs.books()[0]["phase"] == "running"


async def test_without_a_pace_only_the_test_moves_a_job(clock: FixedClock) -> None:
    async with (
        GoogleStandIn(job_seconds=None, clock=clock.timestamp) as google,
        httpx.AsyncClient(
            base_url=google.url, headers={"Authorization": f"Bearer {google.issue_token(1e9)}"}
        ) as client,
    ):
        operation = await begin(client)
        clock.advance(seconds=1e6)
        job = google.jobs.find("mine")
        assert (job.phase, job.steps) == ("running", 0)
        job.advance(3)
        clock.advance(seconds=10)
        job.advance()
        assert job.steps == 4
        assert [snapshot.at - job.created for snapshot in job.snapshots] == [1e6, 1e6, 1e6, 1e6 + 10]
        job.finish()
        assert (await client.get(operation)).json()["done"] is True
        job.advance()
        assert job.steps == job.total_steps
