"""Rounds over open jobs: cheap, patient, and none of their problems ends another's look."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.domain.jobs import JobState, TuningJob
from bot.ports.job_store import Change
from bot.runtime.metrics import Metrics
from bot.tuning.poller import LATE_SECONDS, POLL_JOB, Poller
from bot.tuning.transitions import ask_to_cancel
from storage.job_rows import job_row
from tests.support.harness import ADA, Harness, open_harness
from tests.support.waiting import wait_until

BACKENDS = ("vertex", "gemini", "palm")


def polling(harness: Harness, seconds: float = 0.05, late_after: float = LATE_SECONDS) -> Poller:
    return Poller(
        harness.tuning.starts, harness.refresher, harness.jobs, harness.clock, Metrics(), seconds, late_after
    )


@pytest.fixture
def poller(harness: Harness) -> Poller:
    return polling(harness)


async def many(harness: Harness, number: int, backend: str) -> list[TuningJob]:
    """So many jobs that Google runs, each with a step done; made short, since a start each would take minutes."""
    harness.google.limits.concurrent_vertex_jobs = number + 1
    first = await harness.started("job 0", backend)
    await harness.refresher.poll(backend, [first])
    first = await harness.newest(first)
    create = harness.google.requests.matching(r"/(tunedModels|tuningJobs)$", "POST")[-1]
    headers = {"Authorization": f"Bearer {harness.google.issue_token()}"}

    async def another(count: int) -> TuningJob:
        key = f"{first.key[:-4]}{count:04}"
        body = {**create.body}
        if backend == "vertex":
            body |= {"labels": {**body["labels"], "tunebot-job": key}, "tunedModelDisplayName": f"job {count}"}
        else:
            body["displayName"] = f"job {count}"
        params = {} if backend == "vertex" else {"tunedModelId": key}
        answer = await client.post(create.path, json=body, params=params)
        made = answer.raise_for_status().json()
        spec = replace(first.spec, name=f"job {count}")
        return replace(first, key=key, spec=spec, operation=made["name"], state=JobState.RUNNING, tuned_model="")

    others: list[TuningJob] = []
    async with httpx.AsyncClient(base_url=harness.google.url, headers=headers) as client:
        for start in range(1, number, 20):
            others += await asyncio.gather(*map(another, range(start, min(start + 20, number))))
    for job in harness.google.jobs.all:
        job.advance(1)
    rows = [job_row(job) for job in others]
    await harness.database.write(lambda connection: connection.table("jobs").insert_all(rows))
    return [first, *others]


async def changes(harness: Harness) -> int:
    """How many rows were ever written."""
    return await harness.database.run(lambda connection: connection.conn.total_changes)


async def test_a_round_looks_at_every_open_job_of_every_backend(harness: Harness, poller: Poller) -> None:
    jobs = [await harness.started(f"job of {name}", name) for name in harness.backends]
    for job in jobs:
        harness.at_google(job).finish()
    await poller.round()
    assert [(await harness.newest(job)).state for job in jobs] == [JobState.SUCCEEDED] * 3
    asked = len(harness.google.requests)
    await poller.round()
    assert len(harness.google.requests) == asked, "ended jobs are not asked for"


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_thousand_jobs_cost_twenty_requests_a_round_and_no_write_where_nothing_is_new(
    tmp_path: Path, backend: str
) -> None:
    async with open_harness(tmp_path) as harness:
        jobs = await many(harness, 1000, backend)
        poller = polling(harness)
        for number in range(3):
            harness.google.requests.clear()
            await poller.round()
            assert len(harness.google.requests) <= 20, f"round {number}"
        seen = await harness.jobs.with_keys([job.key for job in jobs])
        assert {job.checked_at for job in seen} == {harness.clock.now()}
        assert {job.state for job in seen} == {JobState.RUNNING}

        written = await changes(harness)
        harness.clock.advance(seconds=5)
        harness.google.requests.clear()
        await poller.round()
        assert len(harness.google.requests) <= 20
        # Losses come to a few jobs a round where each has to be asked for them.
        assert await changes(harness) - written <= 20
        seen = await harness.jobs.with_keys([job.key for job in jobs])
        assert {job.checked_at for job in seen} == {harness.clock.now()}, "the last look is told all the same"

        harness.google.jobs.all[500].finish()
        await poller.round()
        ended = [job.name for job in await harness.jobs.with_keys([job.key for job in jobs]) if job.state.ended]
        assert ended == [harness.google.jobs.all[500].display_name]


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_job_that_the_list_does_not_show_is_asked_for_by_name(tmp_path: Path, backend: str) -> None:
    async with open_harness(tmp_path) as harness:
        jobs = await many(harness, 12, backend)
        harness.google.faults.garble(
            "{}", status=200, path=r"/(tunedModels|tuningJobs)$", method="GET", times=None
        )
        for job in harness.google.jobs.all:
            job.finish()
        await polling(harness).round()
        seen = await harness.jobs.with_keys([job.key for job in jobs])
        assert {job.state for job in seen} == {JobState.SUCCEEDED}


@pytest.mark.parametrize("backend", ["gemini", "palm"])
async def test_an_operation_that_is_gone_is_followed_by_its_tuned_model(
    harness: Harness, poller: Poller, backend: str
) -> None:
    job = await harness.started("gone operation", backend)
    harness.google.faults.lose_operation(job.operation)
    harness.at_google(job).advance(1)
    await poller.round()
    assert (await harness.newest(job)).state is JobState.RUNNING
    assert (await harness.newest(job)).problem == ""
    harness.at_google(job).finish()
    await poller.round()
    assert (await harness.newest(job)).state is JobState.SUCCEEDED


@pytest.mark.parametrize("backend", BACKENDS)
async def test_an_unknown_state_is_kept_as_google_says_it_and_polling_goes_on(
    harness: Harness, poller: Poller, backend: str
) -> None:
    odd, other = await harness.started("odd", backend), await harness.started("other", backend)
    harness.at_google(odd).set_state("STATE_DREAMING")
    harness.at_google(other).finish()
    await poller.round()
    assert not (await harness.newest(odd)).state.ended
    assert (await harness.newest(other)).state is JobState.SUCCEEDED
    harness.at_google(odd).set_state(None)
    harness.at_google(odd).finish()
    await poller.round()
    assert (await harness.newest(odd)).state is JobState.SUCCEEDED


async def test_one_backends_trouble_does_not_hide_the_others(harness: Harness, poller: Poller) -> None:
    vertex, gemini = await harness.started("vertex job"), await harness.started("gemini job", "gemini")
    harness.google.faults.fail(403, path="/tuningJobs/", times=None)
    harness.at_google(gemini).finish()
    await poller.round()
    assert (await harness.newest(gemini)).state is JobState.SUCCEEDED
    assert not (await harness.newest(vertex)).state.ended
    assert "Google" in (await harness.newest(vertex)).problem


@pytest.mark.parametrize("backend", BACKENDS)
async def test_an_answer_that_nobody_can_read_hides_no_other_job(
    harness: Harness, poller: Poller, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    # JSON so deep that the parser gives up with an error that is none of ours.
    deep, other = await harness.started("deep", backend), await harness.started("other", backend)
    name = re.escape(deep.operation.rpartition("/")[2]) + "$"
    harness.google.faults.garble('{"a":' * 100_000, status=200, path=name, times=None)
    harness.at_google(other).finish()
    await poller.round()
    assert (await harness.newest(other)).state is JobState.SUCCEEDED
    troubled = await harness.newest(deep)
    assert "could not be read" in troubled.problem
    assert not troubled.state.ended
    assert "RecursionError" in caplog.text


async def test_a_whole_list_that_nobody_can_read_is_told_on_every_card(harness: Harness, poller: Poller) -> None:
    jobs = await many(harness, 12, "vertex")
    harness.google.faults.garble('{"a":' * 100_000, status=200, path=r"/tuningJobs$", times=None)
    gemini = await harness.started("gemini job", "gemini")
    harness.at_google(gemini).finish()
    await poller.round()
    assert (await harness.newest(gemini)).state is JobState.SUCCEEDED
    seen = await harness.jobs.with_keys([job.key for job in jobs])
    assert ["could not be read" in job.problem for job in seen] == [True] * 12
    assert poller.problem() == ""


async def test_trouble_that_lasts_is_written_once(harness: Harness, poller: Poller) -> None:
    jobs = [await harness.started(f"job {number}") for number in range(3)]
    harness.google.faults.fail(403, path="/tuningJobs/", times=None)
    await poller.round()
    written = await changes(harness)
    await poller.round()
    assert await changes(harness) == written
    harness.google.faults.clear()
    await poller.round()
    assert [(await harness.newest(job)).problem for job in jobs] == ["", "", ""]


async def test_a_row_that_was_spoilt_hides_no_other_job(harness: Harness, poller: Poller) -> None:
    spoilt, other = await harness.started("spoilt"), await harness.started("other")
    await harness.database.write(lambda db: db.table("jobs").update(spoilt.key, {"spec": "{oops"}))
    harness.at_google(other).finish()
    await poller.round()
    assert (await harness.newest(other)).state is JobState.SUCCEEDED


async def test_an_unconfirmed_start_does_not_hide_the_confirmed_ones(harness: Harness) -> None:
    confirmed = await harness.started("confirmed")
    harness.google.faults.lose_answer(path=r"/tuningJobs$", method="POST")
    lost = await harness.started("unconfirmed")
    restarted = harness.restarted()
    poller = Poller(restarted.jobs.starts, restarted.refresher, harness.jobs, harness.clock, Metrics(), 0.05)
    harness.google.faults.fail(403, path=r"/tuningJobs$", method="GET", times=None)
    harness.at_google(confirmed).finish()
    await poller.round()
    assert (await harness.newest(confirmed)).state is JobState.SUCCEEDED
    assert (await harness.newest(lost)).state is JobState.SUBMITTING


async def test_a_job_of_a_backend_that_is_no_longer_offered_stays_and_harms_nothing(tmp_path: Path) -> None:
    async with open_harness(tmp_path) as before:
        job = await before.started("left behind", "palm")
    async with open_harness(tmp_path, ["vertex"]) as after:
        other = await after.started("goes on")
        after.at_google(other).finish()
        await polling(after).round()
        assert (await after.newest(other)).state is JobState.SUCCEEDED
        assert not (await after.newest(job)).state.ended


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("number", [1, 12])
async def test_a_job_that_stands_still_is_called_stuck_once_and_a_new_step_clears_it(
    tmp_path: Path, backend: str, number: int
) -> None:
    async with open_harness(tmp_path) as harness:
        jobs = await many(harness, number, backend)
        still, poller = jobs[-1], polling(harness)

        async def rounds(number: int) -> TuningJob:
            for _ in range(number):
                harness.clock.advance(minutes=1)
                await poller.round()
            return await harness.newest(still)

        # Where losses show the steps, they take turns.
        moved_at = (await rounds(7)).moved_at
        assert moved_at is not None
        harness.clock.advance(minutes=60)
        for at_google in harness.google.jobs.all:
            if at_google.display_name != still.name:
                at_google.advance(1)
        await rounds(7)
        harness.clock.time = moved_at + timedelta(minutes=118)
        assert (await rounds(1)).stuck_at is None
        assert "stuck" not in await harness.due()
        assert (await rounds(1)).stuck_at == moved_at + timedelta(minutes=120)
        assert (await rounds(3)).stuck_at == moved_at + timedelta(minutes=120)
        assert (await harness.due()).count("stuck") == 1
        seen = await harness.jobs.with_keys([job.key for job in jobs])
        assert [job.name for job in seen if job.stuck_at] == [still.name]

        harness.at_google(still).advance(1)
        moved = await rounds(7)
        assert (moved.stuck_at, moved.state) == (None, JobState.RUNNING)


async def test_a_job_whose_steps_the_list_does_not_show_is_looked_at_alone_before_it_is_called_stuck(
    tmp_path: Path,
) -> None:
    async with open_harness(tmp_path) as harness:
        jobs, poller = await many(harness, 12, "vertex"), polling(harness)
        for _ in range(7):
            harness.clock.advance(minutes=1)
            await poller.round()
        for job in harness.google.jobs.all:
            job.advance(1)
        harness.clock.advance(hours=3)
        for _ in range(7):
            harness.clock.advance(minutes=1)
            await poller.round()
            seen = await harness.jobs.with_keys([job.key for job in jobs])
            assert [job.name for job in seen if job.stuck_at] == []
        assert "stuck" not in await harness.due()


async def test_a_job_that_google_does_not_tell_of_is_not_called_stuck(harness: Harness, poller: Poller) -> None:
    job = await harness.started("unseen")
    await poller.round()
    harness.google.faults.fail(503, path="/tuningJobs/", times=None)
    harness.clock.advance(hours=5)
    await poller.round()
    assert (await harness.newest(job)).stuck_at is None
    assert (await harness.newest(job)).problem


async def test_the_scheduler_runs_rounds_by_itself(harness: Harness, poller: Poller) -> None:
    job = await harness.started("scheduled")
    harness.at_google(job).finish()
    poller.start()

    async def ended() -> bool:
        return (await harness.newest(job)).state.ended

    await wait_until(ended)
    await poller.stop(1.0)


async def test_rounds_continue_after_the_machines_clock_was_set_back(harness: Harness) -> None:
    job = await harness.started("an hour ago")
    scheduler = AsyncIOScheduler(timezone="UTC")
    poller = Poller(
        harness.tuning.starts, harness.refresher, harness.jobs, harness.clock, Metrics(), 0.05, scheduler=scheduler
    )
    poller.start()
    # After the clock was set back by an hour, the scheduler's next round is an hour away.
    scheduler.modify_job(POLL_JOB, next_run_time=datetime.now(UTC) + timedelta(hours=1))
    harness.at_google(job).finish()

    async def ended() -> bool:
        return (await harness.newest(job)).state.ended

    await wait_until(ended)
    await poller.stop(1.0)


def rounds(metrics: Metrics) -> float:
    """How many rounds have ended."""
    found = re.search(
        r"^tunebot_polling_round_duration_seconds_count (.*)$", metrics.text().decode(), re.MULTILINE
    )
    assert found is not None
    return float(found[1])


async def test_stop_waits_for_the_round_under_way_and_no_other_begins(harness: Harness) -> None:
    stopped, goes_on = Metrics(), Metrics()
    poller, other = (
        Poller(harness.tuning.starts, harness.refresher, harness.jobs, harness.clock, metrics, 0.05)
        for metrics in (stopped, goes_on)
    )
    job = await harness.started("slow look")
    harness.at_google(job).finish()
    harness.google.faults.delay(0.3, path="/tuningJobs/")
    poller.start()

    async def asked_google() -> bool:
        return bool(harness.google.requests.matching("/tuningJobs/"))

    await wait_until(asked_google)
    await poller.stop(5.0)
    assert (await harness.newest(job)).state is JobState.SUCCEEDED
    ended = rounds(stopped)
    other.start()

    async def another_poller_ran_three_rounds() -> bool:
        return rounds(goes_on) >= 3

    await wait_until(another_poller_ran_three_rounds)
    await other.stop(5.0)
    assert rounds(stopped) == ended


async def test_stop_cuts_a_round_short_that_hangs_and_says_nothing_of_errors(
    harness: Harness, poller: Poller, caplog: pytest.LogCaptureFixture
) -> None:
    job = await harness.started("hanging look")
    harness.google.faults.hang(path="/tuningJobs/", times=None)
    poller.start()

    async def asked_google() -> bool:
        return bool(harness.google.requests.matching("/tuningJobs/"))

    await wait_until(asked_google)
    await poller.stop(0)
    await asyncio.sleep(0)
    assert [record.message for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
    assert (await harness.newest(job)).problem == ""


async def test_rounds_that_end_no_more_are_a_problem(harness: Harness) -> None:
    poller = polling(harness, 0.02, late_after=0.2)
    assert poller.problem() == ""
    await harness.started("hanging look")
    harness.google.faults.hang(path="/tuningJobs/", times=None)
    poller.start()

    async def late() -> bool:
        return "no round of polling has ended for" in poller.problem()

    await wait_until(late)
    await poller.stop(0)


async def test_a_database_that_refuses_ends_the_round_in_words(
    harness: Harness, poller: Poller, caplog: pytest.LogCaptureFixture
) -> None:
    await harness.started("unwritable")
    await harness.database.close()
    await poller.round()
    assert "the polling round failed: The database is closed." in caplog.text
    assert "Traceback" not in caplog.text


async def test_measures_tell_of_rounds_requests_overruns_and_open_jobs(harness: Harness) -> None:
    metrics = Metrics()
    poller = Poller(harness.tuning.starts, harness.refresher, harness.jobs, harness.clock, metrics, 0.001)
    measured = await harness.started("measured")
    waiting = await harness.accepted("waiting", "gemini")
    await harness.jobs.change(waiting.key, lambda job: Change(replace(job, state=JobState.QUEUED, operation="x")))
    await poller.round()
    text = metrics.text().decode()
    assert "tunebot_polling_round_duration_seconds_count 1.0" in text
    assert "tunebot_polling_overruns_total 1.0" in text
    assert f'tunebot_open_jobs{{backend="vertex",state="{measured.state}"}} 1.0' in text
    assert 'tunebot_open_jobs{backend="gemini",state="queued"} 1.0' in text


async def test_a_cancelled_start_that_cannot_be_searched_for_says_why(harness: Harness) -> None:
    """Only the backend, which is not offered any more, could say whether a start was sent that the row denies."""
    job = await harness.accepted("cancelled", "gemini")
    now = harness.clock.now()
    await harness.jobs.change(job.key, lambda row: ask_to_cancel(row, ADA, now, certain=False))
    others = {name: backend for name, backend in harness.backends.items() if name != "gemini"}
    later = harness.process(backends=others)
    poller = Poller(later.jobs.starts, later.refresher, harness.jobs, harness.clock, Metrics(), 0.05)
    await poller.round()

    async def said() -> bool:
        return "'gemini' is not offered here" in (await harness.newest(job)).problem

    await wait_until(said)
    assert (await harness.newest(job)).state is JobState.SUBMITTING
