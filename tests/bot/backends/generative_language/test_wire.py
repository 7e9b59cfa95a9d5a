"""TunedModels and operations in Google's JSON become our values."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.backends.generative_language.wire import model_operation, operation, tuned_model
from bot.domain.jobs import JobState, total_steps
from tests.outside import protos
from tests.support.data_files import data_file


def test_a_list_in_googles_form_is_read_whole() -> None:
    shown = json.loads(data_file("google/tuned_models_list.json"))["tunedModels"]
    for model in shown:
        protos.parse("v1beta3", "TunedModel", model)
    models = [tuned_model("palm", model) for model in shown]
    assert len(models) == 5
    assert models[0].display_name == "count up"
    assert models[0].base_model == "models/text-bison-001"
    assert models[0].created_at == datetime(2023, 10, 2, 9, 15, 4, 123456, UTC)
    jobs = [model_operation(model, name="", examples=15) for model in shown]
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert [len(job.snapshots) for job in jobs] == [16, 12, 23, 12, 23]
    for job, model in zip(jobs, shown, strict=True):
        last = model["tuningTask"]["snapshots"][-1]
        assert job.snapshots[-1].mean_loss == last["meanLoss"]
        assert job.snapshots[0].epoch == 0, "the first epoch is left out on the wire"
    assert [job.total_steps for job in jobs[1:]] == [12, 23, 12, 23]


def test_zeros_that_proto3_leaves_out_are_read_as_zeros() -> None:
    body = {
        "name": "tunedModels/x/operations/y",
        "metadata": {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1beta.CreateTunedModelMetadata",
            "tunedModel": "tunedModels/x",
            "totalSteps": 38,
            "snapshots": [{"step": 1}, {"step": 2, "meanLoss": -1.1145603e-06, "epoch": 1}],
        },
    }
    protos.parse("v1beta", "Operation", body)
    polled = operation(body, named="tunedModels/x")
    assert (polled.state, polled.total_steps, polled.completed_steps, polled.epoch) == (JobState.RUNNING, 38, 2, 1)
    assert [(one.epoch, one.mean_loss) for one in polled.snapshots] == [(0, 0.0), (1, -1.1145603e-06)]


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"done": True, "error": {"code": 1, "message": "cancelled"}}, JobState.CANCELLED),
        ({"done": True, "error": {"code": 13}}, JobState.FAILED),
        ({"done": True, "response": {"name": "tunedModels/x", "state": "ACTIVE"}}, JobState.SUCCEEDED),
        ({"done": True, "response": {"name": "tunedModels/x", "state": "FAILED"}}, JobState.FAILED),
        ({"done": True, "response": {"name": "tunedModels/x", "state": "MELTED"}}, JobState.RUNNING),
        ({"done": True}, JobState.SUCCEEDED),
        ({}, JobState.RUNNING),
    ],
)
def test_every_end_of_an_operation_has_a_state(body: dict[str, Any], state: JobState) -> None:
    polled = operation(body, named="tunedModels/x")
    assert polled.state is state
    assert (polled.failure is not None) == (state is JobState.FAILED)
    assert bool(polled.endpoint) == (state is JobState.SUCCEEDED)


@pytest.mark.parametrize(
    ("epochs", "batch", "steps"), [(3, 2, 23), (3, 4, 12), (5, 2, 38), (5, 4, 19), (50, 4, 188)]
)
def test_steps_are_counted_as_google_counted_them(epochs: int, batch: int, steps: int) -> None:
    assert total_steps(15, epochs, batch) == steps
