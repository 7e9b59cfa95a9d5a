"""Losses are read from the TensorBoard of a job, and an error there never fails a poll."""

import pytest

from bot.domain.jobs import JobState
from bot.domain.operations import Operation
from tests.support.backend_harness import BackendHarness


async def test_losses_are_read_from_tensorboard_with_those_of_validation(vertex: BackendHarness) -> None:
    job = await vertex.create(validation=True)
    vertex.standin_job(job).advance(2)
    polled = await vertex.poll_one(job)
    shown = vertex.standin_job(job).snapshots
    assert [snapshot.step for snapshot in polled.snapshots] == [1, 2]
    assert [snapshot.mean_loss for snapshot in polled.snapshots] == pytest.approx([one.loss for one in shown])
    vertex.standin_job(job).finish()
    done = await vertex.poll_one(job)
    last = done.snapshots[-1]
    (train, validation) = (
        vertex.standin_job(job).snapshots[-1].train,
        vertex.standin_job(job).snapshots[-1].validation,
    )
    assert validation is not None
    assert (last.mean_loss, last.correct, last.predictions) == pytest.approx(
        (train.loss, train.accuracy, train.predictions)
    )
    assert (last.eval_loss, last.eval_correct, last.eval_predictions) == pytest.approx(
        (validation.loss, validation.accuracy, validation.predictions)
    )


async def test_without_a_validation_file_none_of_its_metrics_is_read(vertex: BackendHarness) -> None:
    job = await vertex.create()
    vertex.standin_job(job).advance(1)
    (shot,) = (await vertex.poll_one(job)).snapshots
    assert (shot.correct, shot.predictions) != (None, None)
    assert (shot.eval_loss, shot.eval_correct, shot.eval_predictions) == (None, None, None)
    assert len(vertex.google.requests.matching(":read$")) == 3


async def test_resource_names_of_losses_are_remembered(vertex: BackendHarness) -> None:
    job = await vertex.create()
    vertex.standin_job(job).advance(1)
    await vertex.poll_one(job)
    vertex.google.requests.clear()
    vertex.standin_job(job).advance(1)
    assert len((await vertex.poll_one(job)).snapshots) == 2
    assert len(vertex.google.requests) == 4


@pytest.mark.parametrize("path", ["/metadataStores/", "/timeSeries$", ":read$"])
@pytest.mark.parametrize("code", [403, 404, 500])
async def test_error_in_reading_losses_never_fails_a_poll(vertex: BackendHarness, path: str, code: int) -> None:
    vertex.google.faults.fail(code, path=path, times=None)
    job = await vertex.create()
    vertex.standin_job(job).advance(1)
    assert (await vertex.poll_one(job)).state is JobState.RUNNING
    asked = len(vertex.google.requests.matching(path))
    assert (await vertex.poll_one(job)).snapshots == ()
    assert len(vertex.google.requests.matching(path)) == asked, "what fails is left alone for a while"
    vertex.google.faults.clear()
    vertex.standin_job(job).finish()
    assert (await vertex.poll_one(job)).snapshots, "a job's end is worth another try"


async def test_losses_of_many_jobs_take_turns(vertex: BackendHarness) -> None:
    vertex.google.limits.concurrent_vertex_jobs = 20
    jobs = [await vertex.create(number) for number in range(10)]
    for job in jobs:
        vertex.standin_job(job).advance(1)
    with_losses: set[str] = set()
    for _ in range(5):
        polled = await vertex.backend.poll(jobs)
        with_losses |= {name for name, one in polled.items() if isinstance(one, Operation) and one.snapshots}
    assert with_losses == {job.key for job in jobs}
