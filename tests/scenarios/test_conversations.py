"""Questions to tuned models: by command, by mention, in threads, and answers that are odd in every way."""

import asyncio

import pytest
import pytest_asyncio

from bot.sandbox.slack import Message
from tests.support.bot_harness import BotHarness, shown_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", params=["socket", pytest.param("http", marks=pytest.mark.long)])
def way_in(request: pytest.FixtureRequest) -> str:
    """Over Socket Mode, and over HTTP."""
    return str(request.param)


@pytest_asyncio.fixture(loop_scope="module")
async def model(bot: BotHarness) -> str:
    """The name of a model that is there for the whole module; an administrator may choose it for any channel."""
    bot.slack.workspace.users[bot.ada.id].is_admin = True
    if not any(job.display_name == "counter" for job in bot.google.jobs.all):
        await bot.tuned("counter")
    return "counter"


async def ask(bot: BotHarness, words: str) -> None:
    await bot.ada.slash_command(bot.channel, "/ask", words)


def spoken(call_body: dict[str, list[dict[str, object]]]) -> list[tuple[str, str]]:
    """The turns of a generateContent request."""
    return [
        (str(content["role"]), "".join(part["text"] for part in content["parts"]))  # type: ignore[attr-defined]
        for content in call_body["contents"]
    ]


async def test_ask_posts_question_and_answer_for_everyone(bot: BotHarness, model: str) -> None:
    await ask(bot, f"model={model} seven")
    answer = await bot.message(f"<@{bot.ada.id}> asked `counter`", "eight")
    assert answer.visible_to is None
    assert "> seven" in shown_in(answer)


async def test_a_private_answer_is_seen_by_who_asked_until_it_is_shared_once(bot: BotHarness, model: str) -> None:
    await ask(bot, f"private=yes model={model} seven")
    answer = await bot.message("asked `counter`", "eight", "Only you see this answer")
    assert answer.visible_to == bot.ada.id
    assert [each for each in bot.messages("eight") if each.visible_to is None] == []
    asked = len(bot.asked())
    await asyncio.gather(bot.ada.click(answer, "answer_share"), bot.ada.click(answer, "answer_share"))
    await bot.message("I post this answer in")
    await bot.message("it was shared already")
    await wait_until(lambda: shared(bot), "the shared answer")
    (message,) = shared(bot)
    assert "> seven" in shown_in(message)
    assert "answer_share" not in str(answer.blocks), "the button is gone"
    assert len(bot.asked()) == asked
    bot.ada.post(bot.channel, "ninety nine", thread_ts=message.ts)
    await bot.message("one hundred", thread=message.ts)
    assert shared(bot) == [message]

    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot private=yes seven"))
    await bot.message("`private=yes` is for /ask")


async def test_replies_that_come_at_once_with_the_mention_are_answered_in_their_order(
    bot: BotHarness, model: str
) -> None:
    before = len(bot.asked())
    mention = bot.ada.post(bot.channel, bot.ada.typed(f"@Tunebot model={model} seven"))
    for words in ("eight", "nine"):
        bot.ada.post(bot.channel, words, thread_ts=mention.ts)
    await wait_until(lambda: len(bot.asked()) == before + 3, "three questions at Google")
    asked = [[text for role, text in spoken(call.body) if role == "user"] for call in bot.asked()[before:]]
    assert asked == [["seven"], ["seven", "eight"], ["seven", "eight", "nine"]]


def shared(bot: BotHarness) -> list[Message]:
    """The answers that everybody sees."""
    return [each for each in bot.messages("asked `counter`", "eight") if each.visible_to is None]


async def test_a_comparison_hides_the_models_until_one_votes(bot: BotHarness, model: str) -> None:
    await ask(bot, f"compare model={model} seven")
    answer = await bot.message("compared `counter` and its base model", "eight")
    assert answer.visible_to is None
    tuned, base = (call.path for call in sorted(bot.asked()[-2:], key=lambda call: "publishers" in call.path))
    assert "/endpoints/" in tuned
    assert "/locations/us/publishers/google/models/gemini-" in base, "a base 3.x answers in no single region"
    blocks = [block for block in answer.blocks if block["type"] in ("section", "markdown")]
    assert [block["text"]["text"] for block in blocks[1::2]] == ["*A*", "*B*"]
    letter = "ab"[[block["text"] for block in blocks[2::2]].index("eight")]
    other = "ba"["ab".index(letter)]

    await bot.ada.click(answer, f"comparison_{other}")
    await bot.message(f"for {other.upper()} is stored", f"{letter.upper()} is *counter*", "base model *gemini-")
    await bot.type(f"status {model}")
    await bot.message("Compared with its base model", "0 votes for this model, 1 against, 0 for neither")
    await bot.ada.click(answer, f"comparison_{letter}")
    await bot.message(f"for {letter.upper()} is stored")
    grace = bot.slack.person("grace")
    bot.channel.members.add(grace.id)
    await grace.click(answer, "comparison_same")
    await bot.slack.workspace.wait_for(
        lambda: next((each for each in bot.slack.workspace.messages() if each.visible_to == grace.id), None)
    )
    await bot.type(f"status {model}")
    await bot.message("1 vote for this model, 0 against, 1 for neither")

    bot.ada.post(bot.channel, "ninety nine", thread_ts=answer.ts)
    await bot.message("one hundred", "Answered by `counter`", thread=answer.ts)


async def test_text_in_any_script_and_size_reaches_the_model_and_other_bots_do_not(
    bot: BotHarness, model: str
) -> None:
    written = "שלום 👩‍💻 مرحبا 🇩🇪"
    question = bot.ada.post(bot.channel, bot.ada.typed(f"@Tunebot model={model} {written}"))
    await bot.message("Answered by", thread=question.ts)
    assert spoken(bot.asked()[-1].body) == [("user", written)]

    asked = len(bot.asked())
    robot = bot.slack.other_bot("robot")
    bot.channel.members.add(robot.id)
    robot.post(bot.channel, "one more?", thread_ts=question.ts)
    robot.post(bot.channel, bot.ada.typed(f"@Tunebot model={model} one more?"))
    paste = "long " * 5_000 + "end"
    bot.ada.post(bot.channel, paste, thread_ts=question.ts)
    await wait_until(lambda: len(bot.messages("Answered by", thread=question.ts)) == 2, "the second answer")
    assert [role_and_text[1] for role_and_text in spoken(bot.asked()[-1].body)][::2] == [written, paste]
    assert len(bot.asked()) == asked + 1, "what another bot says is not a question"


async def test_ask_without_any_model_says_how_to_choose_one(bot: BotHarness, model: str) -> None:
    await ask(bot, "seven")
    notice = await bot.message("No model was chosen for this channel yet", "/tune use NAME")
    assert notice.visible_to == bot.ada.id


async def test_ask_without_a_question_says_so(bot: BotHarness, model: str) -> None:
    await ask(bot, "")
    await bot.message("There is no question")
    await ask(bot, f"model={model}")
    await bot.message("There is no question", "/ask model=NAME your question")


async def test_the_newest_model_of_the_channel_does_not_answer_where_none_was_chosen(bot: BotHarness) -> None:
    await bot.tuned("own of the channel")
    await ask(bot, "seven")
    await bot.message("No model was chosen for this channel yet", "/tune use NAME")
    assert bot.messages("asked `own of the channel`") == []


async def test_a_thread_goes_on_with_the_earlier_turns(bot: BotHarness, model: str) -> None:
    await ask(bot, f"model={model} seven")
    answer = await bot.message("eight")
    bot.ada.post(bot.channel, "ninety nine", thread_ts=answer.ts)
    await bot.message("one hundred", thread=answer.ts)
    bot.ada.post(bot.channel, "and 1", thread_ts=answer.ts)
    await bot.slack.workspace.wait_for(lambda: len(bot.messages("Answered by", thread=answer.ts)) == 2 or None)
    assert spoken(bot.asked()[-1].body) == [
        ("user", "seven"),
        ("model", "eight"),
        ("user", "ninety nine"),
        ("model", "one hundred"),
        ("user", "and 1"),
    ]


async def test_a_mention_with_a_question_is_answered_in_its_thread(bot: BotHarness, model: str) -> None:
    await bot.type(f"use {model}")
    await bot.message("answers in this channel now")
    said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    await bot.message("eight", "Answered by `counter`", thread=said.ts)
    bot.ada.post(bot.channel, "ninety nine", thread_ts=said.ts)
    await bot.message("one hundred", thread=said.ts)
    assert spoken(bot.asked()[-1].body)[0] == ("user", "seven")


async def test_who_asks_with_a_file_is_told_that_the_model_does_not_get_it(bot: BotHarness, model: str) -> None:
    file = bot.ada.upload(bot.channel, "numbers.jsonl", b"{}")
    words = bot.ada.typed(f"@Tunebot model={model} what is in this file, seven?")
    said = bot.ada.post(bot.channel, words, [file])
    await bot.message("Answered by `counter`", thread=said.ts)
    await bot.message("it does not get your file", thread=said.ts)
    await bot.slack.settle()
    assert len(bot.messages("it does not get your file", thread=said.ts)) == 1


async def test_a_mention_can_name_the_model(bot: BotHarness, model: str) -> None:
    said = bot.ada.post(bot.channel, bot.ada.typed(f"@Tunebot model={model} seven"))
    await bot.message("eight", thread=said.ts)


async def test_a_mention_inside_a_models_thread_is_answered_once(bot: BotHarness, model: str) -> None:
    await ask(bot, f"model={model} seven")
    answer = await bot.message("eight")
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot ninety nine"), thread_ts=answer.ts)
    await bot.message("one hundred", thread=answer.ts)
    await bot.slack.settle()
    assert len(bot.messages("one hundred", thread=answer.ts)) == 1


async def test_a_palm_model_is_asked_without_history_and_says_so(bot: BotHarness) -> None:
    await bot.tuned("palm counter", "backend=palm")
    await ask(bot, 'model="palm counter" seven')
    answer = await bot.message("asked `palm counter`", "eight")
    bot.ada.post(bot.channel, "ninety nine", thread_ts=answer.ts)
    await bot.message("one hundred", "takes no earlier messages", thread=answer.ts)
    assert bot.asked()[-1].body["prompt"] == {"text": "ninety nine"}


async def test_other_threads_and_plain_messages_are_not_answered(bot: BotHarness, model: str) -> None:
    await bot.type(f"use {model}")
    await bot.message("answers in this channel now")
    before = len(bot.asked())
    root = bot.ada.post(bot.channel, "seven")
    bot.ada.post(bot.channel, "ninety nine", thread_ts=root.ts)
    await bot.slack.settle()
    assert len(bot.asked()) == before


async def test_an_edited_or_deleted_message_in_a_thread_is_not_asked_again(bot: BotHarness, model: str) -> None:
    await ask(bot, f"model={model} seven")
    answer = await bot.message("eight")
    reply = bot.ada.post(bot.channel, "ninety nine", thread_ts=answer.ts)
    await bot.message("one hundred", thread=answer.ts)
    before = len(bot.asked())
    bot.ada.edit(reply, "ninety eight")
    bot.ada.delete(reply)
    await bot.slack.settle()
    assert len(bot.asked()) == before


async def test_a_direct_message_is_a_question_to_the_chosen_model(bot: BotHarness, model: str) -> None:
    direct = bot.ada.open_dm()
    await bot.ada.slash_command(direct, "/tune", f"use {model}")
    await bot.message("answers in these direct messages now")
    bot.ada.post(direct, "seven")
    answer = await bot.message("eight", "Answered by")
    assert (answer.channel, answer.thread_ts) == (direct.id, None)


async def test_a_blocked_question_says_that_google_blocked_it_and_why(bot: BotHarness, model: str) -> None:
    bot.google.answers.block("SAFETY")
    await ask(bot, f"model={model} something bad")
    await bot.message("Google's filters held the answer back", "it may be unsafe", "SAFETY")


async def test_a_blocked_question_on_palm_says_so_too(bot: BotHarness) -> None:
    await bot.tuned("palm blocked", "backend=palm")
    bot.google.answers.block("SAFETY")
    await ask(bot, 'model="palm blocked" something bad')
    await bot.message("asked `palm blocked`", "Google's filters held the answer back")


@pytest.mark.parametrize("reason", ["RECITATION", "SPII", "A_REASON_OF_TOMORROW"])
async def test_an_answer_withheld_for_any_reason_shows_googles_word(
    bot: BotHarness, model: str, reason: str
) -> None:
    bot.google.answers.finish(reason)
    await ask(bot, f"model={model} seven")
    await bot.message(reason, "Try to put the question differently")


async def test_an_empty_answer_says_so(bot: BotHarness, model: str) -> None:
    bot.google.answers.leave_out()
    await ask(bot, f"model={model} seven")
    await bot.message("The model gave no answer")


async def test_a_cut_answer_is_shown_and_says_that_it_is_cut(bot: BotHarness, model: str) -> None:
    bot.google.answers.finish("MAX_TOKENS", "once upon a time there")
    await ask(bot, f"model={model} tell a story")
    await bot.message("once upon a time there", "The answer ends early", "MAX_TOKENS", "Ask it to go on")


async def test_a_very_long_answer_is_split_and_whole(bot: BotHarness, model: str) -> None:
    words = [f"word{number}" for number in range(4_000)]
    bot.google.answers.say(" ".join(words))
    await ask(bot, f"model={model} everything")
    first = await bot.message("asked `counter`", "word0 ")
    last = await bot.message("word3999", thread=first.ts)
    pieces = [first, *bot.messages(thread=first.ts)]
    assert len(pieces) >= 3
    said = " ".join(shown_in(piece) for piece in pieces)
    assert [word for word in said.split() if word.startswith("word")] == words
    assert all(len(piece.text) <= 4_000 for piece in pieces)
    assert last.ts == pieces[-1].ts


async def test_an_answer_pings_nobody(bot: BotHarness, model: str) -> None:
    shout = f"<!channel> <@{bot.ada.id}> @here <!subteam^S0123|@all> <https://evil.example|click>"
    bot.google.answers.say(shout)
    bot.google.answers.say(shout)
    await ask(bot, f"model={model} shout")
    answer = await bot.message("asked `counter`", "click")
    assert [reference.target for reference in answer.pings if reference.where != "text"] == [bot.ada.id]
    assert {reference.target for reference in answer.pings} == {bot.ada.id}, "only who asked is named"
    assert all(reference.label != "click" for reference in answer.live), "no link under other words"
    bot.ada.post(bot.channel, "shout again", thread_ts=answer.ts)
    second = await bot.message("click", thread=answer.ts)
    assert second.pings == []


async def test_a_question_with_markup_pings_nobody_but_its_asker(bot: BotHarness, model: str) -> None:
    bob = bot.slack.person("bob")
    bot.google.answers.say("ok")
    await ask(bot, f"model={model} <!channel> ask <@{bob.id}> or <!here|here> & <b>")
    answer = await bot.message("asked `counter`", "ok")
    assert {reference.target for reference in answer.pings} == {bot.ada.id}
    assert "&lt;b&gt;" in answer.text


async def test_a_question_reaches_the_model_as_it_was_typed(bot: BotHarness, model: str) -> None:
    await ask(bot, f"model={model} is 1 &lt; 2 &amp; 3 &gt; 2?")
    await bot.message("asked `counter`")
    assert spoken(bot.asked()[-1].body)[-1] == ("user", "is 1 < 2 & 3 > 2?")


async def test_who_reads_a_thread_sees_that_the_bot_is_thinking(bot: BotHarness, model: str) -> None:
    await ask(bot, f"model={model} seven")
    answer = await bot.message("eight")
    bot.ada.post(bot.channel, "ninety nine", thread_ts=answer.ts)
    await bot.message("one hundred", thread=answer.ts)
    call = bot.slack.workspace.calls_of("agents.sessions.setStatus")[-1]
    assert call.ok, call.response
    assert call.args["status"] == "processing"
    session = bot.slack.workspace.agent_sessions[bot.channel.id, answer.ts]
    await wait_until(lambda: session.status == "active", "the session to wait again")


async def test_a_person_has_what_they_asked_erased_after_a_question(bot: BotHarness) -> None:
    await bot.answering(f"forgotten-{bot.channel.id}")
    await bot.ada.slash_command(bot.channel, "/ask", f"the secret of {bot.channel.id}")
    await bot.message(f"the secret of {bot.channel.id}")
    await bot.type("forget")
    question = await bot.message("Erase what I keep of your words?", "cannot be undone")
    await bot.ada.click(question, "forget_person")
    await bot.message("it is erased: 2 messages of conversations")
