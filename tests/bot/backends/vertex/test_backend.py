"""Vertex AI alone: files in the bucket, hosts, losses, data statistics, states, and what deletion takes down."""

from collections.abc import AsyncIterator

import pytest

from bot.domain.chat import Turn, TurnRole
from bot.domain.datasets import Dialect
from bot.domain.jobs import JobState
from bot.errors import NotFoundAtGoogle, OutcomeUnknown, Outdated
from bot.ports.backends import Prompt, TrainingData
from bot.sandbox.google import GoogleStandIn
from tests.support.backend_harness import BUCKET, KEY, ORIGIN, BackendHarness, chunks, job_of, open_backend, rows

QUESTION = Prompt([Turn(TurnRole.USER, "8")])
JOB = "projects/1/locations/us-central1/tuningJobs/7"


async def test_rows_are_stored_under_the_jobs_key(vertex: BackendHarness) -> None:
    await vertex.start(KEY, vertex.spec(), vertex.data(validation=True))
    stored = vertex.google.buckets.bucket(BUCKET)
    assert set(stored) == {f"tunebot/{KEY}/training.jsonl", f"tunebot/{KEY}/validation.jsonl"}
    for one in stored.values():
        assert one.path.read_bytes() == rows(Dialect.VERTEX)
    [sent] = vertex.creates()
    assert sent.body["supervisedTuningSpec"]["trainingDatasetUri"] == f"gs://{BUCKET}/tunebot/{KEY}/training.jsonl"
    assert sent.body["labels"] == {
        "tunebot-job": KEY,
        "tunebot-installation": ORIGIN.installation,
        "tunebot-team": "t1",
        "tunebot-channel": "c1",
        "tunebot-user": "u1",
    }


async def test_missing_bucket_is_named_before_anything_is_started(google: GoogleStandIn) -> None:
    away = open_backend("vertex", google, bucket="gs://no-such-bucket/")
    with pytest.raises(NotFoundAtGoogle, match="no bucket 'no-such-bucket'") as caught:
        await away.start(KEY, away.spec(), away.data())
    assert "TUNEBOT_BUCKET" in caught.value.hint
    assert not away.creates()
    await away.backend.close()


async def test_training_file_goes_when_the_validation_file_cannot_be_read(vertex: BackendHarness) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"{"
        raise Outdated("The file has changed.")

    data = TrainingData(chunks(rows(Dialect.VERTEX)), validation=broken())
    with pytest.raises(Outdated):
        await vertex.start(KEY, vertex.spec(), data)
    assert not vertex.google.buckets.bucket(BUCKET)
    assert not vertex.creates()


async def test_files_stay_while_the_outcome_is_unknown(vertex: BackendHarness) -> None:
    vertex.google.faults.lose_answer(path="/tuningJobs$", method="POST")
    with pytest.raises(OutcomeUnknown):
        await vertex.start(KEY, vertex.spec(), vertex.data())
    assert set(vertex.google.buckets.bucket(BUCKET)) == {f"tunebot/{KEY}/training.jsonl"}


async def test_job_is_found_even_where_google_does_not_filter(vertex: BackendHarness) -> None:
    await vertex.start(KEY, vertex.spec(), vertex.data())
    for number in range(3):
        await vertex.create(number)
    vertex.google.requests.clear()
    vertex.google.faults.fail(400, "Invalid filter.", path="/tuningJobs$", method="GET")
    found = await vertex.backend.find(KEY)
    assert found is not None
    assert found.name == vertex.google.jobs.all[0].name
    assert "filter" in vertex.google.requests.matching("/tuningJobs$")[0].query
    assert "filter" not in vertex.google.requests.matching("/tuningJobs$")[1].query


async def test_model_served_from_elsewhere_is_asked_there(vertex: BackendHarness) -> None:
    job = await vertex.trained()
    assert "/locations/us-central1/" in job.operation
    assert "/locations/us/" in job.endpoint


async def test_unknown_state_goes_on_being_polled(vertex: BackendHarness) -> None:
    job = await vertex.create()
    vertex.standin_job(job).set_state("JOB_STATE_DREAMING")
    assert (await vertex.poll_one(job)).google_state == "JOB_STATE_DREAMING"
    vertex.standin_job(job).set_state(None)
    vertex.standin_job(job).finish()
    assert (await vertex.poll_one(job)).state is JobState.SUCCEEDED


async def test_dropped_rows_are_counted_with_their_reasons(vertex: BackendHarness) -> None:
    vertex.google.limits.vertex_example_tokens = 50
    long = rows(Dialect.VERTEX, [("1", "2"), ("3", "4"), ("much " * 500, "too long")])
    started = await vertex.start(KEY, vertex.spec(), TrainingData(chunks(long)))
    vertex.google.jobs.latest.finish()
    stats = (await vertex.poll_one(job_of(KEY, vertex.spec(), started))).data_stats
    assert stats is not None
    assert (stats.examples, stats.dropped) == (3, 1)
    assert stats.billable_tokens > 0
    assert len(stats.dropped_reasons) == 1
