"""A cancellation that a person was told of is carried out, whatever happens between the click and Google."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.jobs import JobState, TuningJob
from bot.errors import Outdated
from bot.ports.notifier import NoticeKind
from bot.ports.stores import Change
from bot.runtime.metrics import Metrics
from bot.tuning.cancellation import ASKED_AGAIN_AFTER
from bot.tuning.job_service import JobService
from bot.tuning.poller import Poller
from tests.bot.house import ADA, TEAM, House, house
from tests.bot.tuning.test_poller import many, polling

BACKENDS = ("vertex", "gemini", "palm")
MINUTE = ASKED_AGAIN_AFTER.total_seconds()


def asked(wired: House) -> int:
    """How many cancellations were sent to Google."""
    return len(wired.google.requests.matching(":cancel$", "POST"))


async def audited(wired: House) -> list[tuple[str, str, str]]:
    """Who did what to which job, starts left out."""
    lines = "SELECT user, action, subject FROM audit WHERE action <> 'start' ORDER BY id"
    rows = await wired.database.run(lambda db: list(db.query(lines)))
    return [(row["user"], row["action"], row["subject"]) for row in rows]


def restarted(wired: House) -> Poller:
    """Another process's use cases and poller over the same database."""
    tuning = JobService(wired.backends, wired.jobs, wired.chats, {}, wired.clock, lambda: None)
    return Poller(tuning, wired.jobs, wired.clock, Metrics(), 0.05)


async def marked(wired: House, job: TuningJob) -> None:
    """What a process leaves behind that died right after it wrote the row."""
    await wired.jobs.change(job.key, lambda row: Change(replace(row, cancelled_by=ADA)))


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_cancellation_that_never_left_is_sent_by_the_first_look_after_a_start(
    wired: House, backend: str
) -> None:
    job = await wired.started("died", backend)
    await marked(wired, job)
    poller = restarted(wired)
    await poller.round()
    assert wired.at_google(job).phase == "cancelled"
    await poller.round()
    ended = await wired.newest(job)
    assert (ended.state, ended.cancelled_by) == (JobState.CANCELLED, ADA)
    assert asked(wired) == 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("fault", ["lost answer", "503", "reset"])
async def test_an_answer_that_never_came_is_no_error_and_is_asked_for_again_a_minute_later(
    wired: House, backend: str, fault: str
) -> None:
    job = await wired.started("unheard", backend)
    faults = wired.google.faults
    match fault:
        case "lost answer":
            faults.lose_answer(path=":cancel$")
        case "503":
            faults.fail(503, path=":cancel$")
        case _:
            faults.reset(path=":cancel$")
    told = await wired.tuning.cancel(TEAM, job.key, ADA)
    assert told.cancelled_by == ADA
    assert told.trouble.startswith("Google has not confirmed the cancellation: ")
    assert told.trouble.endswith(" I ask again every minute.")
    assert "Try again" not in told.trouble

    wired.clock.pass_time(seconds=MINUTE)
    for _ in range(2):
        await wired.tuning.look(backend, [await wired.newest(job)])
    ended = await wired.newest(job)
    assert (ended.state, ended.cancelled_by, ended.trouble) == (JobState.CANCELLED, ADA, "")
    assert wired.at_google(job).phase == "cancelled"
    assert await audited(wired) == [(ADA, "cancel", job.key)]


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "Ask an administrator"), (404, "Google "), (400, "Google "), (501, "Google ")],
)
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_refusal_stands_on_the_card_until_google_agrees(
    wired: House, backend: str, status: int, words: str
) -> None:
    job = await wired.started("refused", backend)
    wired.google.faults.fail(status, path=":cancel$", times=None)
    refused = await wired.tuning.cancel(TEAM, job.key, ADA)
    assert "has not confirmed the cancellation" in refused.trouble
    assert words in refused.trouble
    assert await wired.due() == [NoticeKind.CARD]

    # Steps come and go, and the words stay; nothing is written where nothing is new.
    for _ in range(2):
        wired.at_google(job).advance()
        await wired.tuning.look(backend, [await wired.newest(job)])
        assert (await wired.newest(job)).trouble == refused.trouble
    before = await wired.database.run(lambda db: db.conn.total_changes)
    wired.clock.pass_time(seconds=MINUTE)
    await wired.tuning.look(backend, [await wired.newest(job)])
    assert await wired.database.run(lambda db: db.conn.total_changes) == before
    assert asked(wired) == 2

    wired.google.faults.clear()
    wired.clock.pass_time(seconds=MINUTE)
    for _ in range(2):
        await wired.tuning.look(backend, [await wired.newest(job)])
    ended = await wired.newest(job)
    assert (ended.state, ended.cancelled_by, ended.trouble) == (JobState.CANCELLED, ADA, "")


async def test_words_of_a_refusal_go_once_google_agrees_though_it_takes_its_time(wired: House) -> None:
    job = await wired.started("slow to stop")
    wired.google.faults.fail(403, path=":cancel$")
    assert (await wired.tuning.cancel(TEAM, job.key, ADA)).trouble
    wired.google.faults.garble("{}", status=200, path=":cancel$", times=None)
    wired.clock.pass_time(seconds=MINUTE)
    await wired.tuning.look("vertex", [await wired.newest(job)])
    going_on = await wired.newest(job)
    assert (going_on.state.ended, going_on.trouble) == (False, "")


async def test_trouble_with_looking_and_with_cancelling_do_not_wipe_each_other_out(wired: House) -> None:
    job = await wired.started("twice in trouble")
    wired.google.faults.fail(403, path=":cancel$", times=None)
    cancelling = (await wired.tuning.cancel(TEAM, job.key, ADA)).trouble
    looking = wired.google.faults.fail(403, path=r"/tuningJobs/\d+$", times=None)
    poller = polling(wired)
    wired.tuning._cancels._asked.clear()
    await poller.round()
    assert (await wired.newest(job)).trouble.startswith("The last look failed: ")
    assert asked(wired) == 1, "what cannot be seen is not asked for"
    looking.times = 0
    await poller.round()
    assert (await wired.newest(job)).trouble == cancelling


async def test_a_job_that_google_is_stopping_is_not_asked_for_again(wired: House) -> None:
    job = await wired.started("stopping")
    await marked(wired, job)
    wired.at_google(job).set_state("JOB_STATE_CANCELLING")
    await restarted(wired).round()
    assert asked(wired) == 0


async def test_google_is_asked_once_a_minute_and_not_more_often_however_often_somebody_looks(wired: House) -> None:
    job = await wired.started("unmoved")
    # Accepted, and nothing comes of it.
    wired.google.faults.garble("{}", status=200, path=":cancel$", times=None)
    await wired.tuning.cancel(TEAM, job.key, ADA)
    for seconds, times in ((1, 1), (MINUTE - 2, 1), (1, 2), (30, 2), (MINUTE, 3)):
        wired.clock.pass_time(seconds=seconds)
        for _ in range(3):
            await wired.tuning.refresh(TEAM, job.key)
        assert asked(wired) == times
    wired.clock.pass_time(hours=-5)
    await wired.tuning.refresh(TEAM, job.key)
    assert asked(wired) == 4, "a clock that was set back holds nothing up"


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_second_click_is_no_error_names_the_first_person_and_is_audited_once(
    wired: House, backend: str
) -> None:
    job = await wired.started("twice", backend)
    wired.google.faults.delay(0.1, path=":cancel$")
    first, second = await asyncio.gather(
        wired.tuning.cancel(TEAM, job.key, ADA), wired.tuning.cancel(TEAM, job.key, "U2")
    )
    again = await wired.tuning.cancel(TEAM, job.key, "U3")
    assert [told.cancelled_by for told in (first, second, again)] == [ADA] * 3
    assert [told.trouble for told in (first, second, again)] == [""] * 3
    assert asked(wired) == 1
    assert await audited(wired) == [(ADA, "cancel", job.key)]
    await wired.tuning.look(backend, [job])
    with pytest.raises(Outdated, match="already been cancelled"):
        await wired.tuning.cancel(TEAM, job.key, ADA)


async def test_a_job_that_has_ended_is_not_marked(wired: House) -> None:
    job = await wired.started("quick")
    wired.at_google(job).finish()
    await wired.tuning.look("vertex", [job])
    with pytest.raises(Outdated, match="already succeeded"):
        await wired.tuning.cancel(TEAM, job.key, ADA)
    assert (await wired.newest(job)).cancelled_by == ""
    assert (asked(wired), await audited(wired)) == (0, [])


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
async def test_among_a_thousand_jobs_a_round_keeps_to_its_requests_and_all_are_asked_for_in_the_end(
    tmp_path: Path, backend: str
) -> None:
    async with house(tmp_path) as wired:
        jobs = await many(wired, 1000, backend)
        for job in jobs[::100]:
            await marked(wired, job)
        # Accepted, and nothing comes of it: a job that ends costs requests for its last losses, whyever it ends.
        wired.google.faults.garble("{}", status=200, path=":cancel$", times=None)
        poller, asked_for = restarted(wired), set()
        for _ in range(6):
            wired.google.requests.clear()
            await poller.round()
            assert len(wired.google.requests) <= 20
            assert asked(wired) <= 2
            asked_for |= {request.path for request in wired.google.requests.matching(":cancel$")}
        names = {path.removesuffix(":cancel").rpartition("/")[2] for path in asked_for}
        assert names == {job.operation.rpartition("/")[2] for job in jobs[::100]}


async def test_those_that_waited_longest_are_asked_for_first(wired: House) -> None:
    jobs = [await wired.started(f"job {number}") for number in range(10)]
    wired.google.faults.garble("{}", status=200, path=":cancel$", times=None)
    for job in jobs:
        await marked(wired, job)
    seen = []
    poller = restarted(wired)
    for _ in range(3):
        wired.google.requests.clear()
        await poller.round()
        seen.append(asked(wired))
        wired.clock.pass_time(seconds=1)
    assert seen == [8, 2, 0]
    wired.clock.pass_time(seconds=MINUTE)
    wired.google.requests.clear()
    await poller.round()
    again = {request.path.partition(":cancel")[0] for request in wired.google.requests.matching(":cancel$")}
    assert {job.operation.rpartition("/")[2] for job in jobs[:8]} == {path.rpartition("/")[2] for path in again}


async def test_a_cancellation_whose_answer_nobody_can_read_hides_no_other_jobs_news(wired: House) -> None:
    odd, other = await wired.started("odd"), await wired.started("other")
    await marked(wired, odd)
    wired.google.faults.garble('{"a":' * 100_000, status=200, path=":cancel$")
    wired.at_google(other).finish()
    await restarted(wired).round()
    assert (await wired.newest(other)).state is JobState.SUCCEEDED
    assert "could not be read" in (await wired.newest(odd)).trouble


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
    wired: House, backend: str, step: str, lost: bool
) -> None:
    job = await wired.tuned("half gone", backend)
    await wired.chat.use(job.place, job.name, ADA)
    method = "POST" if step.startswith(":") else "DELETE"
    if lost:
        wired.google.faults.lose_answer(path=step, method=method)
    else:
        wired.google.faults.fail(503, path=step, method=method)
    with pytest.raises(Exception, match="Google"):
        await wired.tuning.delete(TEAM, job.key, ADA)
    assert (await wired.newest(job)).deleted_by == ""
    assert await audited(wired) == [(ADA, "use", f"C1 {job.endpoint}")]

    await asyncio.gather(*(wired.tuning.delete(TEAM, job.key, ADA) for _ in range(2)))
    assert (await wired.newest(job)).deleted_by == ADA
    assert await wired.backends[backend].models() == []
    assert await wired.chats.bound(job.place) is None
    assert (await audited(wired))[1:] == [(ADA, "delete", job.key)]
