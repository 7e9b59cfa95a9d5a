"""Which models a person finds, and which one answers where."""

from dataclasses import replace

import pytest

from bot.domain.place import Place, Requester
from bot.errors import NoSuchJob
from tests.support.harness import ADA, ASKED_BY_ADA, PLACE, TEAM, Harness

THREAD = replace(PLACE, thread="1.1")


async def test_named_before_the_threads_before_the_channels_and_no_other(
    harness: Harness,
) -> None:
    with pytest.raises(NoSuchJob, match="/tune use NAME"):
        await harness.chat.model_for(ASKED_BY_ADA)
    for name in ("named", "threads", "channels", "newest"):
        harness.clock.advance(seconds=1)
        await harness.tuned(name)
    with pytest.raises(NoSuchJob, match="No model was chosen for this channel"):
        await harness.chat.model_for(Requester(ADA, THREAD))
    await harness.chat.use(ASKED_BY_ADA, "channels")
    assert (await harness.chat.model_for(Requester(ADA, THREAD))).name == "channels"
    threads = await harness.chat.find(ASKED_BY_ADA, "threads")
    await harness.keep(THREAD, "1", await harness.chat.asking.ask(THREAD, "1", threads))
    assert (await harness.chat.model_for(Requester(ADA, THREAD))).name == "threads"
    assert (await harness.chat.model_for(ASKED_BY_ADA)).name == "channels"
    assert (await harness.chat.model_for(Requester(ADA, THREAD), "named")).name == "named"


async def test_a_model_of_another_channel_is_not_taken_without_being_chosen(harness: Harness) -> None:
    await harness.tuned("elsewhere")
    with pytest.raises(NoSuchJob):
        await harness.chat.model_for(Requester(ADA, Place(TEAM, "C2")))


async def test_a_model_made_elsewhere_is_found_by_what_google_calls_it(harness: Harness) -> None:
    job = await harness.tuned("Made Elsewhere", "gemini")
    await harness.forget_jobs()
    for name in ("made elsewhere", job.tuned_model, job.endpoint):
        found = await harness.chat.find(ASKED_BY_ADA, name)
        assert (found.endpoint, found.backend) == (job.endpoint, "gemini")


async def test_a_model_made_elsewhere_that_is_not_ready_cannot_answer(harness: Harness) -> None:
    await harness.started("being made", "gemini")
    await harness.forget_jobs()
    with pytest.raises(NoSuchJob, match="“being made” cannot answer: Google says CREATING"):
        await harness.chat.find(ASKED_BY_ADA, "being made")


async def test_an_unfinished_job_cannot_answer_and_says_what_it_is(harness: Harness) -> None:
    await harness.started("unfinished")
    state = r"(waiting in Google's queue|running)"
    with pytest.raises(NoSuchJob, match=f"“unfinished” is not ready yet: its tuning is {state}"):
        await harness.chat.find(ASKED_BY_ADA, "unfinished")


async def test_a_wrong_name_is_met_with_the_nearest_one(harness: Harness) -> None:
    await harness.tuned("capitals")
    with pytest.raises(NoSuchJob, match=r"Did you mean capitals\?"):
        await harness.chat.find(ASKED_BY_ADA, "capitols")
    with pytest.raises(NoSuchJob, match="/tune models"):
        await harness.chat.find(ASKED_BY_ADA, "qqq")


async def test_one_systems_trouble_does_not_hide_the_others_models(harness: Harness) -> None:
    await harness.tuned("seen")
    harness.google.faults.fail(403, "Denied.", path="/v1beta/tunedModels", times=None)
    listed = await harness.chat.models(ASKED_BY_ADA)
    assert [model.display_name for model in listed.models] == ["seen"]
    assert len(listed.problems) == 1
    assert listed.problems[0].startswith("Gemini API: ")


async def test_the_newest_model_of_any_backend_comes_first(harness: Harness) -> None:
    for name, backend in (("first", "vertex"), ("second", "palm"), ("third", "vertex"), ("fourth", "gemini")):
        await harness.tuned(name, backend)
    listed = (await harness.chat.models(ASKED_BY_ADA)).models
    assert [model.display_name for model in listed] == ["fourth", "third", "second", "first"]
