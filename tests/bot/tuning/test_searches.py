"""A job is called lost, or a start is said not to have happened, only on Google's own repeated word."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.domain.jobs import JobState, TuningJob
from bot.errors import BadArgument
from bot.ports.notifier import NoticeKind
from bot.tuning.job_refresh import LOST_AFTER
from bot.tuning.job_starts import ADOPTION_GRACE, DOUBT_AFTER
from bot.tuning.searches import LEAST_SEARCHES, Searches
from handlers.assembly import UseCases
from tests.support.clock import FixedClock
from tests.support.harness import ADA, TEAM, Harness

BACKENDS = ("vertex", "gemini", "palm")
CREATE = "/(tunedModels|tuningJobs)$"
MINUTE = timedelta(minutes=1)


async def every_minute(harness: Harness, look: Callable[[], Awaitable[None]], time: timedelta) -> None:
    """Look now, and then after each minute of the time."""
    await look()
    for _ in range(int(time / MINUTE)):
        harness.clock.advance(MINUTE)
        await look()


def polls(harness: Harness, job: TuningJob, use_cases: UseCases | None = None) -> Callable[[], Awaitable[None]]:
    async def poll() -> None:
        if not (await harness.newest(job)).state.ended:
            await (use_cases or harness.use_cases).refresher.poll(job.backend, [await harness.newest(job)])

    return poll


def searches(harness: Harness, job: TuningJob, use_cases: UseCases | None = None) -> Callable[[], Awaitable[None]]:
    async def search() -> None:
        await (use_cases or harness.use_cases).jobs.starts.recover(await harness.newest(job))

    return search


async def unanswered(harness: Harness, name: str, backend: str, *, arrives: bool) -> TuningJob:
    """A start whose answer never came."""
    faults = harness.google.faults
    lay = faults.lose_answer if arrives else faults.reset
    lay(path=CREATE, method="POST")
    job = await harness.accepted(name, backend)
    await harness.tuning.starts.submit(job)
    return await harness.newest(job)


def delete_at_google(harness: Harness, job: TuningJob) -> None:
    """Make Google forget the job, in its lists, too."""
    google = harness.google
    if job.backend == "vertex":
        google.tuning_jobs.all.clear()
    else:
        google.tuned_models.delete(google.tuned_models.find(job.backend, job.tuned_model))


def test_a_look_adds_at_most_its_share_however_long_ago_the_last_one_was() -> None:
    clock = FixedClock()
    searches = Searches(clock, timedelta(minutes=10))
    assert searches.searched("k") == 0.0
    clock.advance(minutes=1)
    assert searches.searched("k") == 60.0
    assert not searches.due("k")
    clock.advance(hours=9)
    assert searches.due("k")
    assert searches.searched("k") == 600.0 / LEAST_SEARCHES
    clock.set_forward(timedelta(hours=9))
    assert not searches.due("k")
    assert searches.searched("k") == 0.0


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_job_that_google_deleted_is_lost_after_several_looks_of_two_kinds(
    harness: Harness, backend: str
) -> None:
    job = await harness.started("deleted elsewhere", backend)
    delete_at_google(harness, job)
    await every_minute(harness, polls(harness, job), LOST_AFTER - MINUTE)
    assert not (await harness.newest(job)).state.ended

    await every_minute(harness, polls(harness, job), 2 * MINUTE)
    lost = await harness.newest(job)
    assert lost.state is JobState.LOST
    assert lost.failure is not None
    assert "look for" in lost.failure.hint.lower()
    assert NoticeKind.ENDED in await harness.due()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.long
async def test_a_page_of_a_proxy_loses_no_job(harness: Harness, backend: str) -> None:
    jobs = [await harness.started(f"job {number}", backend) for number in range(2)]
    harness.google.faults.garble("<html>404 Not Found</html>", status=404, path="/v1", times=None)
    for job in jobs:
        await every_minute(harness, polls(harness, job), LOST_AFTER)
        await every_minute(harness, polls(harness, job), LOST_AFTER)
        assert (await harness.newest(job)).state in (JobState.QUEUED, JobState.RUNNING)
        assert "404" in (await harness.newest(job)).problem


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_404_for_one_job_that_the_list_shows_loses_no_job(harness: Harness, backend: str) -> None:
    job = await harness.started("half known", backend)
    harness.google.faults.fail(404, path="/(tunedModels|tuningJobs)/[^/]+$|/operations/", times=None)
    await every_minute(harness, polls(harness, job), LOST_AFTER)
    await every_minute(harness, polls(harness, job), LOST_AFTER)
    assert (await harness.newest(job)).state in (JobState.QUEUED, JobState.RUNNING)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_404_of_the_list_is_no_word_about_a_job(harness: Harness, backend: str) -> None:
    job = await harness.started("no list", backend)
    delete_at_google(harness, job)
    harness.google.faults.fail(404, path=CREATE, method="GET", times=None)
    await every_minute(harness, polls(harness, job), LOST_AFTER)
    await every_minute(harness, polls(harness, job), LOST_AFTER)
    assert not (await harness.newest(job)).state.ended


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_clock_that_is_set_gives_no_verdict(harness: Harness, backend: str) -> None:
    job = await harness.started("clock", backend)
    start = await unanswered(harness, "clock and start", backend, arrives=False)
    delete_at_google(harness, job)
    for _ in range(12):
        harness.clock.set_forward(timedelta(hours=1))
        await polls(harness, job)()
        await searches(harness, start)()
    assert not (await harness.newest(job)).state.ended
    assert (await harness.newest(start)).state is JobState.SUBMITTING


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_that_google_never_got_fails_after_the_grace_and_says_only_what_is_known(
    harness: Harness, backend: str
) -> None:
    job = await unanswered(harness, "never arrived", backend, arrives=False)
    await every_minute(harness, searches(harness, job), ADOPTION_GRACE - MINUTE)
    assert (await harness.newest(job)).state is JobState.SUBMITTING

    await every_minute(harness, searches(harness, job), 2 * MINUTE)
    failed = await harness.newest(job)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert "nothing was started" in failed.failure.message
    assert "billed" not in failed.failure.message
    assert harness.creates() == 1
    assert NoticeKind.ENDED in await harness.due()


@pytest.mark.parametrize("backend", BACKENDS)
async def test_restarts_neither_shorten_the_grace_nor_begin_it_anew(harness: Harness, backend: str) -> None:
    job = await unanswered(harness, "restarts", backend, arrives=False)
    minutes = 0
    while not (await harness.newest(job)).state.ended:
        process = harness.restarted()
        await every_minute(harness, searches(harness, job, process), 5 * MINUTE)
        minutes += 5
        harness.clock.advance(hours=3)
    assert minutes * MINUTE >= ADOPTION_GRACE
    assert minutes * MINUTE <= 2 * ADOPTION_GRACE


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_list_that_lags_ends_no_start(harness: Harness, backend: str) -> None:
    harness.google.faults.list_lag = 1e9
    job = await unanswered(harness, "lagging", backend, arrives=True)
    await every_minute(harness, searches(harness, job), 5 * MINUTE)
    assert (await harness.newest(job)).state is not JobState.FAILED
    harness.google.faults.list_lag = 0.0
    await searches(harness, job)()
    await every_minute(harness, searches(harness, job), 2 * MINUTE)
    assert (await harness.newest(job)).operation


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_whose_looks_keep_failing_is_told_as_in_doubt_and_settled_later(
    harness: Harness, backend: str
) -> None:
    job = await unanswered(harness, "doubtful", backend, arrives=True)
    forbidden = harness.google.faults.fail(403, path="/(tunedModels|tuningJobs)", method="GET", times=None)
    await every_minute(harness, searches(harness, job), DOUBT_AFTER)
    await every_minute(harness, searches(harness, job), DOUBT_AFTER)
    doubtful = await harness.newest(job)
    assert doubtful.in_doubt
    assert job.key in doubtful.problem, "it says what to look for"
    assert (await harness.due()).count(NoticeKind.STUCK) == 1
    with pytest.raises(BadArgument):
        await harness.accepted("doubtful", backend)

    harness.google.faults.remove(forbidden)
    await every_minute(harness, searches(harness, job), 5 * MINUTE)
    settled = await harness.newest(job)
    assert settled.state in (JobState.QUEUED, JobState.RUNNING)
    assert not settled.in_doubt


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_in_doubt_can_be_given_up_and_frees_its_name(harness: Harness, backend: str) -> None:
    job = await unanswered(harness, "given up", backend, arrives=True)
    harness.google.faults.fail(403, path="/(tunedModels|tuningJobs)", method="GET", times=None)
    await every_minute(harness, searches(harness, job), DOUBT_AFTER)
    await every_minute(harness, searches(harness, job), DOUBT_AFTER)
    await harness.tuning.delete(TEAM, job.key, ADA)
    assert await harness.jobs.with_name(TEAM, "given up") == []
    harness.google.faults.clear()
    assert await harness.accepted("given up", backend)
