"""A cancellation and a deletion end well, wherever the process dies between the click and the last row."""

import os
from collections import Counter
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.sandbox.google import GoogleStandIn, Limits
from tests.faults.kill_points import ADA, addresses, die_at_every_step, open_parts, options, put_file
from tests.support.clock import FixedClock

pytestmark = pytest.mark.long

EVERY = int(os.environ.get("TUNEBOT_TEST_EVERY_STEP", "1"))
# A deletion takes many calls on Vertex AI: 1 commands each of its steps, too.
EVERY_OF_MANY = int(os.environ.get("TUNEBOT_TEST_EVERY_STEP", "5"))
MANY = Limits(concurrent_vertex_jobs=1000)


@pytest.mark.parametrize("backend", ["vertex", "gemini", "palm"])
async def test_killed_at_any_step_a_cancellation_is_carried_out_or_was_never_told(
    tmp_path: Path, backend: str
) -> None:
    seen: Counter[str] = Counter()
    async with GoogleStandIn(job_seconds=None, seed=5, limits=MANY) as google:
        put_file(google, backend)
        for key in await die_at_every_step(google, tmp_path, backend, "cancel", EVERY):
            seen[await recover(google, tmp_path, backend, key)] += 1
    assert {"not acknowledged, not sent", "sent by the next process", "sent before"} <= seen.keys(), seen
    print(f"{backend}: {dict(seen)}")


async def recover(google: GoogleStandIn, directory: Path, backend: str, key: str) -> str:
    """Start another process and poll in it; nobody clicks again."""
    at_google = google.jobs.find(key)
    sent = at_google.phase == "cancelled"
    async with open_parts(directory / f"{key}.db", backend, options(**addresses(google)), FixedClock()) as parts:
        before = await parts.job(key)
        assert before is not None
        for _ in range(2):
            await parts.poller.round()
        after = await parts.job(key)
        audited = await parts.audited("cancel")
    assert after is not None
    if not before.cancelled_by:
        assert (sent, at_google.phase, after.cancelled_by, audited) == (False, "running", "", 0)
        return "not acknowledged, not sent"
    assert at_google.phase == "cancelled"
    assert (after.state, after.cancelled_by, after.problem) == (JobState.CANCELLED, ADA, "")
    assert audited == 1
    return "sent before" if sent else "sent by the next process"


@pytest.mark.parametrize(("backend", "every"), [("vertex", EVERY_OF_MANY), ("gemini", EVERY), ("palm", EVERY)])
async def test_killed_at_any_step_a_deletion_ends_well_with_the_next_click(
    tmp_path: Path, backend: str, every: int
) -> None:
    seen: Counter[str] = Counter()
    async with GoogleStandIn(job_seconds=0.05, seed=5, limits=MANY) as google:
        put_file(google, backend)
        for key in await die_at_every_step(google, tmp_path, backend, "delete", every):
            async with open_parts(
                tmp_path / f"{key}.db", backend, options(**addresses(google)), FixedClock()
            ) as parts:
                before = await parts.job(key)
                assert before is not None
                if not before.deleted_by:
                    await parts.delete(key)
                after = await parts.job(key)
                assert after is not None
                assert (after.deleted_by, await parts.audited("delete")) == (ADA, 1)
                left = [model.resource for model in await parts.models()]
                assert after.tuned_model not in left
            seen["deleted before" if before.deleted_by else "deleted by the second click"] += 1
    assert seen["deleted by the second click"] > 5
    print(f"{backend}: {dict(seen)}")
