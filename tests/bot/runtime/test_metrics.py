"""Every series is there before the first event, names follow Prometheus' conventions, and no label is private."""

import re
from dataclasses import replace

import pytest

from bot.domain.jobs import DataStats, JobState
from bot.runtime.google_calls import CALLS, call_name
from bot.runtime.metrics import Metrics
from tests.support.block_samples import a_job


def value(metrics: Metrics, series: str) -> float | None:
    """The value of a series, None where it is absent."""
    found = re.search(rf"^{re.escape(series)} (.*)$", metrics.text().decode(), re.MULTILINE)
    return None if found is None else float(found[1])


def test_every_series_is_there_from_the_start() -> None:
    metrics = Metrics("1.2", ["vertex"])
    text = metrics.text().decode()
    for family in metrics.families():
        assert re.search(rf"^{family.name}", text, re.MULTILINE), family
        assert re.search(rf"^{family.name}\w*(?:{{.*}})? \d", text, re.MULTILINE), family
    assert value(metrics, 'tunebot_jobs_ended_total{backend="vertex",outcome="failed"}') == 0
    assert value(metrics, 'tunebot_google_requests_total{api="storage",method="objects.insert",status="200"}') == 0
    assert value(metrics, 'tunebot_questions_total{outcome="answered"}') == 0


def test_times_are_histograms_in_seconds_and_the_version_is_told() -> None:
    families = {family.name: family.type for family in Metrics("1.2").families()}
    assert all(kind == "histogram" for name, kind in families.items() if name.endswith("_duration_seconds"))
    assert not [name for name in families if name.endswith("_total")]
    assert 'tunebot_build_info{python="' in Metrics("1.2").text().decode()


def test_the_end_of_a_job_and_its_tokens_are_counted_once() -> None:
    metrics = Metrics("", ["vertex"])
    running = a_job()
    ended = replace(running, state=JobState.SUCCEEDED)
    billed = replace(ended, data_stats=DataStats(billable_tokens=1_000))
    metrics.transition(running, ended)
    metrics.transition(ended, billed)
    metrics.transition(billed, replace(billed, deleted_by="U1"))
    assert value(metrics, 'tunebot_jobs_ended_total{backend="vertex",outcome="succeeded"}') == 1
    assert value(metrics, 'tunebot_billed_tokens_total{backend="vertex"}') == 1_000


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/v1/projects/p/locations/us-central1/tuningJobs", ("aiplatform", "tuningJobs.create")),
        ("GET", "/v1/projects/p/locations/us-central1/tuningJobs/12", ("aiplatform", "tuningJobs.get")),
        (
            "POST",
            "/v1/projects/p/locations/l/tuningJobs:rebaseTunedModel",
            ("aiplatform", "tuningJobs.rebaseTunedModel"),
        ),
        ("GET", "/v1/projects/p/locations/l/tuningJobs/12/operations/7", ("aiplatform", "operations.get")),
        ("POST", "/v1/projects/p/locations/us/endpoints/7:generateContent", ("aiplatform", "generateContent")),
        ("POST", "/v1beta3/tunedModels/my-secret:generateText", ("generativelanguage", "generateContent")),
        ("GET", "/storage/v1/b/my-bucket/o/secret.jsonl", ("storage", "objects.get")),
        ("GET", "/storage/v1/b/my-bucket/iam/testPermissions", ("storage", "buckets.get")),
        ("PATCH", "/anything/else", ("other", "other")),
    ],
)
def test_a_request_is_named_from_a_fixed_list(method: str, path: str, name: tuple[str, str]) -> None:
    assert call_name(method, path) == name
    assert name in CALLS
