"""An approved start happens once, wherever the process dies after the approver's click."""

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.errors import Outdated
from bot.sandbox.google import GoogleStandIn
from bot.tuning.job_starts import ADOPTION_GRACE
from bot.tuning.searches import LEAST_SEARCHES
from tests.faults.kill_points import BOB, addresses, die_at_every_step, open_parts, options
from tests.faults.test_killed_starts import at_google, creates, open_google
from tests.support.clock import FixedClock

pytestmark = pytest.mark.long

EVERY = int(os.environ.get("TUNEBOT_TEST_EVERY_STEP", "7"))


async def test_killed_at_any_step_an_approved_start_is_one_job_and_one_that_nobody_approved_is_none(
    tmp_path: Path,
) -> None:
    seen: Counter[str] = Counter()
    async with open_google("vertex") as google:
        for key in await die_at_every_step(google, tmp_path, "vertex", "approve", EVERY):
            seen[await recover(google, tmp_path, key)] += 1
    print(dict(seen))
    assert {"approved by the second click", "started after the approval"} <= seen.keys()


async def recover(google: GoogleStandIn, directory: Path, key: str) -> str:
    """Start another process and poll in it; then the approver clicks again."""
    clock = FixedClock()
    reach = options(**addresses(google))
    async with open_parts(directory / f"{key}.db", "vertex", reach, clock, approvals=True) as parts:
        before = await parts.job(key)
        assert before is not None

        async def rounds() -> None:
            for _ in range(2 * LEAST_SEARCHES):
                await parts.poller.round()
                await parts.starts.drained()
                clock.advance(ADOPTION_GRACE / LEAST_SEARCHES + timedelta(seconds=1))

        if before.state is JobState.AWAITING_APPROVAL:
            await rounds()
            waits = await parts.job(key)
            assert waits is not None
            assert waits.state is JobState.AWAITING_APPROVAL
            assert creates(google, key) == 0, "it was started, and nobody had approved it"
            await parts.approve(key)
        else:
            with pytest.raises(Outdated):
                await parts.approve(key)
        await rounds()
        job = await parts.job(key)
        assert job is not None
        assert await parts.audited("approve", BOB) == 1
    assert creates(google, key) <= 1
    if job.state is JobState.FAILED:
        assert job.failure is not None
        assert "nothing was started" in job.failure.message
        assert (job.operation, at_google(google, key)) == ("", 0)
        return "failed, nothing at Google"
    assert job.operation
    assert at_google(google, key) == 1
    waited = before.state is JobState.AWAITING_APPROVAL
    return "approved by the second click" if waited else "started after the approval"
