"""Which model answers where, what is sent along, and what is remembered."""

from dataclasses import replace

import pytest

from bot.domain.chat import Finish, ModelRef, Turn, TurnRole
from bot.domain.place import Place, Requester
from bot.errors import BadArgument, GoogleError, NoSuchJob, NotFoundAtGoogle
from tests.support.harness import ADA, ASKED_BY_ADA, PLACE, TEAM, Harness

THREAD = replace(PLACE, thread="1.1")


async def model_of(harness: Harness, name: str, backend: str = "vertex") -> ModelRef:
    job = await harness.tuned(name, backend)
    return ModelRef(backend, job.endpoint, job.name)


@pytest.mark.parametrize("backend", ["vertex", "gemini"])
async def test_a_thread_sends_its_earlier_turns(harness: Harness, backend: str) -> None:
    model = await model_of(harness, "history", backend)
    for question in ("1", "3"):
        await harness.keep(THREAD, question, await harness.chat.asking.ask(THREAD, question, model))
    reply = await harness.chat.asking.ask(THREAD, "8", model)
    sent = harness.google.requests.matching(r":(streamG|g)enerateContent$")[-1].body["contents"]
    assert [turn["parts"][0]["text"] for turn in sent] == ["1", "2", "3", "4", "8"]
    assert not reply.history_dropped


async def test_palm_gets_the_last_question_alone_and_the_reply_says_so(harness: Harness) -> None:
    model = await model_of(harness, "palm", "palm")
    first = await harness.chat.asking.ask(THREAD, "1", model)
    assert not first.history_dropped
    await harness.keep(THREAD, "1", first)
    second = await harness.chat.asking.ask(THREAD, "3", model)
    assert (second.answer.text, second.history_dropped) == ("4", True)


@pytest.mark.parametrize("backend", ["vertex", "gemini"])
async def test_a_thread_longer_than_the_model_takes_is_cut_at_its_beginning_and_the_reply_says_so(
    harness: Harness, backend: str
) -> None:
    model = await model_of(harness, "long", backend)
    harness.google.answers.say("2", times=None)
    tokens = harness.backends[backend].profile.input_tokens
    # Two questions of a little more than half of it: the older one does not fit beside the newer.
    for digit in ("1", "2"):
        question = digit * (tokens * 4 * 6 // 10)
        await harness.keep(THREAD, question, await harness.chat.asking.ask(Place(TEAM, "C1"), "1", model))
    reply = await harness.chat.asking.ask(THREAD, "8", model)
    sent = harness.google.requests.matching(r":(streamG|g)enerateContent$")[-1].body["contents"]
    assert [(turn["role"], turn["parts"][0]["text"][0]) for turn in sent] == [
        ("user", "2"),
        ("model", "2"),
        ("user", "8"),
    ]
    assert (reply.history_cut, reply.history_dropped) == (True, False)
    # The question itself counts.
    alone = await harness.chat.asking.ask(THREAD, "8 " * (tokens * 2 - 1), model)
    assert len(harness.google.requests.matching(r":(streamG|g)enerateContent$")[-1].body["contents"]) == 1
    assert alone.history_cut


async def test_another_model_in_a_thread_does_not_get_its_turns(harness: Harness) -> None:
    first, second = await model_of(harness, "first"), await model_of(harness, "second")
    await harness.keep(THREAD, "1", await harness.chat.asking.ask(THREAD, "1", first))
    await harness.chat.asking.ask(THREAD, "3", second)
    assert len(harness.google.requests.matching(r":(streamG|g)enerateContent$")[-1].body["contents"]) == 1


async def test_a_blocked_question_is_not_kept_as_history_but_the_thread_is(harness: Harness) -> None:
    model = await model_of(harness, "blocked")
    harness.google.answers.block()
    reply = await harness.chat.asking.ask(THREAD, "bad", model)
    assert reply.answer.finish is Finish.BLOCKED
    await harness.keep(THREAD, "bad", reply)
    assert await harness.chat.answers_in(Requester(ADA, THREAD))
    conversation = await harness.chats.conversation(THREAD)
    assert conversation is not None
    assert conversation.turns == ()


async def test_a_cut_answer_is_kept(harness: Harness) -> None:
    model = await model_of(harness, "cut")
    harness.google.answers.finish("MAX_TOKENS", "once upon")
    await harness.keep(THREAD, "story", await harness.chat.asking.ask(THREAD, "story", model))
    conversation = await harness.chats.conversation(THREAD)
    assert conversation is not None
    assert conversation.turns == (Turn(TurnRole.USER, "story"), Turn(TurnRole.MODEL, "once upon"))


async def test_an_empty_question_is_no_question(harness: Harness) -> None:
    with pytest.raises(BadArgument, match="no question"):
        await harness.chat.asking.ask(
            PLACE, "  \n", ModelRef("vertex", "projects/1/locations/us/endpoints/1", "x")
        )
    assert harness.google.requests.matching(r":(streamG|g)enerateContent$") == []


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


async def test_googles_refusal_of_a_question_comes_through(harness: Harness) -> None:
    model = await model_of(harness, "refusing")
    harness.google.faults.fail(404, "Endpoint is not found.", path=r":(streamG|g)enerateContent", times=2)
    with pytest.raises(GoogleError, match="Endpoint is not found"):
        await harness.chat.asking.ask(PLACE, "1", model)


async def test_a_model_that_google_does_not_find_is_named_with_all_that_is_known(harness: Harness) -> None:
    model = await model_of(harness, "refusing")

    async def refusal() -> GoogleError:
        with pytest.raises(GoogleError) as caught:
            await harness.chat.asking.ask(PLACE, "1", model)
        return caught.value

    path = r":(streamG|g)enerateContent"
    harness.google.faults.fail(404, "Endpoint is not found.", path=path, times=2)
    early = await refusal()
    assert early.message == "Google does not find the model “refusing”. Google says: Endpoint is not found."
    assert "It may have been deleted" in early.hint, "nobody knows why"

    harness.google.faults.fail(400, "Model gemini-3.1-flash-lite is no longer available.", path=path)
    said = await refusal()
    assert said.message == (
        "It seems that Google no longer serves “refusing”. Google says: Model gemini-3.1-flash-lite is no longer "
        "available."
    )
    assert said.hint == (
        "If it is so: Tune its file again on gemini-3.5-flash-lite: “Tune again” under its card opens the form."
    )

    harness.google.faults.fail(400, "The input is too long.", path=path)
    assert "too long" in (await refusal()).message

    harness.clock.advance(days=400)
    harness.google.faults.fail(404, "Endpoint is not found.", path=path, times=2)
    late = await refusal()
    assert isinstance(late, NotFoundAtGoogle), "its owner is told once, too"
    assert "and its base model gemini-3.5-flash may be retired: its date is 19 May 2027 or later" in late.message


async def test_a_model_of_a_system_that_is_no_longer_offered_says_so(harness: Harness) -> None:
    with pytest.raises(BadArgument, match="TUNEBOT_BACKENDS"):
        await harness.chat.asking.ask(PLACE, "1", ModelRef("bard", "x", "x"))
