"""A tuned model is moved to another base model by Google's own method: one paid call, which is never lost."""

import json
from dataclasses import replace

import pytest

from bot.backends.google.batching import READ_BY_NAME
from bot.backends.vertex.rebasing import first_seen
from bot.domain.jobs import JobState, TuningJob, TuningSpec
from bot.domain.operations import Operation
from bot.errors import AlreadyExists, GoogleUnavailable, InvalidRequest, NotFoundAtGoogle, OutcomeUnknown
from tests.support.backend_harness import BUCKET, KEY, BackendHarness, job_of, key

MOVE = r"/tuningJobs:rebaseTunedModel$"
OPERATION = r"/tuningJobs/[^/]+/operations/"
SUCCESSOR = "gemini-3.5-flash-lite"


async def moved_spec(vertex: BackendHarness) -> TuningSpec:
    old = await vertex.trained()
    return replace(vertex.spec("moved", SUCCESSOR), moved_from=old.tuned_model)


async def move(vertex: BackendHarness) -> TuningJob:
    spec = await moved_spec(vertex)
    return job_of(KEY, spec, await vertex.start(KEY, spec, vertex.data(validation=True)))


async def test_a_model_is_moved_with_its_file_its_settings_and_our_key(vertex: BackendHarness) -> None:
    job = await move(vertex)
    [sent] = vertex.google.requests.matching(MOVE, "POST")
    assert sent.body["tunedModelRef"] == {"tunedModel": job.spec.moved_from}
    asked = sent.body["tuningJob"]
    assert (asked["baseModel"], asked["tunedModelDisplayName"]) == (SUCCESSOR, "moved")
    assert asked["labels"]["tunebot-job"] == KEY
    assert asked["supervisedTuningSpec"] == {
        "trainingDatasetUri": f"gs://{BUCKET}/tunebot/{KEY}/training.jsonl",
        "validationDatasetUri": f"gs://{BUCKET}/tunebot/{KEY}/validation.jsonl",
        "hyperParameters": {"epochCount": "3"},
    }
    assert "deployToSameEndpoint" not in sent.body, "the old model would answer no more"
    assert len(vertex.creates()) == 1, "only the old model's own start"


async def test_the_new_model_answers_and_the_old_one_stays(vertex: BackendHarness) -> None:
    job = await move(vertex)
    vertex.google.jobs.latest.finish()
    seen = await vertex.poll_one(job)
    assert (seen.state, seen.name) == (JobState.SUCCEEDED, vertex.google.jobs.latest.name)
    assert {model.resource for model in await vertex.backend.models()} == {seen.tuned_model, job.spec.moved_from}


async def test_a_move_whose_operation_goes_on_is_followed_by_its_key(vertex: BackendHarness) -> None:
    vertex.google.limits.vertex_rebase_seconds = 1e9
    job = await move(vertex)
    assert "/operations/" in job.operation
    assert job.state is JobState.QUEUED
    seen = await vertex.poll_one(job)
    assert seen.name == vertex.google.jobs.latest.name
    await vertex.backend.cancel(job)
    assert vertex.google.jobs.latest.phase == "cancelled"


async def test_a_move_without_our_label_is_found_by_its_file(vertex: BackendHarness) -> None:
    vertex.google.limits.vertex_rebase_keeps_labels = False
    vertex.google.faults.lose_answer(path=MOVE, method="POST")
    spec = await moved_spec(vertex)
    with pytest.raises(OutcomeUnknown):
        await vertex.start(KEY, spec, vertex.data())
    found = await vertex.backend.find(KEY)
    assert found is not None
    assert found.name == vertex.google.jobs.latest.name
    assert not vertex.google.jobs.latest.labels
    assert await vertex.backend.find(key(7)) is None


@pytest.mark.parametrize("filters", [True, False])
async def test_a_move_without_our_label_is_among_the_jobs_that_no_row_may_follow(
    vertex: BackendHarness, filters: bool
) -> None:
    """One that Google shows late is followed by them alone, after its search has ended."""
    vertex.google.limits.vertex_rebase_keeps_labels = False
    spec = await moved_spec(vertex)
    vertex.google.faults.lose_answer(path=MOVE, method="POST")
    with pytest.raises(OutcomeUnknown):
        await vertex.start(KEY, spec, vertex.data())
    if not filters:
        vertex.google.faults.refuse_filter(path="/tuningJobs$")
    [found] = [each for each in await vertex.backend.started_jobs() if each.key == KEY]
    assert found.operation.name == vertex.google.jobs.latest.name
    assert found.origin is None, "only a row says whose it is"


async def test_a_move_that_google_shows_nowhere_yet_waits_and_cannot_be_cancelled(vertex: BackendHarness) -> None:
    vertex.google.limits.vertex_rebase_seconds = 1e9
    vertex.google.faults.list_lag = 1e9
    job = await move(vertex)
    seen = await vertex.poll_one(job)
    assert (seen.name, seen.state) == (job.operation, JobState.QUEUED)
    with pytest.raises(GoogleUnavailable, match="not made the tuning"):
        await vertex.backend.cancel(job)
    assert vertex.google.jobs.latest.phase != "cancelled"
    assert not vertex.google.requests.matching(r"/v1beta1/.*/operations/"), "an operation has no such details"


@pytest.mark.parametrize("lists", [True, False])
async def test_a_move_that_failed_counts_only_where_google_shows_no_job(
    vertex: BackendHarness, lists: bool
) -> None:
    vertex.google.limits.vertex_rebase_seconds = 1e9
    job = await move(vertex)
    failed = {"name": job.operation, "done": True, "error": {"code": 3, "message": "No such successor."}}
    vertex.google.faults.list_lag = 0.0 if lists else 1e9
    vertex.google.faults.garble(json.dumps(failed), status=200, path=OPERATION, times=None)
    seen = await vertex.poll_one(job)
    if lists:
        assert seen.name == vertex.google.jobs.latest.name
        assert seen.failure is None
    else:
        assert seen.state is JobState.FAILED
        assert seen.failure is not None
        assert seen.failure.message == "No such successor."


async def test_an_operation_that_google_has_forgotten_is_followed_by_its_key(vertex: BackendHarness) -> None:
    vertex.google.limits.vertex_rebase_seconds = 1e9
    job = await move(vertex)
    vertex.google.faults.fail(404, path=OPERATION, times=None)
    assert (await vertex.poll_one(job)).name == vertex.google.jobs.latest.name
    vertex.google.faults.list_lag = 1e9
    with pytest.raises(NotFoundAtGoogle):
        await vertex.poll_one(job)


@pytest.mark.parametrize("code", [400, 404, 501])
async def test_a_move_that_google_refuses_starts_nothing_and_says_what_else_can_be_done(
    vertex: BackendHarness, code: int
) -> None:
    spec = await moved_spec(vertex)
    stored = dict(vertex.google.buckets.bucket(BUCKET))
    vertex.google.faults.fail(code, "Not from here.", path=MOVE, method="POST", times=None)
    with pytest.raises((InvalidRequest, NotFoundAtGoogle), match=r"did not move .* Not from here\.") as caught:
        await vertex.start(KEY, spec, vertex.data())
    assert f"train on the same file on {SUCCESSOR}" in caught.value.hint
    assert not caught.value.passing
    assert dict(vertex.google.buckets.bucket(BUCKET)) == stored
    assert len(vertex.google.requests.matching(MOVE, "POST")) == 1
    assert len(vertex.creates()) == 1, "nothing is trained in its place by itself"


@pytest.mark.parametrize("fault", ["500", "lost", "empty"])
async def test_a_move_without_a_clear_answer_is_never_sent_twice(vertex: BackendHarness, fault: str) -> None:
    spec = await moved_spec(vertex)
    match fault:
        case "500":
            vertex.google.faults.fail(500, path=MOVE, method="POST", times=None)
        case "lost":
            vertex.google.faults.lose_answer(path=MOVE, method="POST", times=None)
        case _:
            vertex.google.faults.garble("{}", status=200, path=MOVE, method="POST", times=None)
    with pytest.raises(OutcomeUnknown):
        await vertex.start(KEY, spec, vertex.data())
    assert len(vertex.google.requests.matching(MOVE, "POST")) == 1


async def test_a_move_that_another_process_sent_is_not_sent_again_also_without_our_label(
    vertex: BackendHarness,
) -> None:
    vertex.google.limits.vertex_rebase_keeps_labels = False
    job = await move(vertex)
    with pytest.raises(AlreadyExists):
        await vertex.start(KEY, job.spec, vertex.data())
    assert len(vertex.google.requests.matching(MOVE, "POST")) == 1


async def test_an_end_without_a_reason_or_a_job_is_no_failure_of_the_move(vertex: BackendHarness) -> None:
    """Google's list may be late: the job is lost only after both have shown none of it for a while."""
    vertex.google.limits.vertex_rebase_seconds = 1e9
    job = await move(vertex)
    vertex.google.faults.list_lag = 1e9
    done = {"name": job.operation, "done": True, "response": {}}
    vertex.google.faults.garble(json.dumps(done), status=200, path=OPERATION, times=None)
    with pytest.raises(NotFoundAtGoogle):
        await vertex.poll_one(job)
    vertex.google.faults.list_lag = 0.0
    assert (await vertex.poll_one(job)).name == vertex.google.jobs.latest.name


@pytest.mark.parametrize(
    "made",
    ["a model", "projects/1/locations/us-central1/models/7", "projects/1/locations/us-central1/tuningJobs/1/more"],
)
async def test_a_move_whose_operation_names_something_else_than_a_job_is_followed_by_its_key(
    vertex: BackendHarness, made: str
) -> None:
    vertex.google.limits.vertex_rebase_seconds = 1e9
    job = await move(vertex)
    done = {"name": job.operation, "done": True, "response": {"name": made, "state": "JOB_STATE_SUCCEEDED"}}
    assert first_seen(done) == {"name": job.operation, "state": "JOB_STATE_PENDING"}
    vertex.google.faults.garble(json.dumps(done), status=200, path=OPERATION, times=None)
    seen = await vertex.poll_one(job)
    assert (seen.name, seen.state.ended) == (vertex.google.jobs.latest.name, False)


async def test_a_move_is_never_taken_for_a_job_whose_id_its_operation_has(vertex: BackendHarness) -> None:
    vertex.google.limits.vertex_rebase_seconds = 1e9
    others = [await vertex.create(number) for number in range(1, READ_BY_NAME + 1)]
    job = await move(vertex)
    other = others[0].operation.rsplit("/", 1)[1]
    job = replace(job, operation=f"{job.operation.rsplit('/', 1)[0]}/{other}")
    polled = (await vertex.backend.poll([*others, job]))[job.key]
    assert isinstance(polled, Operation)
    assert polled.name == vertex.google.jobs.latest.name
