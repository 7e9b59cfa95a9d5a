"""Questions to tuned models: by command, by mention, in threads, and answers that are odd in every way."""

import pytest
import pytest_asyncio

from tests.scenarios.conftest import World, shown_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def model(world: World) -> str:
    """The name of a model that is there for the whole module."""
    if not any(job.display_name == "counter" for job in world.google.jobs.all):
        await world.tuned("counter")
    return "counter"


async def ask(world: World, words: str) -> None:
    await world.ada.slash_command(world.channel, "/ask", words)


def spoken(call_body: dict[str, list[dict[str, object]]]) -> list[tuple[str, str]]:
    """The turns of a generateContent request."""
    return [
        (str(content["role"]), "".join(part["text"] for part in content["parts"]))  # type: ignore[attr-defined]
        for content in call_body["contents"]
    ]


async def test_ask_posts_question_and_answer_for_everyone(world: World, model: str) -> None:
    await ask(world, f"model={model} seven")
    answer = await world.message(f"<@{world.ada.id}> asked `counter`", "eight")
    assert answer.visible_to is None
    assert "> seven" in shown_in(answer)


async def test_ask_without_any_model_says_how_to_choose_one(world: World, model: str) -> None:
    await ask(world, "seven")
    told = await world.message("No model answers in this channel yet", "/tune use NAME")
    assert told.visible_to == world.ada.id


async def test_ask_without_a_question_says_so(world: World, model: str) -> None:
    await ask(world, "")
    await world.message("There is no question")
    await ask(world, f"model={model}")
    await world.message("There is no question", "/ask model=NAME your question")


async def test_the_newest_model_tuned_in_the_channel_answers_where_none_was_chosen(world: World) -> None:
    await world.tuned("own of the channel")
    await ask(world, "seven")
    await world.message("asked `own of the channel`", "eight")


async def test_a_thread_goes_on_with_the_earlier_turns(world: World, model: str) -> None:
    await ask(world, f"model={model} seven")
    answer = await world.message("eight")
    world.ada.post(world.channel, "ninety nine", thread_ts=answer.ts)
    await world.message("one hundred", thread=answer.ts)
    world.ada.post(world.channel, "and 1", thread_ts=answer.ts)
    await world.slack.workspace.wait_for(
        lambda: len(world.messages("Answered by", thread=answer.ts)) == 2 or None, 10
    )
    assert spoken(world.asked()[-1].body) == [
        ("user", "seven"),
        ("model", "eight"),
        ("user", "ninety nine"),
        ("model", "one hundred"),
        ("user", "and 1"),
    ]


async def test_a_mention_with_a_question_is_answered_in_its_thread(world: World, model: str) -> None:
    await world.type(f"use {model}")
    await world.message("answers in this channel now")
    said = world.ada.post(world.channel, world.ada.typed("@Tunebot seven"))
    await world.message("eight", "Answered by `counter`", thread=said.ts)
    world.ada.post(world.channel, "ninety nine", thread_ts=said.ts)
    await world.message("one hundred", thread=said.ts)
    assert spoken(world.asked()[-1].body)[0] == ("user", "seven")


async def test_a_mention_can_name_the_model(world: World, model: str) -> None:
    said = world.ada.post(world.channel, world.ada.typed(f"@Tunebot model={model} seven"))
    await world.message("eight", thread=said.ts)


async def test_a_mention_inside_a_models_thread_is_answered_once(world: World, model: str) -> None:
    await ask(world, f"model={model} seven")
    answer = await world.message("eight")
    world.ada.post(world.channel, world.ada.typed("@Tunebot ninety nine"), thread_ts=answer.ts)
    await world.message("one hundred", thread=answer.ts)
    await world.slack.settle()
    assert len(world.messages("one hundred", thread=answer.ts)) == 1


async def test_a_palm_model_is_asked_without_history_and_says_so(world: World) -> None:
    await world.tuned("palm counter", "backend=palm")
    await ask(world, 'model="palm counter" seven')
    answer = await world.message("asked `palm counter`", "eight")
    world.ada.post(world.channel, "ninety nine", thread_ts=answer.ts)
    second = await world.message("one hundred", thread=answer.ts)
    assert "takes no earlier messages" in second.text
    assert world.asked()[-1].body["prompt"] == {"text": "ninety nine"}


async def test_other_threads_and_plain_messages_are_not_answered(world: World, model: str) -> None:
    await world.type(f"use {model}")
    await world.message("answers in this channel now")
    before = len(world.asked())
    root = world.ada.post(world.channel, "seven")
    world.ada.post(world.channel, "ninety nine", thread_ts=root.ts)
    await world.slack.settle()
    assert len(world.asked()) == before


async def test_an_edited_or_deleted_message_in_a_thread_is_not_asked_again(world: World, model: str) -> None:
    await ask(world, f"model={model} seven")
    answer = await world.message("eight")
    reply = world.ada.post(world.channel, "ninety nine", thread_ts=answer.ts)
    await world.message("one hundred", thread=answer.ts)
    before = len(world.asked())
    world.ada.edit(reply, "ninety eight")
    world.ada.delete(reply)
    await world.slack.settle()
    assert len(world.asked()) == before


async def test_a_direct_message_is_a_question_to_the_chosen_model(world: World, model: str) -> None:
    direct = world.ada.open_dm()
    await world.ada.slash_command(direct, "/tune", f"use {model}")
    await world.message("answers in this channel now")
    said = world.ada.post(direct, "seven")
    await world.message("eight", thread=said.ts)


async def test_a_blocked_question_says_that_google_blocked_it_and_why(world: World, model: str) -> None:
    world.google.answers.block("SAFETY")
    await ask(world, f"model={model} something bad")
    await world.message("Google's filters held the answer back", "it may be unsafe", "SAFETY")


async def test_a_blocked_question_on_palm_says_so_too(world: World) -> None:
    await world.tuned("palm blocked", "backend=palm")
    world.google.answers.block("SAFETY")
    await ask(world, 'model="palm blocked" something bad')
    await world.message("asked `palm blocked`", "Google's filters held the answer back")


@pytest.mark.parametrize("reason", ["RECITATION", "SPII", "A_REASON_OF_TOMORROW"])
async def test_an_answer_withheld_for_any_reason_shows_googles_word(world: World, model: str, reason: str) -> None:
    world.google.answers.finish(reason)
    await ask(world, f"model={model} seven")
    await world.message(reason, "Try to put the question differently")


async def test_an_empty_answer_says_so(world: World, model: str) -> None:
    world.google.answers.leave_out()
    await ask(world, f"model={model} seven")
    await world.message("The model gave no answer")


async def test_a_cut_answer_is_shown_and_says_that_it_is_cut(world: World, model: str) -> None:
    world.google.answers.finish("MAX_TOKENS", "once upon a time there")
    await ask(world, f"model={model} tell a story")
    await world.message("once upon a time there", "The answer ends early", "MAX_TOKENS", "Ask it to go on")


async def test_a_very_long_answer_is_split_and_whole(world: World, model: str) -> None:
    words = [f"word{number}" for number in range(4_000)]
    world.google.answers.say(" ".join(words))
    await ask(world, f"model={model} everything")
    first = await world.message("asked `counter`", "word0 ")
    last = await world.message("word3999", thread=first.ts)
    pieces = [first, *world.messages(thread=first.ts)]
    assert len(pieces) >= 3
    said = " ".join(shown_in(piece) for piece in pieces)
    assert [word for word in said.split() if word.startswith("word")] == words
    assert all(len(piece.text) <= 4_000 for piece in pieces)
    assert last.ts == pieces[-1].ts


async def test_an_answer_pings_nobody(world: World, model: str) -> None:
    shout = f"<!channel> <@{world.ada.id}> @here <!subteam^S0123|@all> <https://evil.example|click>"
    world.google.answers.say(shout)
    world.google.answers.say(shout)
    await ask(world, f"model={model} shout")
    answer = await world.message("asked `counter`", "click")
    assert [reference.target for reference in answer.pings if reference.where != "text"] == [world.ada.id]
    assert {reference.target for reference in answer.pings} == {world.ada.id}, "only who asked is named"
    assert all(reference.label != "click" for reference in answer.live), "no link under other words"
    world.ada.post(world.channel, "shout again", thread_ts=answer.ts)
    second = await world.message("click", thread=answer.ts)
    assert second.pings == []


async def test_a_question_with_markup_pings_nobody_but_its_asker(world: World, model: str) -> None:
    bob = world.slack.person("bob")
    world.google.answers.say("ok")
    await ask(world, f"model={model} <!channel> ask <@{bob.id}> or <!here|here> & <b>")
    answer = await world.message("asked `counter`", "ok")
    assert {reference.target for reference in answer.pings} == {world.ada.id}
    assert "&lt;b&gt;" in answer.text


async def test_a_question_reaches_the_model_as_it_was_typed(world: World, model: str) -> None:
    await ask(world, f"model={model} is 1 &lt; 2 &amp; 3 &gt; 2?")
    await world.message("asked `counter`")
    assert spoken(world.asked()[-1].body)[-1] == ("user", "is 1 < 2 & 3 > 2?")


async def test_who_reads_a_thread_sees_that_the_bot_is_thinking(world: World, model: str) -> None:
    await ask(world, f"model={model} seven")
    answer = await world.message("eight")
    world.ada.post(world.channel, "ninety nine", thread_ts=answer.ts)
    await world.message("one hundred", thread=answer.ts)
    call = world.slack.workspace.calls_of("assistant.threads.setStatus")[-1]
    assert call.ok, call.response
    assert "counter" in call.args["status"]
