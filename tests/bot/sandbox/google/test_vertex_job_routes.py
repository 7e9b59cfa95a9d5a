"""Tuning on Vertex AI: jobs, their queue, their data and how they fail."""

import json

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn
from tests.bot.sandbox.google.conftest import jobs_path, numbers, start_job, tuning_job_body
from tests.support.clock import FixedClock


@pytest.mark.usefixtures("bucket")
async def test_job_goes_from_pending_to_success_with_the_clock(
    client: httpx.AsyncClient, google: GoogleStandIn, clock: FixedClock
) -> None:
    name = await start_job(client, google)
    # Google answers with the project's number, whatever the request named it by.
    assert name.split("/")[1].isdigit()
    states = []
    for _ in range(3):
        states.append((await client.get(f"/v1/{name}")).json()["state"])
        clock.advance(seconds=60)
    assert states == ["JOB_STATE_PENDING", "JOB_STATE_RUNNING", "JOB_STATE_SUCCEEDED"]
    job = (await client.get(f"/v1/{name}")).json()
    assert job["tunedModel"]["model"].endswith("@1")
    assert [checkpoint["epoch"] for checkpoint in job["tunedModel"]["checkpoints"]] == ["1", "2", "3", "4"]
    assert job["tunedModel"]["endpoint"] == job["tunedModel"]["checkpoints"][-1]["endpoint"]


@pytest.mark.usefixtures("bucket")
async def test_model_tuned_in_us_central1_is_served_from_us(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    name = await start_job(client, google)
    google.jobs.latest.finish()
    tuned = (await client.get(f"/v1/{name}")).json()["tunedModel"]
    assert tuned["endpoint"].split("/")[3] == "us"
    assert tuned["model"].split("/")[3] == "us-central1"


@pytest.mark.usefixtures("bucket")
async def test_beta_tells_more_than_v1(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    name = await start_job(client, google)
    google.jobs.latest.advance(5)
    beta = (await client.get(f"/v1beta1/{name}")).json()
    assert beta["tuningJobState"] == "TUNING_JOB_STATE_TUNING"
    assert beta["tuningJobMetadata"] == {"completedStepCount": "5", "completedEpochCount": "2"}
    assert not {"tuningJobState", "tuningJobMetadata"} & (await client.get(f"/v1/{name}")).json().keys()


@pytest.mark.usefixtures("bucket")
async def test_jobs_beyond_the_quota_wait_and_start_when_a_place_comes_free(
    client: httpx.AsyncClient, google: GoogleStandIn, clock: FixedClock
) -> None:
    names = [await start_job(client, google) for _ in range(3)]
    assert [job.phase for job in google.jobs.all] == ["pending", "queued", "queued"]
    beta = (await client.get(f"/v1beta1/{names[1]}")).json()
    assert (beta["state"], beta["tuningJobState"]) == ("JOB_STATE_QUEUED", "TUNING_JOB_STATE_WAITING_FOR_QUOTA")
    # Nobody looks for a long time: each job still starts when the one before it ended.
    clock.advance(seconds=250)
    assert [job.phase for job in google.jobs.all] == ["succeeded", "succeeded", "running"]
    starts = [(job.started or 0) - google.jobs.all[0].created for job in google.jobs.all]
    assert starts == [0, 100, 200]
    google.limits.concurrent_vertex_jobs = 2
    await start_job(client, google)
    assert google.jobs.latest.phase == "pending"


@pytest.mark.usefixtures("bucket")
async def test_label_finds_the_job_again(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    name = await start_job(client, google, labels={"tunebot": "key-1"})
    await start_job(client, google, labels={"tunebot": "key-2"})
    listed = (await client.get(jobs_path(google), params={"filter": 'labels.tunebot="key-1"'})).json()
    assert [job["name"] for job in listed["tuningJobs"]] == [name]
    every = (await client.get(jobs_path(google), params={"filter": "labels.tunebot:*"})).json()
    assert len(every["tuningJobs"]) == 2
    nothing = await client.get(jobs_path(google), params={"filter": 'labels.tunebot="other"'})
    assert nothing.json() == {}
    assert (await client.get(jobs_path(google), params={"filter": "labels.tunebot ~ x"})).status_code == 400
    assert [row["labels"]["tunebot"] for row in google.jobs.books()] == ["key-1", "key-2"]


@pytest.mark.usefixtures("bucket")
async def test_list_goes_page_by_page(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    names = [await start_job(client, google) for _ in range(5)]
    seen: list[str] = []
    token = ""
    while True:
        query: dict[str, str | int] = {"pageSize": 2, "pageToken": token}
        listed = (await client.get(jobs_path(google), params=query)).json()
        seen += [job["name"] for job in listed["tuningJobs"]]
        token = listed.get("nextPageToken", "")
        if not token:
            break
    assert seen == names[::-1]
    elsewhere = await client.get(jobs_path(google, location="europe-west4"))
    assert elsewhere.json() == {}
    assert (await client.get(jobs_path(google), params={"pageToken": "?"})).status_code == 400


@pytest.mark.usefixtures("bucket")
async def test_cancel_ends_a_job_and_leaves_an_ended_one(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    name = await start_job(client, google)
    assert (await client.post(f"/v1/{name}:cancel", json={})).json() == {}
    assert (await client.get(f"/v1/{name}")).json()["state"] == "JOB_STATE_CANCELLED"
    done = await start_job(client, google)
    google.jobs.latest.finish()
    await client.post(f"/v1/{done}:cancel")
    assert (await client.get(f"/v1/{done}")).json()["state"] == "JOB_STATE_SUCCEEDED"


@pytest.mark.usefixtures("bucket")
async def test_job_shows_a_state_that_nobody_knows(google: GoogleStandIn, client: httpx.AsyncClient) -> None:
    name = await start_job(client, google)
    google.jobs.latest.set_state("JOB_STATE_SOMETHING_NEW")
    plain = httpx.AsyncClient(base_url=google.url, headers=client.headers)
    async with plain:
        assert (await plain.get(f"/v1/{name}")).json()["state"] == "JOB_STATE_SOMETHING_NEW"
    google.jobs.latest.set_state(None)
    assert (await client.get(f"/v1/{name}")).json()["state"] == "JOB_STATE_PENDING"


@pytest.mark.usefixtures("bucket")
async def test_paused_job_runs_without_a_step_until_it_goes_on(
    client: httpx.AsyncClient, google: GoogleStandIn, clock: FixedClock
) -> None:
    name = await start_job(client, google)
    clock.advance(seconds=6)
    google.jobs.latest.pause()
    clock.advance(seconds=36_000)
    assert (await client.get(f"/v1/{name}")).json()["state"] == "JOB_STATE_RUNNING"
    assert google.jobs.latest.steps == 0
    google.jobs.latest.resume()
    assert (await client.get(f"/v1/{name}")).json()["state"] == "JOB_STATE_SUCCEEDED"


async def test_rows_are_dropped_in_silence_and_told_in_the_stats(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    google.limits.vertex_example_tokens = 10
    user = {"role": "user", "parts": [{"text": "question"}]}
    rows = [
        {"contents": [user, {"role": "model", "parts": [{"text": "answer"}]}]},
        {"contents": [user]},
        {"contents": [user, {"role": "model", "parts": [{"text": "x" * 100}]}]},
        {"contents": [user, {"role": "model", "parts": [{"text": " "}]}]},
    ]
    google.create_bucket("bucket")
    google.buckets.put("bucket", "train.jsonl", "\n".join(map(json.dumps, rows)).encode())
    name = await start_job(client, google)
    google.jobs.latest.finish()
    job = (await client.get(f"/v1/{name}")).json()
    stats = job["tuningDataStats"]["supervisedTuningDataStats"]
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert stats["tuningDatasetExampleCount"] == "4"
    assert stats["truncatedExampleIndices"] == ["1", "2", "3"]
    assert len(stats["droppedExampleReasons"]) == 3
    # One row of 2 + 2 tokens, four epochs.
    assert stats["totalBillableTokenCount"] == "16"
    assert stats["tuningStepCount"] == "1"


@pytest.mark.usefixtures("bucket")
async def test_adapter_size_as_a_number_means_the_enums_value(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    body = tuning_job_body()
    body["supervisedTuningSpec"]["hyperParameters"] = {"adapterSize": 4}
    job = (await client.post(jobs_path(google), json=body)).json()
    assert job["supervisedTuningSpec"]["hyperParameters"]["adapterSize"] == "ADAPTER_SIZE_SIXTEEN"


@pytest.mark.usefixtures("bucket")
async def test_tuned_model_is_tuned_again(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    first = await start_job(client, google)
    google.jobs.latest.finish()
    model = (await client.get(f"/v1/{first}")).json()["tunedModel"]["model"]
    body = tuning_job_body(preTunedModel={"tunedModelName": model, "checkpointId": "2"})
    del body["baseModel"]
    again = (await client.post(jobs_path(google), json=body)).json()
    assert again["preTunedModel"]["baseModel"] == "gemini-3.5-flash"
    body["preTunedModel"]["tunedModelName"] = model.replace("models/", "models/0")
    assert (await client.post(jobs_path(google), json=body)).status_code == 404


async def test_preference_rows_train_too(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    rows = [
        {
            "contents": [{"role": "user", "parts": [{"text": row["text_input"]}]}],
            "completions": [
                {"score": score, "completion": {"role": "model", "parts": [{"text": text}]}}
                for score, text in ((1, row["output"]), (0, "no idea"))
            ],
        }
        for row in numbers()
    ]
    google.create_bucket("bucket")
    google.buckets.put("bucket", "train.jsonl", "\n".join(map(json.dumps, rows)).encode())
    body = tuning_job_body()
    body["preferenceOptimizationSpec"] = body.pop("supervisedTuningSpec") | {"hyperParameters": {"beta": 0.1}}
    name = (await client.post(jobs_path(google), json=body)).json()["name"]
    google.jobs.latest.finish()
    endpoint = (await client.get(f"/v1/{name}")).json()["tunedModel"]["endpoint"]
    question = {"contents": [{"role": "user", "parts": [{"text": "8"}]}]}
    answer = (await client.post(f"/v1/{endpoint}:generateContent", json=question)).json()
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "9"}]
