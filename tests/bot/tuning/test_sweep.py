"""What Google shows is followed again, whatever the database said or forgot; what is not ours is left alone."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database as Connection

from bot.backends import open_google
from bot.domain.jobs import JobState, TuningJob
from bot.domain.place import Place
from bot.ports.job_store import Change
from bot.ports.notifier import NoticeKind
from bot.runtime.metrics import Metrics
from bot.tuning.poller import Poller
from bot.tuning.transitions import ask_to_cancel, forget
from storage import open_stores
from tests.support.backend_harness import BUCKET, options
from tests.support.harness import ADA, PLACE, TEAM, Harness
from tests.support.waiting import wait_until

BACKENDS = ("vertex", "gemini", "palm")
CREATE = "/(tunedModels|tuningJobs)$"


async def sweep(harness: Harness) -> None:
    await harness.use_cases.sweep.run()


async def change(harness: Harness, job: TuningJob, **facts: object) -> None:
    """Make the row say something else."""
    await harness.jobs.change(job.key, lambda row: Change(replace(row, **facts)))  # type: ignore[arg-type]


async def lose_row(harness: Harness, job: TuningJob, *, proposal: bool) -> None:
    """Make the database forget the job, as a restored backup does."""

    def delete(db: Connection) -> None:
        for table, column in (("outbox", "job"), ("snapshots", "job"), ("jobs", "key")):
            db.execute(f"DELETE FROM {table} WHERE {column} = ?", [job.key])
        if proposal:
            db.execute("DELETE FROM proposals WHERE id = ?", [job.key])

    await harness.database.write(delete)
    assert await harness.jobs.job(job.key) is None


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("state", [JobState.LOST, JobState.FAILED, JobState.CANCELLED])
async def test_an_end_that_google_did_not_report_gives_way_to_what_google_shows(
    harness: Harness, backend: str, state: JobState
) -> None:
    job = await harness.started("back again", backend)
    operation = job.operation if state is JobState.LOST else ""
    await change(harness, job, state=state, operation=operation, ended_at=harness.clock.now())
    await sweep(harness)
    back = await harness.newest(job)
    assert back.state in (JobState.QUEUED, JobState.RUNNING)
    assert (back.ended_at, back.failure) == (None, None)
    harness.at_google(job).finish()
    await harness.refresher.poll(backend, [back])
    assert (await harness.newest(job)).state is JobState.SUCCEEDED


@pytest.mark.parametrize("backend", BACKENDS)
async def test_an_end_that_google_reported_stays(harness: Harness, backend: str) -> None:
    job = await harness.started("ended", backend)
    harness.at_google(job).fail(3, "Row: 0.")
    await harness.refresher.poll(backend, [job])
    failed = await harness.newest(job)
    await sweep(harness)
    assert await harness.newest(job) == failed


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_that_was_given_up_in_doubt_comes_back(harness: Harness, backend: str) -> None:
    harness.google.faults.lose_answer(path=CREATE, method="POST")
    job = await harness.started("given up", backend)
    await change(harness, job, stuck_at=harness.clock.now())
    await harness.jobs.change(job.key, lambda row: forget(row, ADA, harness.clock.now()))
    assert await harness.jobs.jobs(TEAM) == []

    await sweep(harness)
    back = await harness.newest(job)
    assert back.operation
    assert [each.key for each in await harness.jobs.jobs(TEAM)] == [job.key]


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_job_that_was_cancelled_here_and_runs_at_google_is_cancelled_there(
    harness: Harness, backend: str
) -> None:
    job = await harness.started("cancelled copy", backend)
    await harness.forget_start(job)
    await harness.jobs.change(job.key, lambda row: ask_to_cancel(row, ADA, harness.clock.now()))
    assert (await harness.newest(job)).state is JobState.CANCELLED

    await sweep(harness)
    for _ in range(2):
        await harness.refresher.poll(backend, [await harness.newest(job)])
    assert harness.at_google(job).phase == "cancelled"
    assert (await harness.newest(job)).cancelled_by == ADA


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("proposal", [True, False])
async def test_a_job_that_a_restored_backup_does_not_know_is_followed_for_its_owner(
    harness: Harness, backend: str, proposal: bool
) -> None:
    job = await harness.started("forgotten", backend)
    await lose_row(harness, job, proposal=proposal)
    await sweep(harness)
    await sweep(harness)
    [found] = await harness.jobs.jobs(TEAM)
    assert (found.key, found.name, found.owner, found.place) == (job.key, "forgotten", ADA, PLACE)
    assert found.spec.base_model == job.spec.base_model
    assert found.operation
    assert await harness.due() == [NoticeKind.CARD]
    harness.at_google(job).finish()
    await harness.refresher.poll(backend, [found])
    assert (await harness.newest(job)).can_answer


async def test_the_end_of_a_job_that_the_database_did_not_know_is_due(harness: Harness) -> None:
    job = await harness.tuned("long done")
    await lose_row(harness, job, proposal=True)
    await sweep(harness)
    assert (await harness.newest(job)).can_answer
    assert sorted(await harness.due()) == [NoticeKind.CARD, NoticeKind.ENDED]


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_job_that_only_the_list_shows_ends_as_google_says_and_not_as_the_list_does(
    harness: Harness, backend: str, at_end: bool
) -> None:
    """The list of tuned models shows a cancelled tuning as a failed one."""
    job = await harness.started("cancelled at Google", backend)
    await lose_row(harness, job, proposal=False)
    if at_end:
        harness.at_google(job).cancel()
    fault = harness.google.faults.fail(403, path=r"/(operations|tunedModels/|tuningJobs/)", times=None)
    await sweep(harness)
    found = await harness.newest(job)
    harness.google.faults.remove(fault)
    harness.at_google(job).cancel()
    await harness.refresher.poll(backend, [found])
    assert (await harness.newest(job)).state is JobState.CANCELLED


async def test_a_found_job_whose_name_is_taken_by_now_gets_another_one(harness: Harness) -> None:
    job = await harness.started("same name")
    await lose_row(harness, job, proposal=True)
    other = await harness.started("same name")
    await sweep(harness)
    assert (await harness.newest(job)).name == f"same name {job.key[-4:]}"
    assert (await harness.newest(other)).name == "same name"


@pytest.mark.parametrize("backend", BACKENDS)
async def test_two_bots_on_one_project_do_not_follow_each_others_jobs(
    harness: Harness, tmp_path: Path, backend: str
) -> None:
    await harness.started("ours", backend)
    async with (
        open_stores(tmp_path / "other.db", harness.clock) as stores,
        open_google(list(harness.backends), options(harness.google)) as opened,
    ):
        other = harness.process(stores=stores, backends=opened.backends, files={})
        await other.sweep.run()
        assert await stores.jobs.jobs(TEAM) == []
        assert await stores.jobs.installation() != await harness.jobs.installation()


async def test_a_sweep_works_where_google_refuses_the_filter_and_one_backend_is_away(harness: Harness) -> None:
    job = await harness.started("unfiltered")
    await lose_row(harness, job, proposal=True)
    harness.google.faults.refuse_filter()
    harness.google.faults.fail(503, path="/tunedModels$", times=None)
    await sweep(harness)
    assert (await harness.newest(job)).operation


async def test_a_job_that_is_found_during_the_upload_of_its_second_start_keeps_its_files(harness: Harness) -> None:
    job = await harness.started("twice")
    await harness.forget_start(job)
    harness.google.faults.list_lag = 1e9
    hanging = harness.google.faults.hang(path="/upload/storage/", method="PUT")
    resumed = asyncio.create_task(harness.tuning.starts.recover(job))
    await wait_until(lambda: hanging.hits)
    harness.google.faults.list_lag = 0.0
    await sweep(harness)
    await resumed
    assert len(harness.google.jobs.all) == 1
    assert harness.creates() == 1
    assert (await harness.newest(job)).state in (JobState.QUEUED, JobState.RUNNING)
    assert f"tunebot/{job.key}/training.jsonl" in harness.google.buckets.bucket(BUCKET)


async def test_the_poller_sweeps_when_it_starts(harness: Harness) -> None:
    job = await harness.started("at the start")
    await lose_row(harness, job, proposal=True)
    poller = Poller(
        harness.tuning.starts,
        harness.refresher,
        harness.jobs,
        harness.clock,
        Metrics(),
        60.0,
        sweep=harness.use_cases.sweep.run,
    )
    poller.start()
    await wait_until(lambda: harness.jobs.job(job.key))
    await poller.stop(5.0)
    assert (await harness.newest(job)).place == Place(TEAM, PLACE.channel)
