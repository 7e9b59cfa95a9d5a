"""Moving a tuned model on Vertex AI: a new job from the old one, told as an operation. Each answer is judged."""

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn
from tests.bot.sandbox.google.conftest import jobs_path, start_job
from tests.outside import discovery
from tests.support.clock import FixedClock

SUCCESSOR = "gemini-3.5-flash-lite"


@pytest.mark.usefixtures("bucket")
async def test_a_model_is_moved_by_a_new_job_that_takes_what_the_request_overwrites(
    client: httpx.AsyncClient, google: GoogleStandIn, clock: FixedClock
) -> None:
    old = await start_job(client, google)
    google.jobs.latest.finish()
    google.limits.vertex_rebase_seconds = 30
    model = (await client.get(f"/v1/{old}")).json()["tunedModel"]["model"]
    body = {"tunedModelRef": {"tunedModel": model}, "tuningJob": {"baseModel": SUCCESSOR, "labels": {"a": "b"}}}
    answer = await client.post(f"{jobs_path(google)}:rebaseTunedModel", json=body)
    operation = answer.json()
    assert "done" not in operation
    clock.advance(seconds=30)
    done = (await client.get(f"/v1/{operation['name']}")).json()
    discovery.vertex().check("GoogleLongrunningOperation", done)
    made = done["response"]
    assert done["done"] is True
    assert made.pop("@type").endswith(".v1.TuningJob")
    discovery.vertex().check("TuningJob", made)
    assert (made["baseModel"], made["labels"]) == (SUCCESSOR, {"a": "b"})
    before = (await client.get(f"/v1/{old}")).json()
    assert made["supervisedTuningSpec"] == before["supervisedTuningSpec"]
    assert before["tunedModel"]["model"] == model, "the old model stays"


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"tunedModelRef": {"tunedModel": "projects/p/locations/us-central1/models/1"}}, 404),
        ({"tunedModelRef": {"tunedModel": "a", "tuningJob": "b"}}, 400),
        ({"tunedModelRef": {"model": "a"}}, 400),
    ],
)
async def test_what_names_no_model_is_refused(
    client: httpx.AsyncClient, google: GoogleStandIn, body: object, status: int
) -> None:
    await start_job(client, google)
    answer = await client.post(f"{jobs_path(google)}:rebaseTunedModel", json=body)
    assert answer.status_code == status
    assert len(google.jobs.all) == 1
