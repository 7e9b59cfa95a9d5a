"""Only what ended, here and for Google, long enough ago is left over; what others may need stays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.jobs import JobState, TuningJob
from bot.errors import BadArgument
from bot.ports.job_store import Change
from bot.ports.stores import BY_BOT
from bot.tuning.tidying import Tidying, record_in
from tests.support.backend_harness import BUCKET
from tests.support.harness import ADA, Harness

MONTH = timedelta(days=30)


def tidying(harness: Harness) -> Tidying:
    return Tidying(harness.backends, harness.jobs, harness.clock, record_in(harness.jobs))


async def kept(harness: Harness) -> dict[str, str]:
    """Why each file stays, by the key of its job; empty for what is left over."""
    return {each.job: each.kept for each in await tidying(harness).find(MONTH) if each.kind == "file"}


async def change(harness: Harness, job: TuningJob, **facts: object) -> None:
    """Make the row say something else."""
    await harness.jobs.change(job.key, lambda row: Change(replace(row, **facts)))  # type: ignore[arg-type]


async def ended_long_ago(harness: Harness) -> TuningJob:
    job = await harness.tuned("old")
    await change(harness, job, ended_at=harness.clock.now() - timedelta(days=31))
    return job


async def test_files_of_jobs_that_ended_long_ago_are_left_over_and_no_others(harness: Harness) -> None:
    old = await ended_long_ago(harness)
    fresh = await harness.tuned("fresh")
    running = await harness.started("running")
    harness.google.buckets.put(BUCKET, "tunebot/tb-of-another/training.jsonl", b"{}")
    harness.google.buckets.put(BUCKET, "tunebot/notes.txt", b"not ours")
    found = await kept(harness)
    assert found[old.key] == ""
    assert found[fresh.key] == "its job ended less than 30 days ago"
    assert found[running.key].startswith("its job is ")
    assert "another installation" in found["tb-of-another"]
    assert "another installation" in found[""]


async def test_a_job_that_goes_on_at_google_keeps_its_files_whatever_the_row_says(harness: Harness) -> None:
    job = await harness.started("not over")
    long_ago = harness.clock.now() - timedelta(days=31)
    await change(harness, job, state=JobState.FAILED, ended_at=long_ago)
    assert "at Google" in (await kept(harness))[job.key]
    harness.google.faults.fail(403, "no", path="/tuningJobs", method="GET", times=None)
    assert "does not say" in (await kept(harness))[job.key]


async def test_a_deletion_takes_the_files_and_leaves_the_rest(harness: Harness) -> None:
    old = await ended_long_ago(harness)
    running = await harness.started("running")
    await tidying(harness).delete([each for each in await tidying(harness).find(MONTH) if not each.kept])
    assert set(await kept(harness)) >= {running.key}
    assert old.key not in await kept(harness)
    [act] = await harness.database.run(
        lambda db: list(db.query("SELECT * FROM audit WHERE action LIKE 'delete%'"))
    )
    assert (act["user"], act["action"], act["subject"]) == (BY_BOT, "delete a left-over file", old.key)
    assert int(act["result"]) >= 1


async def test_the_endpoint_of_a_deleted_model_is_left_over_if_it_is_still_there(harness: Harness) -> None:
    job = await harness.tuned("gone")
    # A process that ended between the row and Google's own deletion leaves this behind.
    await change(harness, job, deleted_by=ADA)
    [left] = [each for each in await tidying(harness).find(MONTH) if each.kind == "endpoint"]
    assert (left.name, left.kept) == (job.endpoint, "")
    await tidying(harness).delete([left])
    assert [each for each in await tidying(harness).find(MONTH) if each.kind == "endpoint"] == []


async def test_a_file_outside_of_the_bots_folder_is_never_deleted(harness: Harness) -> None:
    for name in (
        f"gs://{BUCKET}/numbers.jsonl",
        f"gs://{BUCKET}/tunebot/notes.txt",
        "gs://other/tunebot/a/training.jsonl",
    ):
        with pytest.raises(BadArgument):
            await harness.backends["vertex"].delete_stored_file(name)
