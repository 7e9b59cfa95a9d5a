"""A model is found by each of its names, and nobody is told of one that they do not see."""

import pytest

from bot.errors import NoSuchJob
from tests.support.harness import ASKED_BY_ADA, Harness


async def test_a_model_made_elsewhere_is_found_by_what_google_calls_it(harness: Harness) -> None:
    job = await harness.tuned("Made Elsewhere", "gemini")
    await harness.forget_jobs()
    for name in ("made elsewhere", job.tuned_model, job.endpoint):
        found = await harness.chat.named.find(ASKED_BY_ADA, name)
        assert (found.endpoint, found.backend) == (job.endpoint, "gemini")


async def test_a_model_made_elsewhere_that_is_not_ready_cannot_answer(harness: Harness) -> None:
    await harness.started("being made", "gemini")
    await harness.forget_jobs()
    with pytest.raises(NoSuchJob, match="“being made” cannot answer: Google says CREATING"):
        await harness.chat.named.find(ASKED_BY_ADA, "being made")


async def test_an_unfinished_job_cannot_answer_and_says_what_it_is(harness: Harness) -> None:
    await harness.started("unfinished")
    state = r"(waiting in Google's queue|running)"
    with pytest.raises(NoSuchJob, match=f"“unfinished” is not ready yet: its tuning is {state}"):
        await harness.chat.named.find(ASKED_BY_ADA, "unfinished")


async def test_for_a_wrong_name_the_nearest_one_is_suggested(harness: Harness) -> None:
    await harness.tuned("capitals")
    with pytest.raises(NoSuchJob, match=r"Did you mean capitals\?"):
        await harness.chat.named.find(ASKED_BY_ADA, "capitols")
    with pytest.raises(NoSuchJob, match="/tune models"):
        await harness.chat.named.find(ASKED_BY_ADA, "qqq")


async def test_an_error_of_one_system_does_not_hide_the_models_of_the_others(harness: Harness) -> None:
    await harness.tuned("seen")
    harness.google.faults.fail(403, "Denied.", path="/v1beta/tunedModels", times=None)
    listed = await harness.chat.named.listed(ASKED_BY_ADA)
    assert [model.display_name for model in listed.models] == ["seen"]
    assert len(listed.problems) == 1
    assert listed.problems[0].startswith("Gemini API: ")


async def test_the_newest_model_of_any_backend_comes_first(harness: Harness) -> None:
    for name, backend in (("first", "vertex"), ("second", "palm"), ("third", "vertex"), ("fourth", "gemini")):
        await harness.tuned(name, backend)
    listed = (await harness.chat.named.listed(ASKED_BY_ADA)).models
    assert [model.display_name for model in listed] == ["fourth", "third", "second", "first"]
