"""A TuningJob in Google's JSON becomes our values, and a start becomes Google's JSON."""

from typing import Any

import pytest

from bot.backends.profiles import VERTEX
from bot.backends.vertex.tuning_job_wire import create_request, data_stats, operation
from bot.domain.datasets import Dataset, Dialect
from bot.domain.jobs import Hyperparameters, JobState, TuningSpec
from bot.errors import BadArgument
from tests.outside import discovery
from tests.support.backend_harness import KEY, ORIGIN

JOB = "projects/1/locations/us-central1/tuningJobs/7"


@pytest.mark.parametrize(
    ("google_state", "state", "shown"),
    [
        ("JOB_STATE_QUEUED", JobState.QUEUED, ""),
        ("JOB_STATE_PENDING", JobState.QUEUED, ""),
        ("JOB_STATE_RUNNING", JobState.RUNNING, ""),
        ("JOB_STATE_UPDATING", JobState.RUNNING, "JOB_STATE_UPDATING"),
        ("JOB_STATE_PAUSED", JobState.RUNNING, "JOB_STATE_PAUSED"),
        ("JOB_STATE_CANCELLING", JobState.RUNNING, "JOB_STATE_CANCELLING"),
        ("JOB_STATE_DREAMING", JobState.RUNNING, "JOB_STATE_DREAMING"),
        ("JOB_STATE_SUCCEEDED", JobState.SUCCEEDED, ""),
        ("JOB_STATE_PARTIALLY_SUCCEEDED", JobState.SUCCEEDED, "JOB_STATE_PARTIALLY_SUCCEEDED"),
        ("JOB_STATE_FAILED", JobState.FAILED, ""),
        ("JOB_STATE_EXPIRED", JobState.FAILED, "JOB_STATE_EXPIRED"),
        ("JOB_STATE_CANCELLED", JobState.CANCELLED, ""),
        ("JOB_STATE_UNSPECIFIED", JobState.QUEUED, ""),
    ],
)
def test_every_state_of_google_has_one_of_ours(google_state: str, state: JobState, shown: str) -> None:
    polled = operation({"name": JOB, "state": google_state})
    assert (polled.state, polled.google_state) == (state, shown)
    assert (polled.failure is not None) == (state is JobState.FAILED)


def test_statistics_of_preference_tuning_are_read_too() -> None:
    stats = {"tuningDatasetExampleCount": "12", "tuningStepCount": "4", "droppedExampleIndices": ["3", "9"]}
    read = data_stats({"tuningDataStats": {"preferenceOptimizationDataStats": stats}})
    assert read is not None
    assert (read.examples, read.steps, read.dropped) == (12, 4, 2)


@pytest.mark.parametrize(("size", "name"), [(1, "ONE"), (2, "TWO"), (4, "FOUR"), (8, "EIGHT"), (16, "SIXTEEN")])
def test_adapter_sizes_are_sent_by_name(size: int, name: str) -> None:
    sent = request(Hyperparameters(adapter_size=size))["supervisedTuningSpec"]
    assert sent["hyperParameters"] == {"adapterSize": f"ADAPTER_SIZE_{name}"}


def test_adapter_size_that_is_none_is_refused() -> None:
    with pytest.raises(BadArgument, match="3 is not an adapter size"):
        request(Hyperparameters(adapter_size=3))


def test_preference_rows_go_to_preference_tuning() -> None:
    sent = request(Hyperparameters(epochs=2), Dialect.PREFERENCE)
    assert "supervisedTuningSpec" not in sent
    assert sent["preferenceOptimizationSpec"]["hyperParameters"] == {"epochCount": "2"}


def request(chosen: Hyperparameters, dialect: Dialect = Dialect.VERTEX) -> Any:
    """The body of a create, judged by Google's own description."""
    training = Dataset(location="slack:F1", name="n", sha256="", size=1, examples=9, dialect=dialect)
    spec = TuningSpec("vertex", "gemini-3.5-flash", "n", chosen, training)
    body = create_request(KEY, spec, "gs://b/t.jsonl", None, VERTEX, ORIGIN)
    discovery.vertex().check("TuningJob", body, outgoing=True)
    return body
