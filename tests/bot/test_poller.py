"""Rounds over open jobs: none ends another, and stopping waits for the one under way."""

import asyncio
from pathlib import Path

import pytest

from bot.domain import JobState
from bot.poller import Poller
from tests.bot.house import House, house, until


@pytest.fixture
def poller(wired: House) -> Poller:
    return Poller(wired.tuning, wired.jobs, 0.05)


async def test_a_round_looks_at_every_open_job_of_every_backend(wired: House, poller: Poller) -> None:
    jobs = [await wired.started(f"job of {name}", name) for name in wired.backends]
    for job in jobs:
        wired.at_google(job).finish()
    await poller.round()
    assert [(await wired.newest(job)).state for job in jobs] == [JobState.SUCCEEDED] * 3
    asked = len(wired.google.requests)
    await poller.round()
    assert len(wired.google.requests) == asked, "ended jobs are not asked for"


async def test_one_backends_trouble_does_not_hide_the_others(wired: House, poller: Poller) -> None:
    vertex, gemini = await wired.started("vertex job"), await wired.started("gemini job", "gemini")
    wired.google.faults.fail(403, path="/tuningJobs/", times=None)
    wired.at_google(gemini).finish()
    await poller.round()
    assert (await wired.newest(gemini)).state is JobState.SUCCEEDED
    assert not (await wired.newest(vertex)).state.ended


async def test_an_unconfirmed_start_does_not_hide_the_confirmed_ones(wired: House, poller: Poller) -> None:
    confirmed = await wired.started("confirmed")
    lost = await wired.accepted("unconfirmed")
    wired.tuning._submitting.discard(lost.key)
    wired.google.faults.fail(403, path=r"/tuningJobs$", method="GET", times=None)
    wired.at_google(confirmed).finish()
    await poller.round()
    assert (await wired.newest(confirmed)).state is JobState.SUCCEEDED
    assert (await wired.newest(lost)).state is JobState.SUBMITTING


async def test_a_job_of_a_backend_that_is_no_longer_offered_stays_and_harms_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as before:
        job = await before.started("left behind", "palm")
    async with house(tmp_path, ["vertex"]) as after:
        other = await after.started("goes on")
        after.at_google(other).finish()
        await Poller(after.tuning, after.jobs, 1.0).round()
        assert (await after.newest(other)).state is JobState.SUCCEEDED
        assert not (await after.newest(job)).state.ended


async def test_the_scheduler_runs_rounds_by_itself(wired: House, poller: Poller) -> None:
    job = await wired.started("scheduled")
    wired.at_google(job).finish()
    poller.start()

    async def ended() -> bool:
        return (await wired.newest(job)).state.ended

    await until(ended)
    await poller.stop()


async def test_stop_waits_for_the_round_under_way_and_no_other_begins(wired: House, poller: Poller) -> None:
    job = await wired.started("slow look")
    wired.at_google(job).finish()
    wired.google.faults.delay(0.3, path="/tuningJobs/")
    poller.start()

    async def asked_google() -> bool:
        return bool(wired.google.requests.matching("/tuningJobs/"))

    await until(asked_google)
    await poller.stop()
    assert (await wired.newest(job)).state is JobState.SUCCEEDED
    asked = len(wired.google.requests)
    await asyncio.sleep(0.15)
    assert len(wired.google.requests) == asked
