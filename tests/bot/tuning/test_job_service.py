"""The life of a job over real stores and backends: what is paid for is neither lost nor started twice."""

from datetime import timedelta

import pytest

from bot.domain.jobs import JobState
from bot.domain.place import Place
from bot.errors import BadArgument, NoSuchJob, Outdated
from bot.ports.notifier import NoticeKind
from bot.tuning.job_service import ADOPTION_GRACE, LOST_AFTER
from tests.bot.house import ADA, FILE, TEAM, House

BACKENDS = ("vertex", "gemini", "palm")


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_whose_answer_was_lost_is_adopted_by_its_key(wired: House, backend: str) -> None:
    wired.google.faults.lose_answer(path="/(tunedModels|tuningJobs)$", method="POST")
    job = await wired.accepted("lost answer", backend)
    await wired.tuning.submit(job)
    assert (await wired.newest(job)).state is JobState.SUBMITTING

    await wired.tuning.recover(await wired.newest(job))

    assert (await wired.newest(job)).state in (JobState.QUEUED, JobState.RUNNING)
    assert wired.creates() == 1


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_that_google_never_got_fails_only_after_the_grace_and_says_that_nothing_is_billed(
    wired: House, backend: str
) -> None:
    wired.google.faults.reset(path="/(tunedModels|tuningJobs)$", method="POST")
    job = await wired.accepted("never arrived", backend)
    await wired.tuning.submit(job)

    await wired.tuning.recover(job)
    wired.clock.pass_time(seconds=ADOPTION_GRACE.total_seconds() - 1)
    await wired.tuning.recover(job)
    assert (await wired.newest(job)).state is JobState.SUBMITTING

    wired.clock.pass_time(seconds=1)
    await wired.tuning.recover(job)
    failed = await wired.newest(job)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert "nothing is billed" in failed.failure.message
    assert wired.creates() == 1
    assert await wired.due() == [NoticeKind.CARD, NoticeKind.ENDED]


async def test_the_grace_counts_from_this_processs_first_look_however_old_the_row_is(wired: House) -> None:
    job = await wired.accepted("old row")
    wired.tuning._submitting.clear()  # as after a restart: nobody is handing it over any more
    wired.clock.pass_time(days=2)
    await wired.tuning.recover(job)
    assert (await wired.newest(job)).state is JobState.SUBMITTING


async def test_a_start_under_way_is_not_recovered_beside_itself(wired: House) -> None:
    job = await wired.accepted("under way")
    wired.clock.pass_time(days=2)
    await wired.tuning.recover(job)
    wired.clock.pass_time(days=2)
    await wired.tuning.recover(job)
    assert (await wired.newest(job)).state is JobState.SUBMITTING
    assert wired.google.requests.matching("tuningJobs") == []


async def test_a_file_that_changed_after_the_check_is_not_trained_on(wired: House) -> None:
    job = await wired.accepted("changed file")
    wired.store(b'{"text_input": "other", "output": "rows"}\n' * 20)
    await wired.tuning.submit(job)
    failed = await wired.newest(job)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert "changed" in failed.failure.message
    assert wired.creates() == 0


async def test_a_file_that_is_gone_when_the_job_starts_fails_it_in_words(wired: House) -> None:
    job = await wired.accepted("gone file")
    wired.google.buckets.delete(*FILE.removeprefix("gs://").split("/", 1))
    await wired.tuning.submit(job)
    failed = await wired.newest(job)
    assert failed.failure is not None
    assert FILE in failed.failure.message
    assert wired.creates() == 0


async def test_one_proposal_starts_one_job(wired: House) -> None:
    job = await wired.accepted("once")
    assert await wired.tuning.accept(TEAM, job.key, ADA) is None


async def test_an_unknown_or_foreign_proposal_is_outdated(wired: House) -> None:
    job = await wired.accepted("ours")
    for team, key in ((TEAM, "tb-unknown"), ("T2", job.key)):
        with pytest.raises(Outdated, match="/tune"):
            await wired.tuning.accept(team, key, ADA)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_job_that_google_forgot_is_lost_only_after_a_while(wired: House, backend: str) -> None:
    job = await wired.started("forgotten", backend)
    wired.google.faults.fail(404, path="/v1", times=None)
    await wired.tuning.look(backend, [job])
    assert not (await wired.newest(job)).state.ended
    wired.clock.pass_time(seconds=LOST_AFTER.total_seconds())
    await wired.tuning.look(backend, [job])
    assert (await wired.newest(job)).state is JobState.LOST
    assert NoticeKind.ENDED in await wired.due()


async def test_a_late_look_changes_nothing_about_an_ended_job(wired: House) -> None:
    job = await wired.started("ended")
    wired.at_google(job).finish()
    await wired.tuning.look("vertex", [job])
    before = await wired.newest(job)
    wired.at_google(job).set_state("JOB_STATE_RUNNING")
    await wired.tuning.look("vertex", [job])
    assert await wired.newest(job) == before


async def test_refresh_brings_the_card_up_to_date_though_nothing_changed(wired: House) -> None:
    job = await wired.started("refreshed")
    for notice in await wired.outbox.due(wired.clock.now()):
        await wired.outbox.sent(notice)
    await wired.tuning.refresh(TEAM, job.key)
    assert await wired.due() == [NoticeKind.CARD]


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_that_was_cancelled_before_it_was_looked_up_is_cancelled(wired: House, backend: str) -> None:
    wired.google.faults.lose_answer(path="/(tunedModels|tuningJobs)$", method="POST")
    job = await wired.accepted("cancelled early", backend)
    await wired.tuning.submit(job)
    wired.at_google(job).cancel()
    await wired.tuning.recover(job)
    assert (await wired.newest(job)).state is JobState.CANCELLED


async def test_a_repeated_click_does_not_keep_an_unconfirmed_start_from_being_looked_up(wired: House) -> None:
    wired.google.faults.lose_answer(path="/tuningJobs$", method="POST")
    job = await wired.accepted("clicked again")
    await wired.tuning.submit(job)
    assert await wired.tuning.accept(TEAM, job.key, ADA) is None
    await wired.tuning.recover(job)
    assert (await wired.newest(job)).operation


async def test_refresh_of_an_unconfirmed_start_looks_for_it(wired: House) -> None:
    wired.google.faults.lose_answer(path="/tuningJobs$", method="POST")
    job = await wired.accepted("unconfirmed")
    await wired.tuning.submit(job)
    assert (await wired.tuning.refresh(TEAM, job.key)).operation


async def test_what_cannot_be_cancelled_says_why(wired: House) -> None:
    fresh = await wired.accepted("fresh")
    with pytest.raises(Outdated, match="just being handed to Google"):
        await wired.tuning.cancel(TEAM, fresh.key, ADA)
    done = await wired.tuned("done")
    with pytest.raises(Outdated, match="already succeeded"):
        await wired.tuning.cancel(TEAM, done.key, ADA)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_who_cancelled_is_kept(wired: House, backend: str) -> None:
    job = await wired.started("cancelled", backend)
    assert (await wired.tuning.cancel(TEAM, job.key, "U7")).cancelled_by == "U7"
    await wired.tuning.look(backend, [job])
    ended = await wired.newest(job)
    assert (ended.state, ended.cancelled_by, ended.failure) == (JobState.CANCELLED, "U7", None)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_deleted_model_is_gone_from_google_lists_and_channels(wired: House, backend: str) -> None:
    job = await wired.tuned("deleted", backend)
    await wired.chat.use(job.place, job.name, ADA)
    await wired.tuning.delete(TEAM, job.key, ADA)
    assert await wired.chats.bound(job.place) is None
    assert await wired.jobs.jobs(TEAM) == []
    assert [model for model in await wired.backends[backend].models() if model.display_name == "deleted"] == []
    with pytest.raises(NoSuchJob):
        await wired.tuning.delete(TEAM, job.key, ADA)


async def test_another_workspace_sees_and_touches_nothing(wired: House) -> None:
    job = await wired.tuned("private")
    for attempt in (
        wired.tuning.get("T2", job.key),
        wired.tuning.named("T2", job.name),
        wired.tuning.refresh("T2", job.key),
        wired.tuning.cancel("T2", job.key, ADA),
        wired.tuning.delete("T2", job.key, ADA),
    ):
        with pytest.raises(NoSuchJob):
            await attempt
    with pytest.raises(NoSuchJob):
        await wired.chat.model_for(Place("T2", job.place.channel))


async def test_a_wrong_name_is_met_with_the_nearest_one(wired: House) -> None:
    with pytest.raises(NoSuchJob, match="Start with /tune"):
        await wired.tuning.named(TEAM, "anything")
    await wired.tuned("capitals")
    with pytest.raises(NoSuchJob, match=r"Did you mean capitals\?"):
        await wired.tuning.named(TEAM, "capitols")
    with pytest.raises(NoSuchJob, match="/tune list"):
        await wired.tuning.named(TEAM, "zebra")


async def test_a_name_is_free_again_once_its_job_failed(wired: House) -> None:
    wired.google.faults.fail(400, path="/tuningJobs$", method="POST")
    first = await wired.started("again")
    assert first.state is JobState.FAILED
    assert (await wired.started("again")).state is not JobState.FAILED
    with pytest.raises(BadArgument):
        await wired.accepted("again")


def test_a_lost_job_is_not_called_lost_sooner_than_a_start() -> None:
    assert timedelta() < ADOPTION_GRACE < LOST_AFTER
