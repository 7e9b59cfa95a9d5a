"""What a job waits for and how far it is comes from v1beta1, seldom, and an error there never fails a poll."""

import pytest

from bot.domain.jobs import JobState
from tests.support.backend_harness import BackendHarness


async def test_a_job_says_what_it_waits_for_and_how_many_epochs_it_completed(vertex: BackendHarness) -> None:
    vertex.google.limits.concurrent_vertex_jobs = 1
    first, waiting = await vertex.create(1), await vertex.create(2)
    assert (await vertex.poll_one(waiting)).waits_for == "WAITING_FOR_QUOTA"
    vertex.standin_job(first).advance(2)
    running = await vertex.poll_one(first)
    assert running.waits_for == "TUNING"
    assert running.completed_steps == 2
    assert running.epoch is not None
    vertex.standin_job(first).finish()
    assert (await vertex.poll_one(first)).waits_for == ""


async def test_the_details_of_a_job_are_read_seldom(vertex: BackendHarness) -> None:
    job = await vertex.create()
    for _ in range(3):
        await vertex.poll_one(job)
    assert len(vertex.google.requests.matching("^/v1beta1/.*tuningJobs/")) == 1


@pytest.mark.parametrize("code", [403, 404, 500])
async def test_an_error_in_reading_details_never_fails_a_poll(vertex: BackendHarness, code: int) -> None:
    vertex.google.faults.fail(code, path="^/v1beta1/", times=None)
    job = await vertex.create()
    polled = await vertex.poll_one(job)
    assert polled.state in (JobState.QUEUED, JobState.RUNNING)
    assert polled.waits_for == ""
