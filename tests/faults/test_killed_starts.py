"""A start happens once, wherever the process dies between the click and the stored operation."""

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.sandbox.google import GoogleStandIn, Limits
from bot.tuning.job_starts import ADOPTION_GRACE
from bot.tuning.searches import LEAST_SEARCHES
from tests.faults.kill_points import TEAM, addresses, die_at_every_step, open_parts, options, put_file
from tests.support.backend_harness import open_backend
from tests.support.clock import FixedClock

pytestmark = pytest.mark.long

# Every 7th step, so that beginnings of waits and their ends take turns, and each of the few steps between the
# record that the create is sent and the stored operation; 1 commands all 250.
EVERY = int(os.environ.get("TUNEBOT_TEST_EVERY_STEP", "7"))
OUTCOMES = {
    "started by the second click",
    "resumed",
    "failed, nothing at Google",
    "found at Google",
    "known already",
}


def at_google(google: GoogleStandIn, key: str) -> int:
    return sum(key in (job.key, *job.labels.values()) for job in google.jobs.all)


def creates(google: GoogleStandIn, key: str) -> int:
    """How often the start was sent."""
    sent = google.requests.matching(r"/(tunedModels|tuningJobs)(:rebaseTunedModel)?$", "POST")
    return sum(key in str((each.query, each.body)) for each in sent)


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_killed_at_any_step_a_start_is_one_row_and_one_job_or_a_clear_failure_and_none(
    tmp_path: Path, backend: str
) -> None:
    seen: Counter[str] = Counter()
    async with open_google(backend) as google:
        killed = await die_at_every_step(google, tmp_path, backend, "start", EVERY)
        first, last = steps_of_the_create(tmp_path, killed)
        for key in killed:
            seen[await recover(google, tmp_path, backend, key)] += 1
    if EVERY > 1:
        dense = tmp_path / "dense"
        dense.mkdir()
        async with open_google(backend) as google:
            for key in await die_at_every_step(google, dense, backend, "start", 1, first, last):
                seen[await recover(google, dense, backend, key)] += 1
    print(f"{backend}: {dict(seen)}")
    assert seen.keys() == OUTCOMES


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["at once", "as an operation that goes on"])
async def test_killed_at_any_step_a_move_is_one_row_and_one_job_or_a_clear_failure_and_none(
    tmp_path: Path, seconds: float
) -> None:
    seen: Counter[str] = Counter()
    async with open_google_with_a_model(seconds) as google:
        killed = await die_at_every_step(google, tmp_path, "vertex", "move", EVERY)
        first, last = steps_of_the_create(tmp_path, killed)
        for key in killed:
            seen[await recover(google, tmp_path, "vertex", key)] += 1
    if EVERY > 1:
        dense = tmp_path / "dense"
        dense.mkdir()
        async with open_google_with_a_model(seconds) as google:
            for key in await die_at_every_step(google, dense, "vertex", "move", 1, first, last):
                seen[await recover(google, dense, "vertex", key)] += 1
    print(f"moves: {dict(seen)}")
    assert seen.keys() == OUTCOMES


@asynccontextmanager
async def open_google(backend: str) -> AsyncIterator[GoogleStandIn]:
    """Google with the training file, and without a job."""
    async with GoogleStandIn(job_seconds=None, seed=5, limits=Limits(concurrent_vertex_jobs=1000)) as google:
        put_file(google, backend)
        yield google


@asynccontextmanager
async def open_google_with_a_model(seconds: float) -> AsyncIterator[GoogleStandIn]:
    """Google with the training file and a tuned model; the operation that moves it takes so long."""
    async with open_google("vertex") as google:
        old = open_backend("vertex", google)
        await old.trained()
        await old.backend.close()
        google.limits.vertex_rebase_seconds = seconds
        yield google


def steps_of_the_create(directory: Path, keys: list[str]) -> tuple[int, int]:
    """The steps between no record of the create and its stored answer.

    Another run may need some steps more or fewer, so one step of the first run is added on both sides.
    """
    first = 1
    for key in keys:
        with closing(sqlite3.connect(f"file:{directory / key}.db?mode=ro", uri=True)) as database:
            row = database.execute("SELECT create_sent_at, operation FROM jobs").fetchone()
        step = int(key.rpartition("-")[2])
        if row is None or row[0] is None:
            first = max(1, step - EVERY)
        elif row[1]:
            return first, step + EVERY
    raise AssertionError("no start ran through")


async def recover(google: GoogleStandIn, directory: Path, backend: str, key: str) -> str:
    """Start another process, in which the person clicks twice at once; then poll."""
    clock = FixedClock()
    async with open_parts(directory / f"{key}.db", backend, options(**addresses(google)), clock) as parts:
        before = await parts.jobs.jobs(TEAM)
        already = creates(google, key)
        assert len(before) <= 1
        assert before or not creates(google, key), "Google was asked before the row was written"
        await asyncio.gather(parts.start(key), parts.start(key))
        for _ in range(2 * LEAST_SEARCHES):
            await parts.poller.round()
            await parts.starts.drained()
            clock.advance(ADOPTION_GRACE / LEAST_SEARCHES + timedelta(seconds=1))
        (job,) = await parts.jobs.jobs(TEAM)
        assert await parts.audited("start") == 1
        assert not before or before[0].create_sent_at or not already, "the create was sent before that was written"
    assert creates(google, key) <= 1
    if job.state is JobState.FAILED:
        assert job.failure is not None
        assert before, "a start that was accepted by the second click failed"
        assert before[0].create_sent_at, "a start that was not sent was not resumed"
        assert "nothing was started" in job.failure.message
        assert (job.operation, at_google(google, key)) == ("", 0)
        return "failed, nothing at Google"
    assert job.state in (JobState.QUEUED, JobState.RUNNING)
    assert job.operation
    assert at_google(google, key) == 1
    if not before:
        return "started by the second click"
    if before[0].operation:
        return "known already"
    return "found at Google" if before[0].create_sent_at else "resumed"
