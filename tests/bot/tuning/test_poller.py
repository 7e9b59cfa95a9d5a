"""Rounds over open jobs: cheap, patient, and none of their troubles ends another's look."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import JobState, OpenJob, TuningJob
from bot.ports.stores import Change
from bot.runtime.metrics import Metrics
from bot.tuning.poll_schedule import PollSchedule, poll_interval
from bot.tuning.poller import Poller
from storage.codecs import job_row
from tests.bot.house import House, house, until

BACKENDS = ("vertex", "gemini", "palm")


def polling(wired: House, seconds: float = 0.05, **changes: float) -> Poller:
    return Poller(wired.tuning, wired.jobs, wired.clock, Metrics(), seconds, **changes)


@pytest.fixture
def poller(wired: House) -> Poller:
    return polling(wired)


async def many(wired: House, number: int, backend: str) -> list[TuningJob]:
    """So many jobs that Google runs, each with a step done; made short, since a start each would take minutes."""
    wired.google.limits.concurrent_vertex_jobs = number + 1
    first = await wired.started("job 0", backend)
    await wired.tuning.look(backend, [first])
    first = await wired.newest(first)
    create = wired.google.requests.matching(r"/(tunedModels|tuningJobs)$", "POST")[-1]
    again = wired.backends[backend]._http

    async def another(count: int) -> TuningJob:
        key = f"{first.key[:-4]}{count:04}"
        body = {**create.body}
        if backend == "vertex":
            body |= {"labels": {**body["labels"], "tunebot-job": key}, "tunedModelDisplayName": f"job {count}"}
        else:
            body["displayName"] = f"job {count}"
        params = {} if backend == "vertex" else {"tunedModelId": key}
        made = await again.create(wired.google.url + create.path, body, params)
        spec = replace(first.spec, name=f"job {count}")
        return replace(first, key=key, spec=spec, operation=made["name"], state=JobState.RUNNING, tuned_model="")

    others: list[TuningJob] = []
    for start in range(1, number, 20):
        others += await asyncio.gather(*map(another, range(start, min(start + 20, number))))
    for job in wired.google.jobs.all:
        job.advance(1)
    rows = [job_row(job) for job in others]
    await wired.database.write(lambda connection: connection.table("jobs").insert_all(rows))
    return [first, *others]


async def changes(wired: House) -> int:
    """How many rows were ever written."""
    return await wired.database.run(lambda connection: connection.conn.total_changes)


async def test_a_round_looks_at_every_open_job_of_every_backend(wired: House, poller: Poller) -> None:
    jobs = [await wired.started(f"job of {name}", name) for name in wired.backends]
    for job in jobs:
        wired.at_google(job).finish()
    await poller.round()
    assert [(await wired.newest(job)).state for job in jobs] == [JobState.SUCCEEDED] * 3
    asked = len(wired.google.requests)
    await poller.round()
    assert len(wired.google.requests) == asked, "ended jobs are not asked for"


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_thousand_jobs_cost_twenty_requests_a_round_and_no_write_where_nothing_is_new(
    tmp_path: Path, backend: str
) -> None:
    async with house(tmp_path) as wired:
        jobs = await many(wired, 1000, backend)
        poller = polling(wired)
        for number in range(3):
            wired.google.requests.clear()
            await poller.round()
            assert len(wired.google.requests) <= 20, f"round {number}"
        seen = await wired.jobs.several([job.key for job in jobs])
        assert {job.checked_at for job in seen} == {wired.clock.now()}
        assert {job.state for job in seen} == {JobState.RUNNING}

        written = await changes(wired)
        wired.clock.pass_time(seconds=5)
        wired.google.requests.clear()
        await poller.round()
        assert len(wired.google.requests) <= 20
        # Losses come to a few jobs a round where each has to be asked for them.
        assert await changes(wired) - written <= 20
        seen = await wired.jobs.several([job.key for job in jobs])
        assert {job.checked_at for job in seen} == {wired.clock.now()}, "the last look is told all the same"

        wired.google.jobs.all[500].finish()
        await poller.round()
        ended = [job.name for job in await wired.jobs.several([job.key for job in jobs]) if job.state.ended]
        assert ended == [wired.google.jobs.all[500].display_name]


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_job_that_the_list_does_not_show_is_asked_for_by_name(tmp_path: Path, backend: str) -> None:
    async with house(tmp_path) as wired:
        jobs = await many(wired, 12, backend)
        wired.google.faults.garble("{}", status=200, path=r"/(tunedModels|tuningJobs)$", method="GET", times=None)
        for job in wired.google.jobs.all:
            job.finish()
        await polling(wired).round()
        seen = await wired.jobs.several([job.key for job in jobs])
        assert {job.state for job in seen} == {JobState.SUCCEEDED}


@pytest.mark.parametrize("backend", ["gemini", "palm"])
async def test_an_operation_that_is_gone_is_followed_by_its_tuned_model(
    wired: House, poller: Poller, backend: str
) -> None:
    job = await wired.started("gone operation", backend)
    wired.google.faults.lose_operation(job.operation)
    wired.at_google(job).advance(1)
    await poller.round()
    assert (await wired.newest(job)).state is JobState.RUNNING
    assert (await wired.newest(job)).trouble == ""
    wired.at_google(job).finish()
    await poller.round()
    assert (await wired.newest(job)).state is JobState.SUCCEEDED


@pytest.mark.parametrize("backend", BACKENDS)
async def test_an_unknown_state_is_kept_as_google_says_it_and_polling_goes_on(
    wired: House, poller: Poller, backend: str
) -> None:
    odd, other = await wired.started("odd", backend), await wired.started("other", backend)
    wired.at_google(odd).set_state("STATE_DREAMING")
    wired.at_google(other).finish()
    await poller.round()
    assert not (await wired.newest(odd)).state.ended
    assert (await wired.newest(other)).state is JobState.SUCCEEDED
    wired.at_google(odd).set_state(None)
    wired.at_google(odd).finish()
    await poller.round()
    assert (await wired.newest(odd)).state is JobState.SUCCEEDED


async def test_one_backends_trouble_does_not_hide_the_others(wired: House, poller: Poller) -> None:
    vertex, gemini = await wired.started("vertex job"), await wired.started("gemini job", "gemini")
    wired.google.faults.fail(403, path="/tuningJobs/", times=None)
    wired.at_google(gemini).finish()
    await poller.round()
    assert (await wired.newest(gemini)).state is JobState.SUCCEEDED
    assert not (await wired.newest(vertex)).state.ended
    assert "Google" in (await wired.newest(vertex)).trouble


@pytest.mark.parametrize("backend", BACKENDS)
async def test_an_answer_that_nobody_can_read_hides_no_other_job(
    wired: House, poller: Poller, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    # JSON so deep that the parser gives up with an error that is none of ours.
    deep, other = await wired.started("deep", backend), await wired.started("other", backend)
    name = re.escape(deep.operation.rpartition("/")[2]) + "$"
    wired.google.faults.garble('{"a":' * 100_000, status=200, path=name, times=None)
    wired.at_google(other).finish()
    await poller.round()
    assert (await wired.newest(other)).state is JobState.SUCCEEDED
    troubled = await wired.newest(deep)
    assert "could not be read" in troubled.trouble
    assert not troubled.state.ended
    assert "RecursionError" in caplog.text


async def test_a_whole_list_that_nobody_can_read_is_told_on_every_card(wired: House, poller: Poller) -> None:
    jobs = await many(wired, 12, "vertex")
    wired.google.faults.garble('{"a":' * 100_000, status=200, path=r"/tuningJobs$", times=None)
    gemini = await wired.started("gemini job", "gemini")
    wired.at_google(gemini).finish()
    await poller.round()
    assert (await wired.newest(gemini)).state is JobState.SUCCEEDED
    seen = await wired.jobs.several([job.key for job in jobs])
    assert ["could not be read" in job.trouble for job in seen] == [True] * 12
    assert poller.problem() == ""


async def test_trouble_that_lasts_is_written_once(wired: House, poller: Poller) -> None:
    jobs = [await wired.started(f"job {number}") for number in range(3)]
    wired.google.faults.fail(403, path="/tuningJobs/", times=None)
    await poller.round()
    written = await changes(wired)
    await poller.round()
    assert await changes(wired) == written
    wired.google.faults.clear()
    await poller.round()
    assert [(await wired.newest(job)).trouble for job in jobs] == ["", "", ""]


async def test_a_row_that_was_spoilt_hides_no_other_job(wired: House, poller: Poller) -> None:
    spoilt, other = await wired.started("spoilt"), await wired.started("other")
    await wired.database.write(lambda db: db.table("jobs").update(spoilt.key, {"spec": "{oops"}))
    wired.at_google(other).finish()
    await poller.round()
    assert (await wired.newest(other)).state is JobState.SUCCEEDED


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
        await polling(after).round()
        assert (await after.newest(other)).state is JobState.SUCCEEDED
        assert not (await after.newest(job)).state.ended


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("number", [1, 12])
async def test_a_job_that_stands_still_is_called_stuck_once_and_a_new_step_clears_it(
    tmp_path: Path, backend: str, number: int
) -> None:
    async with house(tmp_path) as wired:
        jobs = await many(wired, number, backend)
        still, poller = jobs[-1], polling(wired)

        async def rounds(number: int) -> TuningJob:
            for _ in range(number):
                wired.clock.pass_time(minutes=1)
                await poller.round()
            return await wired.newest(still)

        # Where losses show the steps, they take turns.
        moved_at = (await rounds(7)).moved_at
        assert moved_at is not None
        wired.clock.pass_time(minutes=60)
        for at_google in wired.google.jobs.all:
            if at_google.display_name != still.name:
                at_google.advance(1)
        await rounds(7)
        wired.clock.time = moved_at + timedelta(minutes=118)
        assert (await rounds(1)).stuck_at is None
        assert "stuck" not in await wired.due()
        assert (await rounds(1)).stuck_at == moved_at + timedelta(minutes=120)
        assert (await rounds(3)).stuck_at == moved_at + timedelta(minutes=120)
        assert (await wired.due()).count("stuck") == 1
        seen = await wired.jobs.several([job.key for job in jobs])
        assert [job.name for job in seen if job.stuck_at] == [still.name]

        wired.at_google(still).advance(1)
        moved = await rounds(7)
        assert (moved.stuck_at, moved.state) == (None, JobState.RUNNING)


async def test_a_job_whose_steps_the_list_does_not_show_is_looked_at_alone_before_it_is_called_stuck(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as wired:
        jobs, poller = await many(wired, 12, "vertex"), polling(wired)
        for _ in range(7):
            wired.clock.pass_time(minutes=1)
            await poller.round()
        for job in wired.google.jobs.all:
            job.advance(1)
        wired.clock.pass_time(hours=3)
        for _ in range(7):
            wired.clock.pass_time(minutes=1)
            await poller.round()
            seen = await wired.jobs.several([job.key for job in jobs])
            assert [job.name for job in seen if job.stuck_at] == []
        assert "stuck" not in await wired.due()


async def test_a_job_that_google_does_not_tell_of_is_not_called_stuck(wired: House, poller: Poller) -> None:
    job = await wired.started("unseen")
    await poller.round()
    wired.google.faults.fail(503, path="/tuningJobs/", times=None)
    wired.clock.pass_time(hours=5)
    await poller.round()
    assert (await wired.newest(job)).stuck_at is None
    assert (await wired.newest(job)).trouble


def test_a_job_is_looked_at_less_often_as_it_ages() -> None:
    ages = [timedelta(minutes=minutes) for minutes in (-60, 0, 1, 3, 12, 30, 600)]
    assert [poll_interval(age, 5.0) for age in ages] == [5, 5, 5, 15, 30, 60, 60]
    assert [poll_interval(age, 300.0) for age in ages] == [300] * 7, "never more often than was asked for"


def test_old_jobs_take_their_turns_together_and_new_ones_at_once() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    old = [OpenJob(f"old{n}", "vertex", JobState.RUNNING, now - timedelta(hours=n + 1)) for n in range(3)]
    young = OpenJob("young", "vertex", JobState.RUNNING, now)
    turns = PollSchedule(5.0)
    rounds = []
    for number in range(25):
        here = old if number < 3 else [*old, young]
        rounds.append([job.key for job in turns.due(here, now, timedelta(seconds=number * 5.2))])
    assert rounds[0] == ["old0", "old1", "old2"], "after a start, everything is looked at"
    assert all("young" in looked for looked in rounds[3:])
    olds = [number for number, looked in enumerate(rounds) if "old0" in looked]
    assert olds == [0, 12, 24]
    assert all({"old1", "old2"} <= set(rounds[number]) for number in olds)


async def test_the_scheduler_runs_rounds_by_itself(wired: House, poller: Poller) -> None:
    job = await wired.started("scheduled")
    wired.at_google(job).finish()
    poller.start()

    async def ended() -> bool:
        return (await wired.newest(job)).state.ended

    await until(ended)
    await poller.stop(1.0)


async def test_rounds_go_on_after_the_machines_clock_was_set_back(wired: House, poller: Poller) -> None:
    job = await wired.started("an hour ago")
    poller.start()
    # As the scheduler stands when the clock is set back by an hour: its next round is an hour away.
    poller._scheduler.modify_job("poll", next_run_time=datetime.now(UTC) + timedelta(hours=1))
    wired.at_google(job).finish()

    async def ended() -> bool:
        return (await wired.newest(job)).state.ended

    await until(ended)
    await poller.stop(1.0)


async def test_stop_waits_for_the_round_under_way_and_no_other_begins(wired: House, poller: Poller) -> None:
    job = await wired.started("slow look")
    wired.at_google(job).finish()
    wired.google.faults.delay(0.3, path="/tuningJobs/")
    poller.start()

    async def asked_google() -> bool:
        return bool(wired.google.requests.matching("/tuningJobs/"))

    await until(asked_google)
    await poller.stop(5.0)
    assert (await wired.newest(job)).state is JobState.SUCCEEDED
    asked = len(wired.google.requests)
    await asyncio.sleep(0.15)
    assert len(wired.google.requests) == asked


async def test_stop_cuts_a_round_short_that_hangs_and_says_nothing_of_errors(
    wired: House, poller: Poller, caplog: pytest.LogCaptureFixture
) -> None:
    job = await wired.started("hanging look")
    wired.google.faults.hang(path="/tuningJobs/", times=None)
    poller.start()

    async def asked_google() -> bool:
        return bool(wired.google.requests.matching("/tuningJobs/"))

    await until(asked_google)
    async with asyncio.timeout(1.0):
        await poller.stop(0.1)
    await asyncio.sleep(0.05)
    assert [record.message for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
    assert (await wired.newest(job)).trouble == ""


async def test_rounds_that_end_no_more_are_a_problem(wired: House) -> None:
    poller = polling(wired, 0.02, late_after=0.2)
    assert poller.problem() == ""
    await wired.started("hanging look")
    wired.google.faults.hang(path="/tuningJobs/", times=None)
    poller.start()
    await asyncio.sleep(0.4)
    assert "no round of polling has ended for" in poller.problem()
    await poller.stop(0)


async def test_a_database_that_refuses_ends_the_round_in_words(
    wired: House, poller: Poller, caplog: pytest.LogCaptureFixture
) -> None:
    await wired.started("unwritable")
    await wired.database.close()
    await poller.round()
    assert "the polling round was cut short: The database is closed." in caplog.text
    assert "Traceback" not in caplog.text


async def test_measures_tell_of_rounds_requests_overruns_and_open_jobs(wired: House) -> None:
    metrics = Metrics()
    poller = Poller(wired.tuning, wired.jobs, wired.clock, metrics, 0.001)
    measured = await wired.started("measured")
    waiting = await wired.accepted("waiting", "gemini")
    await wired.jobs.change(waiting.key, lambda job: Change(replace(job, state=JobState.QUEUED, operation="x")))
    await poller.round()
    text = metrics.text().decode()
    assert "tunebot_polling_round_seconds_count 1.0" in text
    assert "tunebot_polling_overruns_total 1.0" in text
    assert f'tunebot_open_jobs{{backend="vertex",state="{measured.state}"}} 1.0' in text
    assert 'tunebot_open_jobs{backend="gemini",state="queued"} 1.0' in text
