"""The life of a job over real stores and backends: what is paid for is neither lost nor started twice."""

from datetime import timedelta

import pytest

from bot.app import build_use_cases
from bot.domain.jobs import JobState
from bot.domain.place import Place
from bot.errors import BadArgument, NoSuchJob, Outdated
from bot.ports.notifier import NoticeKind
from bot.tuning.job_refresh import LOST_AFTER
from bot.tuning.job_service import ADOPTION_GRACE
from tests.support.harness import ADA, FILE, TEAM, Harness

BACKENDS = ("vertex", "gemini", "palm")


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_whose_answer_was_lost_is_adopted_by_its_key(harness: Harness, backend: str) -> None:
    harness.google.faults.lose_answer(path="/(tunedModels|tuningJobs)$", method="POST")
    job = await harness.accepted("lost answer", backend)
    await harness.tuning.submit(job)
    assert (await harness.newest(job)).state is JobState.SUBMITTING

    await harness.tuning.recover(await harness.newest(job))

    assert (await harness.newest(job)).state in (JobState.QUEUED, JobState.RUNNING)
    assert harness.creates() == 1


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_that_google_never_got_fails_only_after_the_grace_and_says_that_nothing_is_billed(
    harness: Harness, backend: str
) -> None:
    harness.google.faults.reset(path="/(tunedModels|tuningJobs)$", method="POST")
    job = await harness.accepted("never arrived", backend)
    await harness.tuning.submit(job)

    await harness.tuning.recover(job)
    harness.clock.advance(seconds=ADOPTION_GRACE.total_seconds() - 1)
    await harness.tuning.recover(job)
    assert (await harness.newest(job)).state is JobState.SUBMITTING

    harness.clock.advance(seconds=1)
    await harness.tuning.recover(job)
    failed = await harness.newest(job)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert "nothing is billed" in failed.failure.message
    assert harness.creates() == 1
    assert await harness.due() == [NoticeKind.CARD, NoticeKind.ENDED]


async def test_the_grace_counts_from_this_processs_first_look_however_old_the_row_is(harness: Harness) -> None:
    job = await harness.accepted("old row")
    harness.clock.advance(days=2)
    restarted = build_use_cases(harness.stores, harness.backends, {}, harness.clock, lambda: None)
    await restarted.jobs.recover(job)
    assert (await harness.newest(job)).state is JobState.SUBMITTING


async def test_a_start_under_way_is_not_recovered_beside_itself(harness: Harness) -> None:
    job = await harness.accepted("under way")
    harness.clock.advance(days=2)
    await harness.tuning.recover(job)
    harness.clock.advance(days=2)
    await harness.tuning.recover(job)
    assert (await harness.newest(job)).state is JobState.SUBMITTING
    assert harness.google.requests.matching("tuningJobs") == []


async def test_a_file_that_changed_after_the_check_is_not_trained_on(harness: Harness) -> None:
    job = await harness.accepted("changed file")
    harness.store(b'{"text_input": "other", "output": "rows"}\n' * 20)
    await harness.tuning.submit(job)
    failed = await harness.newest(job)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert "changed" in failed.failure.message
    assert harness.creates() == 0


async def test_a_file_that_is_gone_when_the_job_starts_fails_it_in_words(harness: Harness) -> None:
    job = await harness.accepted("gone file")
    harness.google.buckets.delete(*FILE.removeprefix("gs://").split("/", 1))
    await harness.tuning.submit(job)
    failed = await harness.newest(job)
    assert failed.failure is not None
    assert FILE in failed.failure.message
    assert harness.creates() == 0


async def test_one_proposal_starts_one_job(harness: Harness) -> None:
    job = await harness.accepted("once")
    assert await harness.tuning.accept(TEAM, job.key, ADA) is None


async def test_an_unknown_or_foreign_proposal_is_outdated(harness: Harness) -> None:
    job = await harness.accepted("ours")
    for team, key in ((TEAM, "tb-unknown"), ("T2", job.key)):
        with pytest.raises(Outdated, match="/tune"):
            await harness.tuning.accept(team, key, ADA)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_job_that_google_forgot_is_lost_only_after_a_while(harness: Harness, backend: str) -> None:
    job = await harness.started("forgotten", backend)
    harness.google.faults.fail(404, path="/v1", times=None)
    await harness.refresher.poll(backend, [job])
    assert not (await harness.newest(job)).state.ended
    harness.clock.advance(seconds=LOST_AFTER.total_seconds())
    await harness.refresher.poll(backend, [job])
    assert (await harness.newest(job)).state is JobState.LOST
    assert NoticeKind.ENDED in await harness.due()


async def test_a_late_look_changes_nothing_about_an_ended_job(harness: Harness) -> None:
    job = await harness.started("ended")
    harness.at_google(job).finish()
    await harness.refresher.poll("vertex", [job])
    before = await harness.newest(job)
    harness.at_google(job).set_state("JOB_STATE_RUNNING")
    await harness.refresher.poll("vertex", [job])
    assert await harness.newest(job) == before


async def test_refresh_brings_the_card_up_to_date_though_nothing_changed(harness: Harness) -> None:
    job = await harness.started("refreshed")
    for notice in await harness.outbox.due(harness.clock.now()):
        await harness.outbox.sent(notice)
    await harness.refresher.refresh(TEAM, job.key)
    assert await harness.due() == [NoticeKind.CARD]


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_start_that_was_cancelled_before_it_was_looked_up_is_cancelled(
    harness: Harness, backend: str
) -> None:
    harness.google.faults.lose_answer(path="/(tunedModels|tuningJobs)$", method="POST")
    job = await harness.accepted("cancelled early", backend)
    await harness.tuning.submit(job)
    harness.at_google(job).cancel()
    await harness.tuning.recover(job)
    assert (await harness.newest(job)).state is JobState.CANCELLED


async def test_a_repeated_click_does_not_keep_an_unconfirmed_start_from_being_looked_up(harness: Harness) -> None:
    harness.google.faults.lose_answer(path="/tuningJobs$", method="POST")
    job = await harness.accepted("clicked again")
    await harness.tuning.submit(job)
    assert await harness.tuning.accept(TEAM, job.key, ADA) is None
    await harness.tuning.recover(job)
    assert (await harness.newest(job)).operation


async def test_refresh_of_an_unconfirmed_start_looks_for_it(harness: Harness) -> None:
    harness.google.faults.lose_answer(path="/tuningJobs$", method="POST")
    job = await harness.accepted("unconfirmed")
    await harness.tuning.submit(job)
    assert (await harness.refresher.refresh(TEAM, job.key)).operation


async def test_what_cannot_be_cancelled_says_why(harness: Harness) -> None:
    fresh = await harness.accepted("fresh")
    with pytest.raises(Outdated, match="Google has not confirmed the start"):
        await harness.tuning.cancel(TEAM, fresh.key, ADA)
    done = await harness.tuned("done")
    with pytest.raises(Outdated, match="already succeeded"):
        await harness.tuning.cancel(TEAM, done.key, ADA)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_who_cancelled_is_kept(harness: Harness, backend: str) -> None:
    job = await harness.started("cancelled", backend)
    assert (await harness.tuning.cancel(TEAM, job.key, "U7")).cancelled_by == "U7"
    await harness.refresher.poll(backend, [job])
    ended = await harness.newest(job)
    assert (ended.state, ended.cancelled_by, ended.failure) == (JobState.CANCELLED, "U7", None)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_deleted_model_is_gone_from_google_lists_and_channels(harness: Harness, backend: str) -> None:
    job = await harness.tuned("deleted", backend)
    await harness.chat.use(job.place, job.name, ADA)
    await harness.tuning.delete(TEAM, job.key, ADA)
    assert await harness.chats.bound(job.place) is None
    assert await harness.jobs.jobs(TEAM) == []
    assert [model for model in await harness.backends[backend].models() if model.display_name == "deleted"] == []
    with pytest.raises(NoSuchJob):
        await harness.tuning.delete(TEAM, job.key, ADA)


async def test_another_workspace_sees_and_touches_nothing(harness: Harness) -> None:
    job = await harness.tuned("private")
    for attempt in (
        harness.tuning.get("T2", job.key),
        harness.tuning.named("T2", job.name),
        harness.refresher.refresh("T2", job.key),
        harness.tuning.cancel("T2", job.key, ADA),
        harness.tuning.delete("T2", job.key, ADA),
    ):
        with pytest.raises(NoSuchJob):
            await attempt
    with pytest.raises(NoSuchJob):
        await harness.chat.model_for(Place("T2", job.place.channel))


async def test_a_wrong_name_is_met_with_the_nearest_one(harness: Harness) -> None:
    with pytest.raises(NoSuchJob, match="Start with /tune"):
        await harness.tuning.named(TEAM, "anything")
    await harness.tuned("capitals")
    with pytest.raises(NoSuchJob, match=r"Did you mean capitals\?"):
        await harness.tuning.named(TEAM, "capitols")
    with pytest.raises(NoSuchJob, match="/tune list"):
        await harness.tuning.named(TEAM, "zebra")


async def test_a_name_is_free_again_once_its_job_failed(harness: Harness) -> None:
    harness.google.faults.fail(400, path="/tuningJobs$", method="POST")
    first = await harness.started("again")
    assert first.state is JobState.FAILED
    assert (await harness.started("again")).state is not JobState.FAILED
    with pytest.raises(BadArgument):
        await harness.accepted("again")


def test_a_lost_job_is_not_called_lost_sooner_than_a_start() -> None:
    assert timedelta() < ADOPTION_GRACE < LOST_AFTER
