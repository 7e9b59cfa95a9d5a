"""A cancellation that a person was told of is carried out, whatever happens between the click and Google."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.jobs import JobState, TuningJob
from bot.errors import Outdated
from bot.ports.job_store import Change
from bot.ports.notifier import NoticeKind
from bot.runtime.metrics import Metrics
from bot.tuning.cancellation import ASKED_AGAIN_AFTER
from bot.tuning.poller import Poller
from tests.bot.tuning.test_poller import many, polling
from tests.support.harness import ADA, ASKED_BY_ADA, TEAM, Harness, open_harness

BACKENDS = ("vertex", "gemini", "palm")
MINUTE = ASKED_AGAIN_AFTER.total_seconds()


def asked(harness: Harness) -> int:
    """How many cancellations were sent to Google."""
    return len(harness.google.requests.matching(":cancel$", "POST"))


async def audited(harness: Harness) -> list[tuple[str, str, str]]:
    """Who did what to which job, starts left out."""
    lines = "SELECT user, action, subject FROM audit WHERE action <> 'start' ORDER BY id"
    rows = await harness.database.run(lambda db: list(db.query(lines)))
    return [(row["user"], row["action"], row["subject"]) for row in rows]


def restarted(harness: Harness) -> Poller:
    """Another process's use cases and poller over the same database."""
    use_cases = harness.restarted()
    return Poller(use_cases.jobs.starts, use_cases.refresher, harness.jobs, harness.clock, Metrics(), 0.05)


async def marked(harness: Harness, job: TuningJob) -> None:
    """What a process leaves behind that died right after it wrote the row."""
    await harness.jobs.change(job.key, lambda row: Change(replace(row, cancelled_by=ADA)))


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_cancellation_that_never_left_is_sent_by_the_first_look_after_a_start(
    harness: Harness, backend: str
) -> None:
    job = await harness.started("died", backend)
    await marked(harness, job)
    poller = restarted(harness)
    await poller.round()
    assert harness.at_google(job).phase == "cancelled"
    await poller.round()
    ended = await harness.newest(job)
    assert (ended.state, ended.cancelled_by) == (JobState.CANCELLED, ADA)
    assert asked(harness) == 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("fault", ["lost answer", "503", "reset"])
async def test_an_answer_that_never_came_is_no_error_and_is_asked_for_again_a_minute_later(
    harness: Harness, backend: str, fault: str
) -> None:
    job = await harness.started("unheard", backend)
    faults = harness.google.faults
    match fault:
        case "lost answer":
            faults.lose_answer(path=":cancel$")
        case "503":
            faults.fail(503, path=":cancel$")
        case _:
            faults.reset(path=":cancel$")
    told = await harness.tuning.cancel(TEAM, job.key, ADA)
    assert told.cancelled_by == ADA
    assert told.problem.startswith("Google has not confirmed the cancellation: ")
    assert told.problem.endswith(" I ask again every minute.")
    assert "Try again" not in told.problem

    harness.clock.advance(seconds=MINUTE)
    for _ in range(2):
        await harness.refresher.poll(backend, [await harness.newest(job)])
    ended = await harness.newest(job)
    assert (ended.state, ended.cancelled_by, ended.problem) == (JobState.CANCELLED, ADA, "")
    assert harness.at_google(job).phase == "cancelled"
    assert await audited(harness) == [(ADA, "cancel", job.key)]


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "Ask an administrator"), (404, "Google "), (400, "Google "), (501, "Google ")],
)
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_refusal_stands_on_the_card_until_google_agrees(
    harness: Harness, backend: str, status: int, words: str
) -> None:
    job = await harness.started("refused", backend)
    harness.google.faults.fail(status, path=":cancel$", times=None)
    refused = await harness.tuning.cancel(TEAM, job.key, ADA)
    assert "has not confirmed the cancellation" in refused.problem
    assert words in refused.problem
    assert await harness.due() == [NoticeKind.CARD]

    # Steps come and go, and the words stay; nothing is written where nothing is new.
    for _ in range(2):
        harness.at_google(job).advance()
        await harness.refresher.poll(backend, [await harness.newest(job)])
        assert (await harness.newest(job)).problem == refused.problem
    before = await harness.database.run(lambda db: db.conn.total_changes)
    harness.clock.advance(seconds=MINUTE)
    await harness.refresher.poll(backend, [await harness.newest(job)])
    assert await harness.database.run(lambda db: db.conn.total_changes) == before
    assert asked(harness) == 2

    harness.google.faults.clear()
    harness.clock.advance(seconds=MINUTE)
    for _ in range(2):
        await harness.refresher.poll(backend, [await harness.newest(job)])
    ended = await harness.newest(job)
    assert (ended.state, ended.cancelled_by, ended.problem) == (JobState.CANCELLED, ADA, "")


async def test_words_of_a_refusal_go_once_google_agrees_though_it_takes_its_time(harness: Harness) -> None:
    job = await harness.started("slow to stop")
    harness.google.faults.fail(403, path=":cancel$")
    assert (await harness.tuning.cancel(TEAM, job.key, ADA)).problem
    harness.google.faults.garble("{}", status=200, path=":cancel$", times=None)
    harness.clock.advance(seconds=MINUTE)
    await harness.refresher.poll("vertex", [await harness.newest(job)])
    going_on = await harness.newest(job)
    assert (going_on.state.ended, going_on.problem) == (False, "")


async def test_trouble_with_looking_and_with_cancelling_do_not_wipe_each_other_out(harness: Harness) -> None:
    job = await harness.started("twice in trouble")
    harness.google.faults.fail(403, path=":cancel$", times=None)
    cancelling = (await harness.tuning.cancel(TEAM, job.key, ADA)).problem
    looking = harness.google.faults.fail(403, path=r"/tuningJobs/\d+$", times=None)
    poller = polling(harness)
    harness.clock.advance(seconds=MINUTE)
    await poller.round()
    assert (await harness.newest(job)).problem.startswith("The last check at Google failed: ")
    assert asked(harness) == 1, "what cannot be seen is not asked for"
    looking.times = 0
    await poller.round()
    assert (await harness.newest(job)).problem == cancelling


async def test_a_job_that_google_is_stopping_is_not_asked_for_again(harness: Harness) -> None:
    job = await harness.started("stopping")
    await marked(harness, job)
    harness.at_google(job).set_state("JOB_STATE_CANCELLING")
    await restarted(harness).round()
    assert asked(harness) == 0


async def test_google_is_asked_once_a_minute_and_not_more_often_however_often_somebody_looks(
    harness: Harness,
) -> None:
    job = await harness.started("unmoved")
    # Accepted, and nothing comes of it.
    harness.google.faults.garble("{}", status=200, path=":cancel$", times=None)
    await harness.tuning.cancel(TEAM, job.key, ADA)
    for seconds, times in ((1, 1), (MINUTE - 2, 1), (1, 2), (30, 2), (MINUTE, 3)):
        harness.clock.advance(seconds=seconds)
        for _ in range(3):
            await harness.refresher.refresh(TEAM, job.key)
        assert asked(harness) == times
    harness.clock.advance(hours=-5)
    await harness.refresher.refresh(TEAM, job.key)
    assert asked(harness) == 4, "a clock that was set back holds nothing up"


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_second_click_is_no_error_names_the_first_person_and_is_audited_once(
    harness: Harness, backend: str
) -> None:
    job = await harness.started("twice", backend)
    harness.google.faults.delay(0.1, path=":cancel$")
    first, second = await asyncio.gather(
        harness.tuning.cancel(TEAM, job.key, ADA), harness.tuning.cancel(TEAM, job.key, "U2")
    )
    again = await harness.tuning.cancel(TEAM, job.key, "U3")
    assert [told.cancelled_by for told in (first, second, again)] == [ADA] * 3
    assert [told.problem for told in (first, second, again)] == [""] * 3
    assert asked(harness) == 1
    assert await audited(harness) == [(ADA, "cancel", job.key)]
    await harness.refresher.poll(backend, [job])
    with pytest.raises(Outdated, match="already been cancelled"):
        await harness.tuning.cancel(TEAM, job.key, ADA)


async def test_a_job_that_has_ended_is_not_marked(harness: Harness) -> None:
    job = await harness.started("quick")
    harness.at_google(job).finish()
    await harness.refresher.poll("vertex", [job])
    with pytest.raises(Outdated, match="already succeeded"):
        await harness.tuning.cancel(TEAM, job.key, ADA)
    assert (await harness.newest(job)).cancelled_by == ""
    assert (asked(harness), await audited(harness)) == (0, [])


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
async def test_among_a_thousand_jobs_a_round_keeps_to_its_requests_and_all_are_asked_for_in_the_end(
    tmp_path: Path, backend: str
) -> None:
    async with open_harness(tmp_path) as harness:
        jobs = await many(harness, 1000, backend)
        for job in jobs[::100]:
            await marked(harness, job)
        # Accepted without an effect: a job that ends costs requests for its last losses, whatever the reason.
        harness.google.faults.garble("{}", status=200, path=":cancel$", times=None)
        poller, asked_for = restarted(harness), set()
        for _ in range(6):
            harness.google.requests.clear()
            await poller.round()
            assert len(harness.google.requests) <= 20
            assert asked(harness) <= 2
            asked_for |= {request.path for request in harness.google.requests.matching(":cancel$")}
        names = {path.removesuffix(":cancel").rpartition("/")[2] for path in asked_for}
        assert names == {job.operation.rpartition("/")[2] for job in jobs[::100]}


async def test_those_that_waited_longest_are_asked_for_first(harness: Harness) -> None:
    jobs = [await harness.started(f"job {number}") for number in range(10)]
    harness.google.faults.garble("{}", status=200, path=":cancel$", times=None)
    for job in jobs:
        await marked(harness, job)
    seen = []
    poller = restarted(harness)
    for _ in range(3):
        harness.google.requests.clear()
        await poller.round()
        seen.append(asked(harness))
        harness.clock.advance(seconds=1)
    assert seen == [8, 2, 0]
    harness.clock.advance(seconds=MINUTE)
    harness.google.requests.clear()
    await poller.round()
    again = {request.path.partition(":cancel")[0] for request in harness.google.requests.matching(":cancel$")}
    assert {job.operation.rpartition("/")[2] for job in jobs[:8]} == {path.rpartition("/")[2] for path in again}


async def test_a_cancellation_whose_answer_nobody_can_read_hides_no_other_jobs_news(harness: Harness) -> None:
    odd, other = await harness.started("odd"), await harness.started("other")
    await marked(harness, odd)
    harness.google.faults.garble('{"a":' * 100_000, status=200, path=":cancel$")
    harness.at_google(other).finish()
    await restarted(harness).round()
    assert (await harness.newest(other)).state is JobState.SUCCEEDED
    assert "could not be read" in (await harness.newest(odd)).problem


STEPS_OF_A_DELETION = {
    "vertex": [":undeployModel", "/endpoints/", "/models/"],
    "gemini": ["/tunedModels/"],
    "palm": ["/tunedModels/"],
}


@pytest.mark.parametrize("lost", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize(
    ("backend", "step"), [(name, step) for name, steps in STEPS_OF_A_DELETION.items() for step in steps]
)
async def test_a_deletion_that_is_cut_short_half_way_ends_well_the_second_time(
    harness: Harness, backend: str, step: str, lost: bool
) -> None:
    job = await harness.tuned("half gone", backend)
    await harness.chat.use(ASKED_BY_ADA, job.name)
    method = "POST" if step.startswith(":") else "DELETE"
    if lost:
        harness.google.faults.lose_answer(path=step, method=method)
    else:
        harness.google.faults.fail(503, path=step, method=method)
    with pytest.raises(Exception, match="Google"):
        await harness.tuning.delete(TEAM, job.key, ADA)
    assert (await harness.newest(job)).deleted_by == ""
    assert await audited(harness) == [(ADA, "use", job.endpoint)]

    await asyncio.gather(*(harness.tuning.delete(TEAM, job.key, ADA) for _ in range(2)))
    assert (await harness.newest(job)).deleted_by == ADA
    assert await harness.backends[backend].models() == []
    chosen = await harness.chat.chosen(job.place)
    assert chosen is not None
    assert chosen.deleted_by == ADA
    assert (await audited(harness))[1:] == [(ADA, "delete", job.key)]
