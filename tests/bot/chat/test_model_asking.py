"""What is sent to a model with a question, what comes back, and what a thread keeps of it."""

from dataclasses import replace

import pytest

from bot.domain.chat import Finish, ModelRef, Turn, TurnRole
from bot.domain.place import Place, Requester
from bot.errors import BadArgument, GoogleError, NotFoundAtGoogle
from tests.support.harness import ADA, PLACE, TEAM, Harness

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
