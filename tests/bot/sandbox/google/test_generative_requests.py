"""What the Gemini API and the PaLM API refuse before anything is trained."""

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn
from tests.bot.sandbox.google.conftest import numbers, tuned_model_body

BASES = {"v1beta3": "models/text-bison-001", "v1beta": "models/gemini-1.0-pro-001"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "Unknown name \"colour\" at 'tuned_model': Cannot find field."),
        (
            {"tuningTask": {"hyperparameters": {"epochs": 3}}},
            "Unknown name \"epochs\" at 'tuned_model.tuning_task.hyperparameters': Cannot find field.",
        ),
        (
            {"tuningTask": {"hyperparameters": {"epochCount": "many"}}},
            "Invalid value at 'tuned_model.tuning_task.hyperparameters.epoch_count' (TYPE_INT32), \"many\"",
        ),
        (
            {"tuningTask": {"hyperparameters": {"learningRate": 1, "learningRateMultiplier": 1}}},
            "oneof field 'learning_rate_option' is already set",
        ),
        ({"tunedModelSource": {"tunedModel": "tunedModels/x"}}, "oneof field 'source_model' is already set"),
        ({"displayName": "x" * 41}, "41 characters, the limit is 40"),
        ({"tuningTask": {}}, "at least one example"),
    ],
)
async def test_bad_request_is_refused_in_googles_words(
    client: httpx.AsyncClient, google: GoogleStandIn, change: dict[str, object], message: str
) -> None:
    answer = await client.post("/v1beta/tunedModels", json={"baseModel": BASES["v1beta"], **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert message in error["message"]
    assert error["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert google.jobs.books() == []


async def test_multiplier_is_unknown_to_palm(client: httpx.AsyncClient) -> None:
    body = tuned_model_body(BASES["v1beta3"], numbers(), learning_rate_multiplier=1)
    answer = await client.post("/v1beta3/tunedModels", json=body)
    assert 'Unknown name "learning_rate_multiplier"' in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("hyperparameters", "field"),
    [
        ({"epoch_count": 0}, "epoch_count"),
        ({"batch_size": -1}, "batch_size"),
        ({"learning_rate": 0}, "learning_rate"),
    ],
)
async def test_hyperparameter_out_of_range_is_named(
    client: httpx.AsyncClient, hyperparameters: dict[str, float], field: str
) -> None:
    body = tuned_model_body(BASES["v1beta"], numbers(), **hyperparameters)
    error = (await client.post("/v1beta/tunedModels", json=body)).json()["error"]
    assert error["details"][0]["fieldViolations"][0]["field"].endswith(f"hyperparameters.{field}")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"text_input": "x" * 40_001, "output": "y"}, "40001 characters, the limit is 40000"),
        ({"text_input": "x", "output": "y" * 5_001}, "5001 characters, the limit is 5000"),
        ({"text_input": "x", "output": ""}, "output is empty"),
    ],
)
async def test_example_over_googles_limits_is_refused(
    client: httpx.AsyncClient, row: dict[str, str], words: str
) -> None:
    answer = await client.post("/v1beta/tunedModels", json=tuned_model_body(BASES["v1beta"], [row]))
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


async def test_body_over_four_mebibytes_is_refused(client: httpx.AsyncClient) -> None:
    rows = [{"text_input": "x" * 40_000, "output": "y" * 4_000}] * 100
    answer = await client.post("/v1beta/tunedModels", json=tuned_model_body(BASES["v1beta"], rows))
    assert answer.status_code == 400
    assert "exceeds the limit: 4194304 bytes" in answer.json()["error"]["message"]


async def test_trailing_comma_of_the_seeds_is_no_json(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1beta/tunedModels", content=b'{"displayName": "x",}')
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Invalid JSON payload received.")


@pytest.mark.parametrize(
    ("model_id", "status"), [("a", 200), ("Big", 400), ("a-", 400), ("1a", 400), ("a" * 41, 400)]
)
async def test_model_id_must_have_googles_form(client: httpx.AsyncClient, model_id: str, status: int) -> None:
    body = tuned_model_body(BASES["v1beta"], numbers())
    answer = await client.post("/v1beta/tunedModels", json=body, params={"tunedModelId": model_id})
    assert answer.status_code == status


async def test_unknown_base_and_a_generation_that_stopped_training_answer_404(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    unknown = await client.post("/v1beta/tunedModels", json=tuned_model_body("models/nothing", numbers()))
    google.limits.gemini_trains = False
    stopped = await client.post("/v1beta/tunedModels", json=tuned_model_body(BASES["v1beta"], numbers()))
    assert [unknown.status_code, stopped.status_code] == [404, 404]
    assert "is not supported for createTunedModel" in stopped.json()["error"]["message"]


@pytest.mark.parametrize(
    ("version", "base", "defaults"),
    [
        ("v1beta3", "text-bison-001", {"epochCount": 10, "batchSize": 16, "learningRate": 0.002}),
        ("v1beta", "gemini-1.0-pro-001", {"epochCount": 5, "batchSize": 4, "learningRate": 0.001}),
    ],
)
async def test_hyperparameters_left_out_are_googles_defaults_for_few_examples(
    client: httpx.AsyncClient, version: str, base: str, defaults: dict[str, float]
) -> None:
    body = tuned_model_body(f"models/{base}", numbers())
    await client.post(f"/{version}/tunedModels", json=body, params={"tunedModelId": "plain"})
    model = (await client.get(f"/{version}/tunedModels/plain")).json()
    assert model["tuningTask"]["hyperparameters"] == defaults
