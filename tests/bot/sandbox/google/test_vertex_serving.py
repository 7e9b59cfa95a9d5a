"""What comes of a tuning job on Vertex AI: endpoints, answers, losses, deletion."""

from typing import Any

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn
from tests.bot.sandbox.google.conftest import jobs_path, tuning_job_body
from tests.support.clock import FixedClock

pytestmark = pytest.mark.usefixtures("bucket")


async def tuned(client: httpx.AsyncClient, google: GoogleStandIn, **more: Any) -> dict[str, Any]:
    """Tune to the end and return the job."""
    body = tuning_job_body()
    body["supervisedTuningSpec"] |= more
    name = (await client.post(jobs_path(google), json=body)).json()["name"]
    google.jobs.latest.finish()
    job: dict[str, Any] = (await client.get(f"/v1/{name}")).json()
    return job


def question(text: str, **settings: Any) -> dict[str, Any]:
    """Return a generateContent request."""
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    return body | ({"generationConfig": settings} if settings else {})


async def test_every_checkpoint_answers_from_the_training_data(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    job = await tuned(client, google)
    for checkpoint in job["tunedModel"]["checkpoints"]:
        answer = (
            await client.post(f"/v1/{checkpoint['endpoint']}:generateContent", json=question("EIGHTY"))
        ).json()
        assert answer["candidates"][0]["content"] == {"role": "model", "parts": [{"text": "eighty one"}]}
        assert answer["modelVersion"] == "toy-nearest-example"
        assert answer["usageMetadata"]["totalTokenCount"] == 5


async def test_export_of_the_last_checkpoint_shows_one_endpoint(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    job = await tuned(client, google, exportLastCheckpointOnly=True)
    assert job["tunedModel"].keys() == {"model", "endpoint"}


async def test_stream_comes_in_pieces_that_add_up(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    endpoint = (await tuned(client, google))["tunedModel"]["endpoint"]
    path = f"/v1/{endpoint}:streamGenerateContent"
    events = await client.post(path, json=question("ninety nine"), params={"alt": "sse"})
    assert events.headers["Content-Type"] == "text/event-stream"
    assert events.text.count("data: ") == 3
    pieces = (await client.post(path, json=question("ninety nine"))).json()
    parts = [piece["candidates"][0]["content"].get("parts", [{"text": ""}]) for piece in pieces]
    assert "".join(part[0]["text"] for part in parts) == "one hundred"
    assert [piece["candidates"][0].get("finishReason") for piece in pieces] == [None, None, "STOP"]


async def test_answer_over_the_output_limit_is_cut_and_says_so(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    endpoint = (await tuned(client, google))["tunedModel"]["endpoint"]
    body = question("ninety nine", maxOutputTokens=1)
    candidate = (await client.post(f"/v1/{endpoint}:generateContent", json=body)).json()["candidates"][0]
    assert (candidate["finishReason"], candidate["content"]["parts"]) == ("MAX_TOKENS", [{"text": "one "}])


async def test_base_model_answers_that_it_is_a_stand_in(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    base = jobs_path(google, location="global").removesuffix("tuningJobs") + "publishers/google/models/"
    answer = (await client.post(f"{base}gemini-3.5-flash:generateContent", json=question("hello"))).json()
    assert "stand-in" in answer["candidates"][0]["content"]["parts"][0]["text"]
    missing = await client.post(f"{base}gemini-2.5-pro:generateContent", json=question("hello"))
    assert missing.status_code == 404
    assert "was not found or your project does not have access to it" in missing.json()["error"]["message"]
    counted = (await client.post(f"{base}gemini-3.5-flash:countTokens", json=question("some words"))).json()
    assert (counted["totalTokens"], counted["totalBillableCharacters"]) == (3, 9)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "contents is not specified"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role: user, model"),
        ({"contents": [{"role": "user", "parts": {"text": "x"}}]}, "Invalid value at 'contents[0].parts'"),
        ({"contents": [{"role": "user", "parts": []}]}, "must not be empty"),
        (question("x", temperature=3), "temperature must be in the range"),
    ],
)
async def test_bad_question_is_refused(
    client: httpx.AsyncClient, google: GoogleStandIn, body: dict[str, Any], words: str
) -> None:
    endpoint = (await tuned(client, google))["tunedModel"]["endpoint"]
    answer = await client.post(f"/v1/{endpoint}:generateContent", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


async def test_model_goes_only_after_its_endpoints_let_it_go(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    job = await tuned(client, google, hyperParameters={"epochCount": 1})
    endpoint, model = job["tunedModel"]["endpoint"], job["tunedModel"]["model"].split("@")[0]
    for name in (endpoint, model):
        refused = await client.delete(f"/v1/{name}")
        assert (refused.status_code, refused.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    shown = (await client.get(f"/v1/{endpoint}")).json()
    deployed = shown["deployedModels"][0]["id"]
    operation = (await client.post(f"/v1/{endpoint}:undeployModel", json={"deployedModelId": deployed})).json()
    assert operation["done"] is True
    assert (await client.get(f"/v1/{operation['name']}")).json() == operation
    for name in (endpoint, model):
        assert (await client.delete(f"/v1/{name}")).json()["done"] is True
        assert (await client.get(f"/v1/{name}")).status_code == 404
    assert (await client.post(f"/v1/{endpoint}:generateContent", json=question("8"))).status_code == 404


async def test_models_are_listed_where_they_live(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    job = await tuned(client, google)
    home = jobs_path(google).removesuffix("tuningJobs")
    models = (await client.get(f"{home}models")).json()["models"]
    assert [f"{model['name']}@1" for model in models] == [job["tunedModel"]["model"]]
    elsewhere = jobs_path(google, location="europe-west4").removesuffix("tuningJobs")
    assert (await client.get(f"{elsewhere}models")).json() == {}


async def test_nothing_is_served_before_success(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    await client.post(jobs_path(google), json=tuning_job_body())
    endpoint = google.tuning_jobs.all[0].checkpoints[-1].endpoint
    assert (await client.get(f"/v1/{endpoint}")).status_code == 404
    google.jobs.latest.finish()
    assert (await client.get(f"/v1/{endpoint}")).status_code == 200


async def losses(client: httpx.AsyncClient, job: dict[str, Any], points: int = 1000) -> dict[str, list[Any]]:
    """Read a job's time series, step by step as the facts lay out."""
    context = (await client.get(f"/v1/{job['experiment']}")).json()
    board = context["metadata"]["backing_tensorboard_resource"]
    store = job["experiment"].rsplit("/", 1)[0]
    wanted = f'schema_title="system.ExperimentRun" AND parent_contexts:"{job["experiment"]}"'
    runs = (await client.get(f"/v1/{store}", params={"filter": wanted})).json()["contexts"]
    experiment = job["experiment"].rsplit("/", 1)[1]
    read = {}
    for run in runs:
        run_id = run["name"].rsplit("/", 1)[1].removeprefix(f"{experiment}-")
        path = f"/v1/{board}/experiments/{experiment}/runs/{run_id}/timeSeries"
        for series in (await client.get(path)).json()["tensorboardTimeSeries"]:
            data = await client.get(f"/v1/{series['name']}:read", params={"maxDataPoints": points})
            read[series["displayName"]] = data.json()["timeSeriesData"].get("values", [])
    return read


async def test_losses_are_read_through_the_experiment_while_the_job_runs(
    client: httpx.AsyncClient, google: GoogleStandIn, clock: FixedClock
) -> None:
    name = (await client.post(jobs_path(google), json=tuning_job_body())).json()["name"]
    assert "experiment" not in (await client.get(f"/v1/{name}")).json()
    clock.advance(seconds=60)
    job = (await client.get(f"/v1/{name}")).json()
    read = await losses(client, job)
    assert list(read) == [
        "/train_total_loss",
        "/train_fraction_of_correct_next_step_preds",
        "/train_num_predictions",
    ]
    assert [point["step"] for point in read["/train_total_loss"]] == ["1", "2", "3", "4"]
    # Nothing is guessed right at first, and a zero is left out.
    assert read["/train_fraction_of_correct_next_step_preds"][0]["scalar"] == {}


async def test_losses_are_thinned_and_keep_the_last_step(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    job = await tuned(client, google, validationDatasetUri="gs://bucket/train.jsonl")
    read = await losses(client, job, points=3)
    assert "/eval_total_loss" in read
    assert [point["step"] for point in read["/eval_total_loss"]] == ["3", "6", "8"]
    assert all(point["scalar"]["value"] > 0 for point in read["/eval_total_loss"])


async def test_unknown_experiment_answers_404(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    base = jobs_path(google).removesuffix("tuningJobs")
    assert (await client.get(f"{base}metadataStores/default/contexts/none")).status_code == 404
    run = "tensorboards/1/experiments/2/runs/3/timeSeries"
    assert (await client.get(base + run)).status_code == 404
