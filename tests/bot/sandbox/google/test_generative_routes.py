"""Tuning on the Gemini API and the PaLM API, as the seeds show it."""

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn
from tests.bot.sandbox.google.conftest import numbers, tuned_model_body
from tests.support.clock import FixedClock

BASES = {"v1beta3": "models/text-bison-001", "v1beta": "models/gemini-1.0-pro-001"}
VERSIONS = pytest.mark.parametrize("version", ["v1beta3", "v1beta"])


async def create(client: httpx.AsyncClient, version: str, model_id: str = "", **hyperparameters: float) -> str:
    """Start tuning and return the operation's name."""
    body = tuned_model_body(BASES[version], numbers(), **hyperparameters)
    answer = await client.post(f"/{version}/tunedModels", json=body, params={"tunedModelId": model_id})
    assert answer.status_code == 200, answer.text
    name: str = answer.json()["name"]
    return name


@VERSIONS
async def test_first_answer_to_create_leaves_out_every_zero(client: httpx.AsyncClient, version: str) -> None:
    body = tuned_model_body(BASES[version], numbers(), batch_size=2, epoch_count=3, learning_rate=0.001)
    operation = (await client.post(f"/{version}/tunedModels", json=body)).json()
    model = operation["metadata"]["tunedModel"]
    assert operation == {
        "name": operation["name"],
        "metadata": {
            "@type": f"type.googleapis.com/google.ai.generativelanguage.{version}.CreateTunedModelMetadata",
            "totalSteps": 23,
            "tunedModel": model,
        },
    }
    assert operation["name"].startswith(f"{model}/operations/")
    assert model.startswith("tunedModels/number-generator-")


@pytest.mark.parametrize(
    ("batch", "epochs", "steps"), [(2, 3, 23), (4, 3, 12), (2, 5, 38), (4, 5, 19), (4, 50, 188)]
)
async def test_total_steps_are_those_of_every_seed(
    client: httpx.AsyncClient, google: GoogleStandIn, batch: int, epochs: int, steps: int
) -> None:
    await create(client, "v1beta", batch_size=batch, epoch_count=epochs)
    assert google.jobs.latest.total_steps == steps


@VERSIONS
async def test_job_moves_with_the_clock_to_its_end(
    client: httpx.AsyncClient, clock: FixedClock, version: str
) -> None:
    operation = await create(client, version, batch_size=2, epoch_count=3)
    clock.advance(seconds=5 + 95 * 8 / 23)
    midway = (await client.get(f"/v1/{operation}")).json()
    assert "done" not in midway
    metadata = midway["metadata"]
    assert (metadata["completedSteps"], round(metadata["completedPercent"], 2)) == (8, 34.78)
    assert [snapshot.get("epoch") for snapshot in metadata["snapshots"]] == [None] * 7 + [1]
    model = (await client.get(f"/{version}/{metadata['tunedModel']}")).json()
    assert model["state"] == "CREATING"
    assert "completeTime" not in model["tuningTask"]
    clock.advance(seconds=1000)
    ended = (await client.get(f"/v1/{operation}")).json()
    assert ended["done"] is True
    assert ended["response"]["state"] == "ACTIVE"
    assert ended["metadata"]["completedPercent"] == 100
    last = ended["response"]["tuningTask"]["snapshots"][-1]
    assert (last["step"], last["epoch"]) == (23, 3)
    # The end is when the last step was made, not when somebody looked.
    assert ended["response"]["tuningTask"]["completeTime"] == last["computeTime"]


async def test_losses_are_measured_and_fall(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    await create(client, "v1beta", batch_size=2, epoch_count=20)
    google.jobs.latest.finish()
    losses = [snapshot.loss for snapshot in google.jobs.latest.snapshots]
    assert losses[0] > 2 * losses[-1] > 0


async def test_long_run_shows_a_bounded_number_of_snapshots_with_the_last(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    google.limits.snapshots = 10
    await create(client, "v1beta", batch_size=2, epoch_count=5)
    google.jobs.latest.finish()
    shown = [snapshot.step for snapshot in google.jobs.latest.snapshots]
    assert len(shown) == 10
    assert shown[-1] == 38


@VERSIONS
async def test_client_chosen_id_is_taken_once(
    client: httpx.AsyncClient, google: GoogleStandIn, version: str
) -> None:
    assert (await create(client, version, "my-model")).startswith("tunedModels/my-model/operations/")
    body = tuned_model_body(BASES[version], numbers())
    again = await client.post(f"/{version}/tunedModels", json=body, params={"tunedModelId": "my-model"})
    assert (again.status_code, again.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    assert [row["key"] for row in google.jobs.books()] == ["my-model"]


async def test_camel_case_and_numbers_as_strings_are_taken(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    rows = [{"textInput": row["text_input"], "output": row["output"]} for row in numbers()]
    body = {
        "displayName": "camel",
        "baseModel": BASES["v1beta"],
        "tuningTask": {
            "hyperparameters": {"epochCount": "3", "batchSize": 4.0, "learningRateMultiplier": "0.5"},
            "trainingData": {"examples": {"examples": rows}},
        },
    }
    assert (await client.post("/v1beta/tunedModels", json=body)).status_code == 200
    training_task = google.jobs.latest.training_task
    assert (training_task.epochs, training_task.batch_size, training_task.learning_rate_multiplier) == (3, 4, 0.5)


async def test_failed_operation_carries_a_grpc_code_under_http_200(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    operation = await create(client, "v1beta")
    google.jobs.latest.fail(8, "Quota exceeded.")
    answer = await client.get(f"/v1beta/{operation}")
    assert answer.status_code == 200
    assert answer.json()["error"] == {"code": 8, "message": "Quota exceeded."}
    assert (await client.get(f"/v1beta/{answer.json()['metadata']['tunedModel']}")).json()["state"] == "FAILED"


@VERSIONS
async def test_cancel_is_bound_on_v1_only(client: httpx.AsyncClient, google: GoogleStandIn, version: str) -> None:
    operation = await create(client, version)
    assert (await client.post(f"/{version}/{operation}:cancel")).status_code == 404
    assert (await client.post(f"/v1/{operation}:cancel")).json() == {}
    assert (await client.get(f"/v1/{operation}")).json()["error"]["code"] == 1
    assert google.jobs.latest.phase == "cancelled"


async def test_palm_binds_no_operations_and_v1_lists_them(client: httpx.AsyncClient) -> None:
    operation = await create(client, "v1beta3")
    assert (await client.get(f"/v1beta3/{operation}")).status_code == 404
    model = operation.split("/operations/")[0]
    listed = (await client.get(f"/v1/{model}/operations")).json()
    assert [one["name"] for one in listed["operations"]] == [operation]


async def test_lost_operation_answers_404_while_its_model_lives(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    operation = await create(client, "v1beta", "kept")
    google.faults.lose_operation("tunedModels/kept")
    assert (await client.get(f"/v1/{operation}")).status_code == 404
    assert (await client.get("/v1beta/tunedModels/kept")).json()["state"] == "CREATING"


async def test_list_goes_page_by_page_and_stays_whole_when_models_come(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await create(client, "v1beta", f"model-{number}")
    first = (await client.get("/v1beta/tunedModels", params={"pageSize": 3})).json()
    await create(client, "v1beta", "late")
    rest = (
        await client.get("/v1beta/tunedModels", params={"page_size": 3, "pageToken": first["nextPageToken"]})
    ).json()
    names = [model["name"] for model in first["tunedModels"] + rest["tunedModels"]]
    assert names == [f"tunedModels/model-{number}" for number in (4, 3, 2, 1, 0)]
    assert "nextPageToken" not in rest


async def test_tuned_model_is_tuned_again_and_remembers(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    await create(client, "v1beta", "first")
    body = {
        "tunedModelSource": {"tunedModel": "tunedModels/first"},
        "tuningTask": {"trainingData": {"examples": {"examples": [{"textInput": "red", "output": "green"}]}}},
    }
    early = await client.post("/v1beta/tunedModels", json=body)
    assert early.json()["error"]["status"] == "FAILED_PRECONDITION"
    google.jobs.latest.finish()
    await client.post("/v1beta/tunedModels", json=body, params={"tunedModelId": "second"})
    google.jobs.latest.finish()
    model = (await client.get("/v1beta/tunedModels/second")).json()
    assert model["tunedModelSource"] == {"tunedModel": "tunedModels/first", "baseModel": BASES["v1beta"]}
    for said, answered in (("red", "green"), ("seven", "eight")):
        question = {"contents": [{"parts": [{"text": said}]}]}
        answer = (await client.post("/v1beta/tunedModels/second:generateContent", json=question)).json()
        assert answer["candidates"][0]["content"]["parts"] == [{"text": answered}]


async def test_flash_cannot_be_tuned_again(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    body = tuned_model_body("models/gemini-1.5-flash-001-tuning", numbers())
    await client.post("/v1beta/tunedModels", json=body, params={"tunedModelId": "flash"})
    google.jobs.latest.finish()
    again = {"tunedModelSource": {"tunedModel": "tunedModels/flash"}}
    assert (await client.post("/v1beta/tunedModels", json=again)).status_code == 400


async def test_deleted_model_is_gone_and_its_training_ends(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    operation = await create(client, "v1beta", "gone")
    assert (await client.delete("/v1beta/tunedModels/gone")).json() == {}
    for path in ("/v1beta/tunedModels/gone", f"/v1/{operation}"):
        assert (await client.get(path)).status_code == 404
    assert google.jobs.books()[0]["phase"] == "cancelled"
