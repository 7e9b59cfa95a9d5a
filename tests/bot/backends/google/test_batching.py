"""Many jobs are read a few at a time, and the error of one hides no other."""

import asyncio

import pytest

from bot.backends.google.batching import page_limit, read_each
from bot.domain.jobs import TuningJob
from bot.errors import BotError, GoogleUnavailable, NotFoundAtGoogle
from tests.support.builders import job


@pytest.mark.parametrize(("jobs", "pages"), [(0, 12), (1, 12), (1000, 12), (1001, 24), (5000, 60)])
def test_pages_grow_with_the_jobs(jobs: int, pages: int) -> None:
    assert page_limit(jobs, 12) == pages


async def test_every_job_is_read_and_at_most_eight_at_the_same_time() -> None:
    jobs = [job(f"k{number}") for number in range(150)]
    running, most = 0, 0

    async def read(one: TuningJob) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        # Other tasks run here, so that this one is counted beside them.
        await asyncio.get_running_loop().run_in_executor(None, str)
        running -= 1
        return one.key.upper()

    results = await read_each(jobs, read)
    assert results == {one.key: one.key.upper() for one in jobs}
    assert 1 < most <= 8


async def test_error_of_one_job_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def read(one: TuningJob) -> str:
        if one.key == "gone":
            raise NotFoundAtGoogle("It is gone.")
        if one.key == "odd":
            raise KeyError("a mistake of ours")
        return "read"

    results = await read_each([job("gone"), job("odd"), job("good")], read)
    assert results["good"] == "read"
    assert isinstance(results["gone"], NotFoundAtGoogle)
    odd = results["odd"]
    assert isinstance(odd, BotError)
    assert isinstance(odd, GoogleUnavailable)
    assert "reading job odd failed unexpectedly" in caplog.text
