"""What Vertex AI refuses before there is a job, and what fails the job once there is one."""

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn
from tests.bot.sandbox.google.conftest import jobs_path, pairs_as_vertex_rows, start_job, tuning_job_body
from tests.support.clock import FixedClock

BAD_ROLE = b'{"contents": [{"role": "judge", "parts": [{"text": "x"}]}]}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"messages": []}', "Row: 0. Missing required 'contents' field."),
        (b"input,output\n1,2\n", "training_dataset_uri should be a GCS object of type JSONL"),
        (pairs_as_vertex_rows([{"text_input": "1", "output": "2"}]) + b"\n{", "Row: 1. Invalid JSON."),
        (b'{"contents": [{"role": "user"}]}', "Row: 0. Missing required 'parts' field."),
        (BAD_ROLE, "Row: 0. Invalid role 'judge'. Please use a valid role: user, model."),
        (b"", "The dataset has no examples to train on."),
    ],
)
async def test_bad_file_fails_the_job_after_it_was_accepted(
    client: httpx.AsyncClient, google: GoogleStandIn, clock: FixedClock, content: bytes, message: str
) -> None:
    google.create_bucket("bucket")
    google.buckets.put("bucket", "train.jsonl", content)
    name = await start_job(client, google)
    assert (await client.get(f"/v1/{name}")).json()["state"] == "JOB_STATE_PENDING"
    clock.advance(seconds=5)
    job = (await client.get(f"/v1/{name}")).json()
    assert (job["state"], job["error"]) == ("JOB_STATE_FAILED", {"code": 3, "message": message})


@pytest.mark.parametrize("uri", ["gs://bucket/none.jsonl", "gs://none/train.jsonl", "gs://bucket/train.csv"])
@pytest.mark.usefixtures("bucket")
async def test_missing_file_fails_the_job(client: httpx.AsyncClient, google: GoogleStandIn, uri: str) -> None:
    name = await start_job(client, google, uri=uri)
    google.jobs.latest.finish()
    job = (await client.get(f"/v1/{name}")).json()
    assert job["error"]["message"].startswith("training_dataset_uri should be a GCS object of type JSONL")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baseModel": "gemini-9"}, "Base model gemini-9 is not supported."),
        ({"colour": 1}, "Unknown name \"colour\" at 'tuning_job': Cannot find field."),
        ({"uri": "https://x/y.jsonl"}, "training_dataset_uri should be a GCS object of type JSONL"),
        ({"tunedModelDisplayName": "x" * 129}, "129 characters, the limit is 128"),
        ({"labels": {"Team": "x"}}, "Invalid label 'Team'"),
        ({"preTunedModel": {"tunedModelName": "x"}}, "oneof field 'source_model' is already set"),
    ],
)
async def test_bad_request_is_refused_before_there_is_a_job(
    client: httpx.AsyncClient, google: GoogleStandIn, change: dict[str, object], message: str
) -> None:
    answer = await client.post(jobs_path(google), json=tuning_job_body(**change))  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]
    assert google.jobs.books() == []


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [
        ({"epochCount": 0}, "Epoch count"),
        ({"learningRateMultiplier": -1}, "Learning rate multiplier"),
        ({"adapterSize": "ADAPTER_SIZE_THIRTY_TWO"}, "adapter size is not supported"),
        ({"adapterSize": "FOUR"}, "Invalid value at"),
        ({"learningRate": 0.1}, "Cannot find field"),
    ],
)
async def test_bad_hyperparameter_is_refused(
    client: httpx.AsyncClient, google: GoogleStandIn, hyperparameters: dict[str, object], words: str
) -> None:
    body = tuning_job_body()
    body["supervisedTuningSpec"]["hyperParameters"] = hyperparameters
    answer = await client.post(jobs_path(google), json=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


async def test_location_that_cannot_tune_is_refused(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    answer = await client.post(jobs_path(google, location="mars"), json=tuning_job_body())
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def test_only_v1_and_v1beta1_are_there(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    answer = await client.get(jobs_path(google, version="v2"))
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
