"""The queue of the bot: one tuning runs at a time, the others start in turn, each once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.domain.backoff import Backoff
from bot.domain.jobs import JobState, TuningJob
from bot.ports.notifier import NoticeKind
from bot.runtime.metrics import Metrics
from bot.spending.month_report import Basis, spend_of
from bot.tuning.poller import Poller
from bot.tuning.start_queue import StartRetries
from bot.tuning.transitions import mark_stuck
from handlers.assembly import UseCases
from tests.support.clock import FixedClock
from tests.support.harness import ADA, TEAM, Harness, open_harness
from tests.support.waiting import wait_until

CREATE = "/tuningJobs$"
QUOTA = "Quota exceeded for aiplatform.googleapis.com/global_concurrent_tuning_jobs."


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    """Vertex AI, which runs one tuning at a time."""
    async with open_harness(tmp_path, ("vertex",), tunings_at_once={"vertex": 1}) as opened:
        yield opened


async def start(harness: Harness, name: str) -> TuningJob:
    """Press Start: the job runs, or waits for its turn."""
    job = await harness.accepted(name)
    await harness.tuning.starts.submit(job)
    return await harness.newest(job)


async def begin_turns(use_cases: UseCases) -> list[str]:
    """Start the jobs whose turn it is, as the poller does in each round; returns their names."""
    begun = await use_cases.jobs.starts.begin_turns()
    await asyncio.gather(*(use_cases.jobs.starts.submit(job) for job in begun))
    return [job.name for job in begun]


async def finish(harness: Harness, job: TuningJob) -> None:
    """Let the job end at Google, and poll it."""
    harness.at_google(job).finish()
    await harness.refresher.poll("vertex", [await harness.newest(job)])


async def test_what_cannot_run_yet_waits_and_starts_in_the_order_of_the_clicks(harness: Harness) -> None:
    first = await start(harness, "first")
    waiting = [await start(harness, name) for name in ("second", "third", "fourth")]
    assert first.state in (JobState.QUEUED, JobState.RUNNING)
    assert {job.state for job in waiting} == {JobState.WAITING}
    assert [await harness.jobs.ahead(job) for job in waiting] == [0, 1, 2]
    assert [job.name for job in await harness.jobs.running("vertex")] == ["first"]
    assert harness.creates() == 1
    assert await begin_turns(harness.use_cases) == [], "the first one still runs"

    running, started = first, []
    for job in waiting:
        await finish(harness, running)
        started += await begin_turns(harness.use_cases)
        assert await begin_turns(harness.use_cases) == []
        running = job
    assert started == ["second", "third", "fourth"]
    assert harness.creates() == 4
    assert [job.display_name for job in harness.google.jobs.all] == ["first", "second", "third", "fourth"]


async def test_of_many_clicks_at_once_one_runs_and_each_other_one_has_a_place(harness: Harness) -> None:
    jobs = await asyncio.gather(*(harness.accepted(f"job {number}") for number in range(5)))
    await asyncio.gather(*(harness.tuning.starts.submit(job) for job in jobs))
    assert sorted(job.state for job in jobs) == [JobState.SUBMITTING] + [JobState.WAITING] * 4
    waiting = [job for job in jobs if job.state is JobState.WAITING]
    assert sorted([await harness.jobs.ahead(job) for job in waiting]) == [0, 1, 2, 3]
    assert harness.creates() == 1


async def test_two_rounds_at_once_give_each_turn_once(harness: Harness) -> None:
    first = await start(harness, "first")
    await start(harness, "second")
    await start(harness, "third")
    await finish(harness, first)
    begun = await asyncio.gather(*(begin_turns(harness.use_cases) for _ in range(4)))
    assert sorted(begun) == [[], [], [], ["second"]]
    assert harness.creates() == 2


async def test_the_next_process_starts_a_job_whose_turn_was_taken_and_not_used(harness: Harness) -> None:
    first, second = await start(harness, "first"), await start(harness, "second")
    await finish(harness, first)
    begun = await harness.tuning.starts.begin_turns()
    assert [job.key for job in begun] == [second.key]

    later = harness.restarted()
    assert await begin_turns(later) == []
    await later.jobs.starts.recover(await harness.newest(second))
    await later.jobs.starts.recover(await harness.newest(second))
    assert (await harness.newest(second)).operation
    assert harness.creates() == 2


async def test_a_job_that_waits_is_cancelled_without_a_word_to_google(harness: Harness) -> None:
    first, second, third = [await start(harness, name) for name in ("first", "second", "third")]
    cancelled = await harness.tuning.cancel(TEAM, second.key, ADA)
    assert cancelled.state is JobState.CANCELLED
    assert spend_of(cancelled).basis is Basis.NOTHING
    assert await harness.jobs.ahead(await harness.newest(third)) == 0
    await finish(harness, first)
    assert await begin_turns(harness.use_cases) == ["third"]
    assert harness.creates() == 2


async def test_a_start_that_google_refuses_because_others_run_waits_for_another_turn(harness: Harness) -> None:
    harness.google.faults.fail(429, QUOTA, path=CREATE, method="POST", times=2)
    first = await start(harness, "first")
    assert (first.state, first.create_sent_at) == (JobState.WAITING, None)
    assert "Google runs no further tuning now" in first.problem
    second = await start(harness, "second")
    assert [await harness.jobs.ahead(job) for job in (first, second)] == [0, 1]
    assert await begin_turns(harness.use_cases) == [], "Google is not asked again at once"

    harness.clock.advance(minutes=1)
    assert await begin_turns(harness.use_cases) == ["first"]
    assert (await harness.newest(first)).state is JobState.WAITING
    harness.clock.advance(minutes=2)
    assert await begin_turns(harness.use_cases) == ["first"]
    assert (await harness.newest(first)).operation
    assert (await harness.newest(first)).problem == ""
    assert harness.creates() == 3, "the two refused ones are among them"
    assert len(harness.google.jobs.all) == 1


async def test_after_a_restart_a_refused_start_is_tried_again_and_keeps_its_place(harness: Harness) -> None:
    harness.google.faults.fail(429, QUOTA, path=CREATE, method="POST")
    await start(harness, "first")
    await start(harness, "second")
    assert await begin_turns(harness.restarted()) == ["first"]
    assert [job.display_name for job in harness.google.jobs.all] == ["first"]


async def test_without_a_limit_nobody_waits_until_google_refuses_one(tmp_path: Path) -> None:
    async with open_harness(tmp_path, ("vertex",), tunings_at_once={"vertex": 0}) as harness:
        assert (await start(harness, "first")).operation
        harness.google.faults.fail(429, QUOTA, path=CREATE, method="POST")
        for name in ("second", "third"):
            assert (await start(harness, name)).state is JobState.WAITING
        harness.clock.advance(minutes=1)
        assert await begin_turns(harness.use_cases) == ["second"], "one try shows whether Google runs more"
        assert await begin_turns(harness.use_cases) == ["third"]


async def test_a_waiting_job_that_is_looked_at_and_polled_stays_as_it_is(harness: Harness) -> None:
    await start(harness, "first")
    second = await start(harness, "second")
    assert (await harness.refresher.refresh(TEAM, second.key)).state is JobState.WAITING
    await harness.tuning.starts.recover(second)
    await harness.use_cases.sweep.run()
    assert (await harness.newest(second)).state is JobState.WAITING
    poller = Poller(harness.tuning.starts, harness.refresher, harness.jobs, harness.clock, Metrics(), 0.05)
    await poller.round()
    assert (await harness.newest(second)).state is JobState.WAITING
    assert [job.state for job in await harness.jobs.open_jobs()] == [JobState.RUNNING, JobState.WAITING]


async def test_a_process_that_dies_during_the_upload_of_a_turn_does_not_lose_the_job(harness: Harness) -> None:
    first, second = await start(harness, "first"), await start(harness, "second")
    await finish(harness, first)
    hanging = harness.google.faults.hang(path=r"/(upload/)?storage/", times=None)
    turn = asyncio.create_task(begin_turns(harness.use_cases))
    await wait_until(lambda: hanging.hits)
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    harness.google.faults.clear()
    await harness.restarted().jobs.starts.recover(await harness.newest(second))
    assert (await harness.newest(second)).operation
    assert harness.creates() == 2


async def test_the_cards_of_those_that_wait_are_told_that_the_running_one_is_stuck(harness: Harness) -> None:
    first, second = await start(harness, "first"), await start(harness, "second")
    await harness.database.write(lambda db: db.execute("UPDATE outbox SET state = 'sent'"))
    late = harness.clock.now() + timedelta(days=2)
    await harness.jobs.change(first.key, partial(mark_stuck, now=late, deadline=timedelta(days=1)))
    due = await harness.outbox.due(harness.clock.now())
    assert (second.key, NoticeKind.CARD) in [(notice.job, notice.kind) for notice in due]


LIMIT = timedelta(minutes=15)
KEY = "tb-1"


async def test_a_start_that_waits_for_a_backend_which_is_offered_no_more_ends(tmp_path: Path) -> None:
    async with open_harness(tmp_path, ("vertex", "gemini"), tunings_at_once={"vertex": 1}) as harness:
        first, second = await start(harness, "first"), await start(harness, "second")
        await finish(harness, first)
        others = {name: backend for name, backend in harness.backends.items() if name != "vertex"}
        later = harness.process(backends=others)
        assert await begin_turns(later) == []
        ended = await harness.newest(second)
        assert ended.state is JobState.FAILED
        assert ended.failure is not None
        assert "'vertex' is not offered here" in ended.failure.message
        assert "I do not send it to Google" in ended.failure.message
        assert NoticeKind.ENDED in await harness.due()
        assert harness.creates() == 1


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def retries(clock: FixedClock) -> StartRetries:
    return StartRetries(clock, LIMIT, Backoff(first=2.0, longest=120.0))


def test_a_start_that_never_failed_here_is_due(retries: StartRetries) -> None:
    assert retries.due(KEY)
    assert not retries.tried(KEY)


def test_each_failure_makes_the_next_try_wait_longer_up_to_the_longest_wait(
    clock: FixedClock, retries: StartRetries
) -> None:
    waits = []
    for _ in range(12):
        retries.failed(KEY)
        began = clock.monotonic()
        while not retries.due(KEY):
            clock.advance(seconds=1)
        waits.append(clock.monotonic() - began)
    assert waits[0] <= 2
    assert waits[3] > waits[0]
    assert 60 <= waits[-1] <= 120


def test_google_may_ask_for_a_longer_wait_but_not_for_hours(clock: FixedClock, retries: StartRetries) -> None:
    retries.failed(KEY, at_least=50)
    clock.advance(seconds=49)
    assert not retries.due(KEY)
    clock.advance(seconds=1)
    assert retries.due(KEY)
    retries.failed(KEY, at_least=7200)
    clock.advance(seconds=120)
    assert retries.due(KEY)


def test_a_failure_adds_the_time_since_the_one_before(clock: FixedClock, retries: StartRetries) -> None:
    assert retries.failed(KEY) == 0
    clock.advance(seconds=30)
    assert retries.failed(KEY) == 30


def test_neither_a_pause_nor_a_change_of_the_clock_uses_up_the_limit(
    clock: FixedClock, retries: StartRetries
) -> None:
    retries.failed(KEY)
    clock.set_forward(timedelta(hours=5))
    assert retries.failed(KEY) == 0
    clock.advance(hours=5)
    assert retries.failed(KEY) == LIMIT.total_seconds() / 5


def test_what_is_forgotten_begins_anew(clock: FixedClock, retries: StartRetries) -> None:
    retries.failed(KEY)
    assert retries.tried(KEY)
    retries.forget(KEY)
    assert retries.due(KEY)
    assert not retries.tried(KEY)
