"""A start happens once, wherever the process dies between the click and the stored operation."""

import asyncio
import os
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from bot.domain import JobState
from bot.sandbox.google import GoogleStandIn, Limits
from bot.tuning import ADOPTION_GRACE
from tests.bot.backends.worlds import BUCKET
from tests.faults.clicks import FILE, TEAM, OwnClock, content, key_of, options, room
from tests.faults.town import ROOT

pytestmark = pytest.mark.long

# Every 7th step, so that beginnings of waits and their ends take turns; 1 tries all 250, in about a minute.
EVERY = int(os.environ.get("TUNEBOT_TEST_EVERY_STEP", "7"))


def told(google: GoogleStandIn) -> dict[str, str]:
    return {"project": google.project, "token": google.issue_token(), "url": google.url}


async def die_at_every_step(google: GoogleStandIn, directory: Path, backend: str) -> list[str]:
    """Kill a click at each step; returns the keys of the jobs, the last of which ran through."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.clicks", str(directory), backend, "1", str(EVERY)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
    )
    await process.communicate(msgspec.json.encode(told(google)))
    assert process.returncode == 0
    keys = sorted(path.stem for path in directory.glob("tb-*.db"))  # noqa: ASYNC240
    assert keys == [key_of(backend, 1 + EVERY * number) for number in range(len(keys))]
    return keys


def at_google(google: GoogleStandIn, key: str) -> int:
    return sum(key in (job.key, *job.labels.values()) for job in google.jobs.all)


def creates(google: GoogleStandIn, key: str) -> int:
    """How often the start was sent."""
    sent = google.requests.matching(r"/(tunedModels|tuningJobs)$", "POST")
    return sum(key in str((each.query, each.body)) for each in sent)


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_killed_at_any_step_a_start_is_one_row_and_one_job_or_a_clear_failure_and_none(
    tmp_path: Path, backend: str
) -> None:
    seen: Counter[str] = Counter()
    async with GoogleStandIn(job_seconds=None, seed=5, limits=Limits(concurrent_vertex_jobs=1000)) as google:
        google.create_bucket(BUCKET)
        google.buckets.put(BUCKET, FILE.rpartition("/")[2], content(backend))
        for key in await die_at_every_step(google, tmp_path, backend):
            seen[await recover(google, tmp_path, backend, key)] += 1
    assert {"started by the second click", "failed, nothing at Google", "found at Google"} <= seen.keys(), seen
    print(f"{backend}: {dict(seen)}")


async def recover(google: GoogleStandIn, directory: Path, backend: str, key: str) -> str:
    """Another process takes over, the person clicks again twice at once, and the poller goes its rounds."""
    clock = OwnClock()
    async with room(directory / f"{key}.db", backend, options(**told(google)), clock) as here:
        before = await here.jobs.jobs(TEAM)
        assert len(before) <= 1
        assert before or not creates(google, key), "Google was asked before the row was written"
        await asyncio.gather(here.click(key), here.click(key))
        for _ in range(4):
            await here.poller.round()
            clock.time += ADOPTION_GRACE / 2 + timedelta(seconds=1)
        (job,) = await here.jobs.jobs(TEAM)
    assert creates(google, key) <= 1
    if job.state is JobState.FAILED:
        assert job.failure is not None
        assert "nothing was started" in job.failure.message
        assert (job.operation, at_google(google, key)) == ("", 0)
        return "failed, nothing at Google"
    assert job.state in (JobState.QUEUED, JobState.RUNNING)
    assert job.operation
    assert at_google(google, key) == 1
    if not before:
        return "started by the second click"
    return "known already" if before[0].operation else "found at Google"
