"""Vertex AI alone: files in the bucket, hosts, losses, data statistics, states, and what deletion takes down."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.backends.profiles import VERTEX
from bot.backends.vertex.resource_names import VertexHosts, VertexName
from bot.backends.vertex.tuning_job_wire import create_request, data_stats, operation
from bot.domain.chat import Role, Turn
from bot.domain.datasets import Dataset, Dialect
from bot.domain.jobs import Hyperparameters, JobState, Operation, TunedModel, TuningSpec
from bot.errors import BadArgument, NotFoundAtGoogle, OutcomeUnknown, Outdated
from bot.ports.backends import TrainingData
from bot.sandbox.google import GoogleStandIn
from tests.outside import discovery
from tests.support.backend_harness import BUCKET, KEY, BackendHarness, chunks, job_of, open_backend, rows

QUESTION = [Turn(Role.USER, "8")]
JOB = "projects/1/locations/us-central1/tuningJobs/7"


async def test_rows_are_stored_under_the_jobs_key(vertex: BackendHarness) -> None:
    await vertex.backend.create(KEY, vertex.spec(), vertex.data(validation=True))
    stored = vertex.google.buckets.bucket(BUCKET)
    assert set(stored) == {f"tunebot/{KEY}/training.jsonl", f"tunebot/{KEY}/validation.jsonl"}
    for one in stored.values():
        assert one.path.read_bytes() == rows(Dialect.VERTEX)
    [sent] = vertex.creates()
    assert sent.body["supervisedTuningSpec"]["trainingDatasetUri"] == f"gs://{BUCKET}/tunebot/{KEY}/training.jsonl"
    assert sent.body["labels"] == {"tunebot-job": KEY}


async def test_missing_bucket_is_named_before_anything_is_started(google: GoogleStandIn) -> None:
    away = open_backend("vertex", google, bucket="gs://no-such-bucket/")
    with pytest.raises(NotFoundAtGoogle, match="no bucket 'no-such-bucket'") as caught:
        await away.backend.create(KEY, away.spec(), away.data())
    assert "TUNEBOT_BUCKET" in caught.value.hint
    assert not away.creates()
    await away.backend.close()


async def test_training_file_goes_when_the_validation_file_cannot_be_read(vertex: BackendHarness) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"{"
        raise Outdated("The file has changed.")

    data = TrainingData(chunks(rows(Dialect.VERTEX)), validation=broken())
    with pytest.raises(Outdated):
        await vertex.backend.create(KEY, vertex.spec(), data)
    assert not vertex.google.buckets.bucket(BUCKET)
    assert not vertex.creates()


async def test_files_stay_while_the_outcome_is_unknown(vertex: BackendHarness) -> None:
    vertex.google.faults.lose_answer(path="/tuningJobs$", method="POST")
    with pytest.raises(OutcomeUnknown):
        await vertex.backend.create(KEY, vertex.spec(), vertex.data())
    assert set(vertex.google.buckets.bucket(BUCKET)) == {f"tunebot/{KEY}/training.jsonl"}


async def test_job_is_found_even_where_google_does_not_filter(vertex: BackendHarness) -> None:
    await vertex.backend.create(KEY, vertex.spec(), vertex.data())
    for number in range(3):
        await vertex.create(number)
    vertex.google.requests.clear()
    vertex.google.faults.fail(400, "Invalid filter.", path="/tuningJobs$", method="GET")
    found = await vertex.backend.find(KEY)
    assert found is not None
    assert found.name == vertex.google.jobs.all[0].name
    assert "filter" in vertex.google.requests.matching("/tuningJobs$")[0].query
    assert "filter" not in vertex.google.requests.matching("/tuningJobs$")[1].query


async def test_losses_are_read_from_tensorboard_with_those_of_validation(vertex: BackendHarness) -> None:
    job = await vertex.create(validation=True)
    vertex.standin_job(job).advance(2)
    seen = await vertex.look(job)
    shown = vertex.standin_job(job).snapshots
    assert [snapshot.step for snapshot in seen.snapshots] == [1, 2]
    assert [snapshot.mean_loss for snapshot in seen.snapshots] == pytest.approx([one.loss for one in shown])
    vertex.standin_job(job).finish()
    done = await vertex.look(job)
    assert any(snapshot.eval_loss is not None for snapshot in done.snapshots)


async def test_way_to_the_losses_is_remembered(vertex: BackendHarness) -> None:
    job = await vertex.create()
    vertex.standin_job(job).advance(1)
    await vertex.look(job)
    vertex.google.requests.clear()
    vertex.standin_job(job).advance(1)
    assert len((await vertex.look(job)).snapshots) == 2
    assert len(vertex.google.requests) == 2


@pytest.mark.parametrize("path", ["/metadataStores/", "/timeSeries$", ":read$"])
@pytest.mark.parametrize("code", [403, 404, 500])
async def test_trouble_with_losses_never_fails_a_poll(vertex: BackendHarness, path: str, code: int) -> None:
    vertex.google.faults.fail(code, path=path, times=None)
    job = await vertex.create()
    vertex.standin_job(job).advance(1)
    assert (await vertex.look(job)).state is JobState.RUNNING
    asked = len(vertex.google.requests.matching(path))
    assert (await vertex.look(job)).snapshots == ()
    assert len(vertex.google.requests.matching(path)) == asked, "what fails is left alone for a while"
    vertex.google.faults.clear()
    vertex.standin_job(job).finish()
    assert (await vertex.look(job)).snapshots, "a job's end is worth another try"


async def test_losses_of_many_jobs_take_turns(vertex: BackendHarness) -> None:
    vertex.google.limits.concurrent_vertex_jobs = 20
    jobs = [await vertex.create(number) for number in range(10)]
    for job in jobs:
        vertex.standin_job(job).advance(1)
    told: set[str] = set()
    for _ in range(5):
        seen = await vertex.backend.poll(jobs)
        told |= {name for name, one in seen.items() if isinstance(one, Operation) and one.snapshots}
    assert told == {job.key for job in jobs}


async def test_model_served_from_elsewhere_is_asked_there(vertex: BackendHarness) -> None:
    job = await vertex.trained()
    assert "/locations/us-central1/" in job.operation
    assert "/locations/us/" in job.endpoint


def test_host_follows_from_the_resources_own_location() -> None:
    hosts = VertexHosts()
    assert hosts.url(JOB) == f"https://us-central1-aiplatform.googleapis.com/v1/{JOB}"
    assert hosts.url("projects/p/locations/us/endpoints/2", ":generateContent") == (
        "https://aiplatform.us.rep.googleapis.com/v1/projects/p/locations/us/endpoints/2:generateContent"
    )
    assert hosts.url("projects/p/locations/eu/endpoints/2").startswith("https://aiplatform.eu.rep.googleapis.com/")
    assert hosts.url("projects/p/locations/global/endpoints/2").startswith("https://aiplatform.googleapis.com/")
    assert VertexHosts("http://h:1/").url(JOB) == f"http://h:1/v1/{JOB}"


@pytest.mark.parametrize(
    "name",
    ["", "tunedModels/x", "projects/p/locations/evil.test#/endpoints/1", "projects/p/locations/l/../../x",
     "projects/p/locations/l/endpoints/1?key=x", "https://evil.test/projects/p/locations/l/endpoints/1"],
)  # fmt: skip
def test_only_resource_names_become_addresses(name: str) -> None:
    with pytest.raises(BadArgument):
        VertexHosts().url(name)


def test_version_of_a_model_is_told_apart() -> None:
    model = VertexName.parse("projects/1/locations/l/models/5@2")
    assert (model.version, model.unversioned) == ("2", "projects/1/locations/l/models/5")


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
    seen = operation({"name": JOB, "state": google_state})
    assert (seen.state, seen.google_state) == (state, shown)
    assert (seen.failure is not None) == (state is JobState.FAILED)


async def test_unknown_state_goes_on_being_polled(vertex: BackendHarness) -> None:
    job = await vertex.create()
    vertex.standin_job(job).set_state("JOB_STATE_DREAMING")
    assert (await vertex.look(job)).google_state == "JOB_STATE_DREAMING"
    vertex.standin_job(job).set_state(None)
    vertex.standin_job(job).finish()
    assert (await vertex.look(job)).state is JobState.SUCCEEDED


async def test_dropped_rows_are_told(vertex: BackendHarness) -> None:
    vertex.google.limits.vertex_example_tokens = 50
    long = rows(Dialect.VERTEX, [("1", "2"), ("3", "4"), ("much " * 500, "too long")])
    started = await vertex.backend.create(KEY, vertex.spec(), TrainingData(chunks(long)))
    vertex.google.jobs.latest.finish()
    stats = (await vertex.look(job_of(KEY, vertex.spec(), started))).data_stats
    assert stats is not None
    assert (stats.examples, stats.dropped) == (3, 1)
    assert stats.billable_tokens > 0
    assert len(stats.dropped_reasons) == 1


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


async def test_deletion_takes_every_checkpoints_endpoint_down(vertex: BackendHarness) -> None:
    job = await vertex.trained()
    other = await vertex.trained(1)
    made = vertex.google.tuning_jobs.all[0].view(beta=False)["tunedModel"]
    names = [checkpoint["endpoint"] for checkpoint in made["checkpoints"]]
    assert len(names) == 3
    await vertex.backend.delete(TunedModel("vertex", job.tuned_model, job.endpoint, job.name))
    for name in names:
        assert vertex.google.requests.matching(f"{name.rpartition('/')[2]}$", "DELETE")
        with pytest.raises(NotFoundAtGoogle):
            await vertex.backend.generate(name, QUESTION)
    assert (await vertex.backend.generate(other.endpoint, QUESTION)).text.strip() == "9"


async def test_two_spellings_of_an_endpoint_are_taken_down_once(vertex: BackendHarness) -> None:
    job = await vertex.trained()
    number = job.endpoint.split("/")[1]
    by_id = job.endpoint.replace(f"projects/{number}/", f"projects/{vertex.google.project}/")
    await vertex.backend.delete(TunedModel("vertex", job.tuned_model, by_id, job.name))
    last = job.endpoint.rpartition("/")[2]
    assert len(vertex.google.requests.matching(f"{last}$", "DELETE")) == 1


def request(chosen: Hyperparameters, dialect: Dialect = Dialect.VERTEX) -> Any:
    """The body of a create, judged by Google's own description."""
    training = Dataset(location="slack:F1", name="n", sha256="", size=1, examples=9, dialect=dialect)
    spec = TuningSpec("vertex", "gemini-3.5-flash", "n", chosen, training)
    body = create_request(KEY, spec, "gs://b/t.jsonl", None, VERTEX)
    discovery.vertex().check("TuningJob", body, outgoing=True)
    return body
