"""A start is made once: after lost answers, stops, refusals, and errors that pass."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.jobs import JobState, TuningJob
from bot.errors import Outdated, StorageError
from bot.ports.notifier import NoticeKind
from bot.tuning.job_refresh import LOST_AFTER
from bot.tuning.job_starts import ADOPTION_GRACE, RETRY_FOR
from bot.tuning.searches import MOST_RESUMES
from bot.tuning.start_queue import RETRY_BACKOFF
from storage.jobs import SqliteJobStore
from tests.support.backend_harness import BUCKET
from tests.support.harness import ADA, FILE, TEAM, Harness
from tests.support.waiting import wait_until
from tests.support.workspace_people import FullMembers

BACKENDS = ("vertex", "gemini", "palm")
CREATE = "/(tunedModels|tuningJobs)$"


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_whose_answer_was_lost_is_adopted_by_its_key(harness: Harness, backend: str) -> None:
    harness.google.faults.lose_answer(path=CREATE, method="POST")
    job = await harness.accepted("lost answer", backend)
    await harness.tuning.starts.submit(job)
    assert (await harness.newest(job)).state is JobState.SUBMITTING

    await harness.tuning.starts.recover(await harness.newest(job))

    assert (await harness.newest(job)).state in (JobState.QUEUED, JobState.RUNNING)
    assert harness.creates() == 1


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_that_was_not_sent_is_resumed_by_the_next_process(harness: Harness, backend: str) -> None:
    job = await harness.accepted("not sent", backend)
    later = harness.restarted()
    await later.jobs.starts.recover(job)

    resumed = await harness.newest(job)
    assert resumed.operation
    assert resumed.resumes == 1
    assert harness.creates() == 1


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_stop_during_the_upload_lets_the_next_process_start_the_job(
    harness: Harness, backend: str
) -> None:
    job = await harness.accepted("stopped", backend)
    hanging = harness.google.faults.hang(path=r"/(upload/)?storage/", times=None)
    start = asyncio.create_task(harness.tuning.starts.submit(job))
    await wait_until(lambda: hanging.hits)
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    assert (await harness.newest(job)).create_sent_at is None

    harness.google.faults.clear()
    await harness.restarted().jobs.starts.recover(job)
    assert (await harness.newest(job)).operation
    assert harness.creates() == 1


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_stop_while_google_starts_the_job_is_never_a_second_start(harness: Harness, backend: str) -> None:
    job = await harness.accepted("stopped late", backend)
    hanging = harness.google.faults.hang(path=CREATE, method="POST")
    start = asyncio.create_task(harness.tuning.starts.submit(job))
    await wait_until(lambda: hanging.hits)
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    assert (await harness.newest(job)).create_sent_at is not None

    await harness.restarted().jobs.starts.recover(job)
    assert (await harness.newest(job)).state is JobState.SUBMITTING
    assert harness.creates() == 1


async def test_a_start_that_ends_every_process_is_not_begun_for_ever(harness: Harness) -> None:
    job = await harness.accepted("deadly")
    for _ in range(MOST_RESUMES):
        harness.google.faults.hang(path=r"/storage/")
        start = asyncio.create_task(harness.restarted().jobs.starts.recover(job))
        await wait_until(lambda: not harness.google.faults.waiting)
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
    assert (await harness.newest(job)).state is JobState.SUBMITTING

    await harness.restarted().jobs.starts.recover(job)
    failed = await harness.newest(job)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert "Google shows no such job" in failed.failure.message
    assert "nothing is billed" in failed.failure.message
    assert harness.creates() == 0


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_that_ended_every_process_is_searched_for_before_it_is_given_up(
    harness: Harness, backend: str
) -> None:
    job = await harness.started("deadly, and made before the backup", backend)
    await harness.forget_start(job, resumes=MOST_RESUMES)

    fault = harness.google.faults.fail(503, path="/(tunedModels|tuningJobs)", times=None)
    await harness.restarted().jobs.starts.recover(job)
    unknown = await harness.newest(job)
    assert (unknown.state, unknown.failure) == (JobState.SUBMITTING, None)
    assert "The last look for it at Google failed" in unknown.problem

    harness.google.faults.remove(fault)
    await harness.restarted().jobs.starts.recover(job)
    assert (await harness.newest(job)).operation
    assert harness.creates() == 1


async def test_a_create_is_not_sent_if_that_cannot_be_written_down_first(harness: Harness) -> None:
    job = await harness.accepted("full disk")
    await harness.database.run(lambda db: db.execute("PRAGMA query_only = ON"))
    with pytest.raises(StorageError):
        await harness.tuning.starts.submit(job)
    await harness.database.run(lambda db: db.execute("PRAGMA query_only = OFF"))
    assert harness.creates() == 0
    assert not [name for name in harness.google.buckets.bucket(BUCKET) if name.startswith("tunebot/")]

    await harness.tuning.starts.recover(job)
    assert (await harness.newest(job)).operation
    assert harness.creates() == 1


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_is_cancelled_before_it_was_sent(harness: Harness, backend: str) -> None:
    job = await harness.accepted("withdrawn", backend)
    cancelled = await harness.tuning.cancel(TEAM, job.key, "U7")
    assert (cancelled.state, cancelled.cancelled_by) == (JobState.CANCELLED, "U7")
    with pytest.raises(Outdated, match="already been cancelled"):
        await harness.tuning.cancel(TEAM, job.key, "U8")

    await harness.tuning.starts.submit(job)
    assert (await harness.newest(job)).state is JobState.CANCELLED
    assert harness.creates() == 0
    assert not [name for name in harness.google.buckets.bucket(BUCKET) if name.startswith("tunebot/")]
    assert await harness.due() == [NoticeKind.CARD, NoticeKind.ENDED]


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_cancellation_of_an_unconfirmed_start_is_carried_out_when_google_shows_it(
    harness: Harness, backend: str
) -> None:
    harness.google.faults.lose_answer(path=CREATE, method="POST")
    job = await harness.accepted("cancelled blind", backend)
    await harness.tuning.starts.submit(job)
    waiting = await harness.tuning.cancel(TEAM, job.key, ADA)
    assert (waiting.state, waiting.cancelled_by) == (JobState.SUBMITTING, ADA)

    await harness.tuning.starts.recover(job)
    for _ in range(2):
        await harness.refresher.poll(backend, [await harness.newest(job)])
    assert (await harness.newest(job)).state is JobState.CANCELLED
    assert harness.at_google(job).phase == "cancelled"


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_that_a_lost_database_had_already_made_is_adopted_and_not_made_again(
    harness: Harness, backend: str
) -> None:
    job = await harness.started("restored", backend)
    files = set(harness.google.buckets.bucket(BUCKET))
    await harness.forget_start(job)

    await harness.restarted().jobs.starts.recover(job)
    await harness.restarted().jobs.starts.recover(job)

    assert (await harness.newest(job)).operation
    assert len(harness.google.jobs.all) == 1
    assert set(harness.google.buckets.bucket(BUCKET)) == files, "a job reads them"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("status", [403, 404, 429, 499])
async def test_a_refusal_that_is_not_googles_own_ends_no_start(
    harness: Harness, backend: str, status: int
) -> None:
    harness.google.faults.garble("<html>No.</html>", status=status, path=CREATE, method="POST")
    job = await harness.accepted("behind a proxy", backend)
    await harness.tuning.starts.submit(job)
    assert (await harness.newest(job)).state is JobState.SUBMITTING


# What passes before the create is sent, and what Google certainly refused for a while.
PASSING = {
    "the look before a create": ("vertex", r"/tuningJobs$", "GET"),
    "the upload": ("vertex", r"/upload/storage", "POST"),
    "the file": ("gemini", r"/storage/", "GET"),
    "the file of a long start": ("vertex", r"/storage/", "GET"),
}


async def until_it_is_tried(harness: Harness, job: TuningJob) -> TuningJob:
    """Let the longest wait pass and the poller look at it."""
    harness.clock.advance(seconds=RETRY_BACKOFF.longest)
    await harness.tuning.starts.recover(await harness.newest(job))
    return await harness.newest(job)


@pytest.mark.parametrize("what", PASSING)
async def test_a_passing_fault_before_the_create_delays_a_start_and_does_not_end_it(
    harness: Harness, what: str
) -> None:
    backend, path, method = PASSING[what]
    job = await harness.accepted("delayed", backend)
    fault = harness.google.faults.fail(503, path=path, method=method, times=None)
    await harness.tuning.starts.submit(job)
    delayed = await until_it_is_tried(harness, job)
    assert fault.hits
    assert (delayed.state, delayed.create_sent_at, delayed.resumes) == (JobState.SUBMITTING, None, 0)
    assert "I try it again by myself" in delayed.problem

    harness.google.faults.clear()
    started = await until_it_is_tried(harness, job)
    assert started.operation
    assert (started.problem, started.search) == ("", None)
    assert harness.creates() == 1
    assert len(harness.google.jobs.all) == 1


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_quota_that_is_used_up_for_a_while_delays_a_start_and_google_starts_one_job(
    harness: Harness, backend: str
) -> None:
    job = await harness.accepted("over the quota", backend)
    harness.google.faults.fail(429, "Quota exceeded.", path=CREATE, method="POST", times=2, retry_after=7)
    await harness.tuning.starts.submit(job)
    for expected in (0, 1):
        delayed = await harness.newest(job)
        assert (delayed.state, delayed.create_sent_at) == (JobState.SUBMITTING, None)
        assert "Google says: Quota exceeded." in delayed.problem
        assert harness.creates() == 1 + expected
        await until_it_is_tried(harness, job)
    assert (await harness.newest(job)).operation
    assert len(harness.google.jobs.all) == 1


async def test_a_start_is_not_tried_again_before_its_wait_is_over(harness: Harness) -> None:
    job = await harness.accepted("patient")
    harness.google.faults.fail(429, path=CREATE, method="POST", retry_after=60)
    await harness.tuning.starts.submit(job)
    await harness.tuning.starts.recover(await harness.newest(job))
    harness.clock.advance(seconds=59)
    await harness.tuning.starts.recover(await harness.newest(job))
    assert harness.creates() == 1
    harness.clock.advance(seconds=1)
    await harness.tuning.starts.recover(await harness.newest(job))
    assert harness.creates() == 2
    assert (await harness.newest(job)).operation


async def test_a_start_that_keeps_failing_ends_after_its_limit_and_may_be_tried_again_by_hand(
    harness: Harness,
) -> None:
    job = await harness.accepted("hopeless")
    harness.google.faults.fail(429, "Quota exceeded.", path=CREATE, method="POST", times=None)
    await harness.tuning.starts.submit(job)
    # In the middle another process takes over: the limit does not begin anew, and the clock decides nothing.
    for round_ in range(100):
        if round_ == 3:
            harness = replace(harness, use_cases=harness.restarted())
            harness.clock.set_forward(timedelta(days=1))
        if (await until_it_is_tried(harness, job)).state.ended:
            break
    ended = await harness.newest(job)
    assert ended.state is JobState.FAILED
    assert ended.failure is not None
    assert ended.failure.passing
    assert "Quota exceeded" in ended.failure.message
    tries = RETRY_FOR.total_seconds() / RETRY_BACKOFF.longest
    assert tries <= harness.creates() <= tries + 3
    assert harness.google.jobs.all == []


@pytest.mark.parametrize("backend", BACKENDS)
async def test_what_a_restored_backup_calls_unsent_is_cancelled_at_google_and_ends_once(
    harness: Harness, backend: str
) -> None:
    """It ended at once before, was followed by the sweep, and ended a second time."""
    job = await harness.started("sent", backend)
    await harness.forget_start(job)
    later = harness.restarted()
    cancelled = await later.jobs.cancel(TEAM, job.key, ADA)
    assert (cancelled.state, cancelled.cancelled_by) == (JobState.RUNNING, ADA)
    await later.sweep.run()
    await later.refresher.poll(backend, [await harness.newest(job)])
    ended = await harness.newest(job)
    assert ended.state is JobState.CANCELLED
    assert ended.operation


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sent", [True, False])
async def test_a_cancelled_start_of_an_earlier_process_ends_once_google_says_whether_it_has_it(
    harness: Harness, backend: str, sent: bool
) -> None:
    job = await (harness.started if sent else harness.accepted)("asked", backend)
    if sent:
        await harness.forget_start(job)
    later = harness.restarted()
    fault = harness.google.faults.fail(503, times=None)
    cancelled = await later.jobs.cancel(TEAM, job.key, ADA)
    assert (cancelled.state, cancelled.cancelled_by) == (JobState.SUBMITTING, ADA), "nobody knows"
    await later.jobs.starts.recover(cancelled)
    assert (await harness.newest(job)).state is JobState.SUBMITTING
    harness.google.faults.remove(fault)
    creates = harness.creates()
    harness.clock.advance(minutes=5)
    await later.jobs.starts.recover(await harness.newest(job))
    if sent:
        await later.refresher.poll(backend, [await harness.newest(job)])
        await later.refresher.poll(backend, [await harness.newest(job)])
    ended = await harness.newest(job)
    assert ended.state is JobState.CANCELLED
    assert bool(ended.operation) == sent
    assert harness.creates() == creates, "what is cancelled is not started"


async def test_a_resumed_start_whose_owner_left_is_followed_if_google_has_it(
    harness: Harness,
) -> None:
    job = await harness.started("sent")
    await harness.forget_start(job)

    class Gone(FullMembers):
        async def is_full_member(self, user: str) -> bool:
            return False

    stores = replace(harness.stores, jobs=SqliteJobStore(harness.database))
    later = harness.process(stores=stores, members=Gone())
    await later.jobs.starts.recover(await harness.newest(job))
    assert (await harness.newest(job)).operation, "Google runs it and it is paid for"


@pytest.mark.parametrize("backend", ["vertex", "gemini"])
async def test_a_start_that_waits_for_its_next_try_is_cancelled_at_once(harness: Harness, backend: str) -> None:
    job = await harness.accepted("cancelled while it waits", backend)
    harness.google.faults.fail(429, path=CREATE, method="POST")
    await harness.tuning.starts.submit(job)
    assert (await harness.tuning.cancel(TEAM, job.key, ADA)).state is JobState.CANCELLED
    assert (await until_it_is_tried(harness, job)).state is JobState.CANCELLED
    assert harness.creates() == 1
    assert harness.google.jobs.all == []


async def test_a_start_that_was_cancelled_while_google_refused_it_is_cancelled(harness: Harness) -> None:
    job = await harness.accepted("refused and cancelled")
    slow = harness.google.faults.delay(0.3, path=CREATE, method="POST")
    harness.google.faults.fail(429, path=CREATE, method="POST")
    start = asyncio.create_task(harness.tuning.starts.submit(job))
    await wait_until(lambda: slow.hits)
    await harness.tuning.cancel(TEAM, job.key, ADA)
    await start
    assert (await harness.newest(job)).state is JobState.CANCELLED
    assert (await until_it_is_tried(harness, job)).state is JobState.CANCELLED
    assert harness.google.jobs.all == []


async def test_tries_that_end_in_order_are_no_interruptions(harness: Harness) -> None:
    job = await harness.accepted("many processes")
    fault = harness.google.faults.fail(503, path="/upload/storage", times=None)
    for _ in range(2 * MOST_RESUMES):
        await harness.restarted().jobs.starts.recover(await harness.newest(job))
    harness.google.faults.remove(fault)
    await harness.restarted().jobs.starts.recover(await harness.newest(job))
    assert (await harness.newest(job)).operation


async def test_a_start_under_way_is_not_recovered_beside_itself(harness: Harness) -> None:
    job = await harness.accepted("under way")
    harness.google.requests.clear()
    harness.clock.advance(days=2)
    await harness.tuning.starts.recover(job)
    harness.clock.advance(days=2)
    await harness.tuning.starts.recover(job)
    assert (await harness.newest(job)).state is JobState.SUBMITTING
    assert harness.google.requests.matching("tuningJobs") == []


async def test_a_file_that_changed_after_the_check_is_not_trained_on(harness: Harness) -> None:
    job = await harness.accepted("changed file")
    harness.store(b'{"text_input": "other", "output": "rows"}\n' * 20)
    await harness.tuning.starts.submit(job)
    failed = await harness.newest(job)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert "changed" in failed.failure.message
    assert harness.creates() == 0


async def test_a_file_that_is_gone_when_the_job_starts_fails_it_in_words(harness: Harness) -> None:
    job = await harness.accepted("gone file")
    harness.google.buckets.delete(*FILE.removeprefix("gs://").split("/", 1))
    await harness.tuning.starts.submit(job)
    failed = await harness.newest(job)
    assert failed.failure is not None
    assert FILE in failed.failure.message
    assert harness.creates() == 0


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_that_was_cancelled_before_it_was_looked_up_is_cancelled(
    harness: Harness, backend: str
) -> None:
    harness.google.faults.lose_answer(path=CREATE, method="POST")
    job = await harness.accepted("cancelled early", backend)
    await harness.tuning.starts.submit(job)
    harness.at_google(job).cancel()
    await harness.tuning.starts.recover(job)
    assert (await harness.newest(job)).state is JobState.CANCELLED


async def test_a_repeated_click_does_not_keep_an_unconfirmed_start_from_being_looked_up(harness: Harness) -> None:
    harness.google.faults.lose_answer(path="/tuningJobs$", method="POST")
    job = await harness.accepted("clicked again")
    await harness.tuning.starts.submit(job)
    assert await harness.tuning.accept(TEAM, job.key, ADA) is None
    await harness.tuning.starts.recover(job)
    assert (await harness.newest(job)).operation


def test_a_lost_job_is_not_called_lost_sooner_than_a_start() -> None:
    assert timedelta(minutes=5) < ADOPTION_GRACE <= LOST_AFTER
