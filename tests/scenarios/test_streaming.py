"""An answer is shown while the model writes it, and ends as one whole answer whatever happens on the way."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio

from bot.sandbox.slack import Message, WebCall
from tests.support.bot_harness import BotHarness, shown_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", params=["socket", pytest.param("http", marks=pytest.mark.long)])
def way_in(request: pytest.FixtureRequest) -> str:
    """Over Socket Mode, and over HTTP."""
    return str(request.param)


STREAMED = ":streamGenerateContent"
Stop = Callable[[BotHarness, str], Awaitable[None]]


@pytest_asyncio.fixture(loop_scope="module")
async def model(bot: BotHarness) -> str:
    """The name of a model that answers in the channel."""
    bot.slack.workspace.users[bot.ada.id].is_admin = True
    if not any(job.display_name == "counter" for job in bot.google.jobs.all):
        await bot.tuned("counter")
    await bot.type("use counter")
    await bot.message("answers in this channel now")
    return "counter"


def mention(bot: BotHarness, words: str) -> str:
    """Ask in a thread; returns the thread."""
    return bot.ada.post(bot.channel, bot.ada.typed(f"@Tunebot {words}")).ts


def calls(bot: BotHarness, method: str) -> list[WebCall]:
    return [call for call in bot.slack.workspace.calls_of(method) if call.args.get("channel") == bot.channel.id]


async def one_answer(bot: BotHarness, thread: str, *words: str) -> Message:
    """The only message in the thread, once it is finished."""
    answer = await bot.message("Answered by `counter`", *words, thread=thread)
    assert bot.messages(thread=thread) == [answer]
    assert answer.streaming_until is None
    return answer


async def test_words_are_streamed_before_the_answer_is_whole(bot: BotHarness, model: str) -> None:
    bot.google.answers.say("one two three four five")
    pause = bot.google.faults.pause_stream(after=2)
    thread = mention(bot, "count")
    growing = await bot.message("one two", thread=thread)
    assert growing.streaming_until is not None
    assert bot.slack.workspace.agent_sessions[bot.channel.id, thread].status == "processing"
    assert "three" not in growing.text
    pause.go_on()
    answer = await one_answer(bot, thread, "one two three four five")
    assert answer.ts == growing.ts
    assert bot.slack.workspace.agent_sessions[bot.channel.id, thread].status == "active"
    (start,) = calls(bot, "chat.startStream")
    assert start.args["recipient_user_id"] == bot.ada.id
    edited = [call for call in calls(bot, "chat.update") if call.args["ts"] == answer.ts]
    assert not edited, "what was streamed is the finished answer"


async def test_a_command_shows_its_words_in_the_message_with_its_question(bot: BotHarness, model: str) -> None:
    bot.google.answers.say("one two three")
    pause = bot.google.faults.pause_stream(after=2)
    await bot.ada.slash_command(bot.channel, "/ask", "count")
    growing = await bot.message("asked `counter`", "one two", "is writing…")
    pause.go_on()
    await bot.shows(growing, "one two three")
    assert "is writing" not in shown_in(growing)
    assert not bot.messages("Asking")


def refuse_stream(bot: BotHarness) -> None:
    bot.slack.faults.fail("chat.startStream", error="channel_type_not_supported", channel=bot.channel.id)


def refuse_words(bot: BotHarness) -> None:
    bot.slack.faults.fail("chat.appendStream", error="msg_too_long", channel=bot.channel.id)


def end_stream(bot: BotHarness) -> None:
    error = "message_not_in_streaming_state"
    bot.slack.faults.fail("chat.appendStream", error=error, channel=bot.channel.id)


def lose_start(bot: BotHarness) -> None:
    bot.slack.faults.lose_answer("chat.startStream")


def lose_words(bot: BotHarness) -> None:
    bot.slack.faults.lose_answer("chat.appendStream")


def lose_end(bot: BotHarness) -> None:
    bot.slack.faults.lose_answer("chat.stopStream")


def limit_words(bot: BotHarness) -> None:
    bot.slack.faults.rate_limit("chat.appendStream", retry_after=1)


def limit_end(bot: BotHarness) -> None:
    bot.slack.faults.rate_limit("chat.stopStream", retry_after=1)


def refuse_edits(bot: BotHarness) -> None:
    refuse_stream(bot)
    bot.slack.faults.fail("chat.update", times=None, error="edit_window_closed", channel=bot.channel.id)


@pytest.mark.parametrize(
    "fault",
    [refuse_stream, refuse_words, end_stream, lose_words, lose_end, limit_words, limit_end],
)
async def test_whatever_slack_refuses_one_whole_answer_is_in_the_thread(
    bot: BotHarness, model: str, fault: Callable[[BotHarness], None]
) -> None:
    bot.google.answers.say("one two three four five")
    pause = bot.google.faults.pause_stream(after=2)
    fault(bot)
    thread = mention(bot, "count")
    await wait_until(lambda: pause.reached, "the first words")
    await bot.slack.workspace.wait_for(lambda: calls(bot, "chat.startStream") or None)
    pause.go_on()
    await one_answer(bot, thread, "one two three four five")
    assert len(bot.google.requests.matching(STREAMED)) >= 1


async def test_where_edits_fail_too_the_whole_answer_is_posted(bot: BotHarness, model: str) -> None:
    bot.google.answers.say("one two three four five")
    pause = bot.google.faults.pause_stream(after=2)
    refuse_edits(bot)
    thread = mention(bot, "count")
    await bot.message("one two", "is writing…", thread=thread)
    pause.go_on()
    await bot.message("one two three four five", "Answered by", thread=thread)


async def test_where_google_refuses_to_stream_the_whole_answer_is_asked_for(bot: BotHarness, model: str) -> None:
    bot.google.faults.fail(404, "Not found.", path=STREAMED)
    thread = mention(bot, "seven")
    await one_answer(bot, thread, "eight")


async def test_a_connection_that_breaks_keeps_what_came_and_says_so(bot: BotHarness, model: str) -> None:
    bot.google.answers.say("one two three four five")
    bot.google.faults.cut_stream(after=2)
    asked = len(bot.asked())
    thread = mention(bot, "count")
    answer = await one_answer(bot, thread, "one two", "the connection to Google broke")
    assert "three" not in answer.text
    assert len(bot.asked()) == asked + 1


async def test_a_link_that_comes_in_pieces_is_never_shown_under_other_words(bot: BotHarness, model: str) -> None:
    bot.google.answers.say("see [the bank ](https://evil.example) and <!channel> or @here now")
    pause = bot.google.faults.pause_stream(after=5)
    thread = mention(bot, "link")
    growing = await bot.message("see [the", thread=thread)
    assert all(reference.label != "the bank" for reference in growing.live)
    pause.go_on()
    answer = await one_answer(bot, thread, "https://evil.example")
    assert answer.pings == []
    assert all("the bank" not in str(reference.label) for reference in answer.live)
    assert all("](" not in str(revision.blocks) for revision in answer.revisions)


async def test_a_long_answer_is_streamed_and_goes_on_in_further_messages(bot: BotHarness, model: str) -> None:
    words = [f"word{number}" for number in range(3_000)]
    bot.google.answers.say(" ".join(words))
    thread = mention(bot, "everything")
    await bot.message("word2999", "Answered by", thread=thread)
    said = " ".join(shown_in(piece) for piece in bot.messages(thread=thread))
    assert [word for word in said.split() if word.startswith("word")] == words


# Stop, edits, deletions and Try again


async def native_stop(bot: BotHarness, thread: str) -> None:
    bot.ada.stop_agent(bot.channel, thread)


async def typed_stop(bot: BotHarness, thread: str) -> None:
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot stop"), thread_ts=thread)


@pytest.mark.parametrize("stop", [native_stop, typed_stop])
async def test_stop_ends_the_answer_and_the_paid_call(bot: BotHarness, model: str, stop: Stop) -> None:
    bot.google.answers.say("one two three four five")
    pause = bot.google.faults.pause_stream(after=2)
    asked = len(bot.asked())
    thread = mention(bot, "count")
    growing = await bot.message("one two", thread=thread)
    await bot.slack.workspace.wait_for(lambda: bot.slack.workspace.agent_sessions.get((bot.channel.id, thread)))
    await stop(bot, thread)
    await bot.shows(growing, "one two", "Stopped here", "Try again")
    assert "three" not in growing.text
    await wait_until(lambda: pause.left, "the end of the paid call")
    assert len(bot.asked()) == asked + 1
    session = bot.slack.workspace.agent_sessions[bot.channel.id, thread]
    await wait_until(lambda: session.status == "active", "the session to wait again")


async def test_a_question_of_a_command_is_stopped_by_a_command(bot: BotHarness, model: str) -> None:
    bot.google.answers.say("one two three four five")
    pause = bot.google.faults.pause_stream(after=2)
    await bot.ada.slash_command(bot.channel, "/ask", "count")
    growing = await bot.message("asked `counter`", "one two", "is writing…")
    await bot.type("stop")
    await bot.message("I stop the answer")
    await bot.shows(growing, "Stopped here")
    await wait_until(lambda: pause.left, "the end of the paid call")
    await bot.type("stop")
    await bot.message("No answer is being written here")


async def test_an_edit_of_an_unanswered_question_asks_the_new_text(bot: BotHarness, model: str) -> None:
    pause = bot.google.faults.pause_stream(after=1)
    said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    # Only then does the pause belong to this question, and not to the edited one.
    await wait_until(lambda: pause.reached and calls(bot, "chat.startStream"), "the stream")
    bot.ada.edit(said, bot.ada.typed("@Tunebot ninety nine"))
    await one_answer(bot, said.ts, "one hundred")
    assert [turn["parts"][0]["text"] for turn in bot.asked()[-1].body["contents"]] == ["ninety nine"]


async def test_an_edited_reply_is_read_as_a_reply_and_an_edited_mention_with_all_that_it_sets(
    bot: BotHarness, model: str
) -> None:
    root = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    await one_answer(bot, root.ts, "eight")
    pause = bot.google.faults.pause_stream(after=1)
    said = bot.ada.post(bot.channel, "ninety nine", thread_ts=root.ts)
    await wait_until(lambda: pause.reached, "the stream")
    bot.ada.edit(said, "list")
    await wait_until(lambda: pause.left, "the end of the call")
    await wait_until(lambda: bot.asked()[-1].body["contents"][-1]["parts"][0]["text"] == "list", "the new text")
    pause = bot.google.faults.pause_stream(after=1)
    said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot three"))
    await wait_until(lambda: pause.reached, "the stream")
    bot.ada.edit(said, bot.ada.typed("@Tunebot temperature=0.5 four"))
    await one_answer(bot, said.ts, "with temperature: 0.5")
    assert bot.asked()[-1].body["generationConfig"]["temperature"] == 0.5


async def test_an_edit_of_an_answered_question_stands_in_the_thread(bot: BotHarness, model: str) -> None:
    said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    await one_answer(bot, said.ts, "eight")
    asked = len(bot.asked())
    bot.ada.edit(said, bot.ada.typed("@Tunebot ninety nine"))
    await bot.slack.settle()
    assert len(bot.asked()) == asked, "nobody pays for an edit"
    bot.ada.post(bot.channel, "and then?", thread_ts=said.ts)
    await wait_until(lambda: len(bot.asked()) > asked and bot.asked()[-1].body, "the next question")
    assert [turn["parts"][0]["text"] for turn in bot.asked()[-1].body["contents"]] == [
        "ninety nine",
        "eight",
        "and then?",
    ]


async def test_a_question_that_is_deleted_is_not_answered_and_leaves_no_turns(bot: BotHarness, model: str) -> None:
    pause = bot.google.faults.pause_stream(after=1)
    said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    await wait_until(lambda: pause.reached, "the stream")
    bot.ada.delete(said)
    await wait_until(lambda: pause.left, "the end of the paid call")
    await wait_until(lambda: calls(bot, "chat.delete"), "the end of the message")
    second = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    await one_answer(bot, second.ts, "eight")
    third = bot.ada.post(bot.channel, "ninety nine", thread_ts=second.ts)
    await bot.message("one hundred", "Answered by", thread=second.ts)
    bot.ada.delete(third)
    await bot.slack.settle()
    bot.ada.post(bot.channel, "and then?", thread_ts=second.ts)
    asked = len(bot.asked())
    await wait_until(lambda: len(bot.asked()) > asked and bot.asked()[-1].body, "the next question")
    said_before = [turn["parts"][0]["text"] for turn in bot.asked()[-1].body["contents"]]
    assert said_before == ["seven", "eight", "and then?"]


async def test_a_thread_whose_first_message_was_deleted_goes_on_without_it(bot: BotHarness, model: str) -> None:
    root = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    await one_answer(bot, root.ts, "eight")
    asked = len(bot.asked())
    bot.ada.delete(root)
    await bot.slack.settle()
    assert len(bot.asked()) == asked, "Slack's note that it was deleted is not a question"
    bot.ada.post(bot.channel, "ninety nine", thread_ts=root.ts)
    await bot.message("one hundred", "Answered by", thread=root.ts)
    assert [turn["parts"][0]["text"] for turn in bot.asked()[-1].body["contents"]] == ["ninety nine"]


async def test_a_first_message_that_is_deleted_while_it_is_answered_ends_the_call(
    bot: BotHarness, model: str
) -> None:
    pause = bot.google.faults.pause_stream(after=1)
    root = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
    bob = bot.ada.post(bot.channel, "thanks", thread_ts=root.ts)
    await wait_until(lambda: pause.reached and calls(bot, "chat.startStream"), "the stream")
    bot.ada.delete(root)
    await wait_until(lambda: pause.left, "the end of the paid call")
    await wait_until(lambda: calls(bot, "chat.delete"), "the end of the message")
    await bot.slack.settle()
    said = [each.text for each in bot.slack.workspace.channels[bot.channel.id].messages if not each.deleted]
    assert said[-1] == bob.text


async def test_a_question_that_failed_is_asked_again_by_its_button_and_only_once(
    bot: BotHarness, model: str
) -> None:
    bot.google.faults.fail(400, "Not today.", path=STREAMED)
    thread = mention(bot, "seven")
    failed = await bot.message("Not today", "Try again", thread=thread)
    asked = len(bot.asked())
    await asyncio.gather(bot.ada.click(failed, "question_again"), bot.ada.click(failed, "question_again"))
    await bot.message("eight", "Answered by", thread=thread)
    await bot.message("asked again already")
    assert len(bot.asked()) == asked + 1
    await wait_until(lambda: "question_again" not in str(failed.blocks), "the end of the button")
    assert "Not today" in str(failed.blocks)


async def test_the_words_on_a_command_that_failed_leave_with_their_button(bot: BotHarness, model: str) -> None:
    bot.google.faults.fail(400, "Not this time.", path=STREAMED)
    await bot.ada.slash_command(bot.channel, "/ask", "seven")
    failed = await bot.message("Not this time", "Try again")
    assert failed.visible_to == bot.ada.id
    await bot.ada.click(failed, "question_again")
    await bot.message("asked `counter`", "eight")
    await bot.message("I ask the same question again.")
    assert not bot.messages("Not this time")


async def test_between_people_the_model_says_nothing(bot: BotHarness, model: str) -> None:
    thread = mention(bot, "seven")
    await one_answer(bot, thread, "eight")
    bob = bot.slack.person("bob")
    asked = len(bot.asked())
    for words in ("thanks Ada!", f"<@{bob.id}> look", "👍"):
        bot.ada.post(bot.channel, words, thread_ts=thread)
    bot.ada.post(bot.channel, bot.ada.typed("thanks @Tunebot!"), thread_ts=thread)
    await bot.message("Always happy to help. I sent this to no model; `/ask thanks!` does.", thread=thread)
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot quiet"), thread_ts=thread)
    await bot.message("I say nothing more in this thread", thread=thread)
    bot.ada.post(bot.channel, "what about 3?", thread_ts=thread)
    await bot.slack.settle()
    assert len(bot.asked()) == asked
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot ninety nine"), thread_ts=thread)
    await bot.message("one hundred", thread=thread)
    bot.ada.post(bot.channel, "and 3?", thread_ts=thread)
    await wait_until(lambda: len(bot.asked()) == asked + 2, "an answer without a mention")


async def test_a_thread_that_became_quiet_during_its_first_answer_stays_quiet(bot: BotHarness, model: str) -> None:
    pause = bot.google.faults.pause_stream(after=1)
    bot.google.answers.say("one two three")
    thread = mention(bot, "count")
    await wait_until(lambda: pause.reached, "the stream")
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot quiet"), thread_ts=thread)
    await bot.message("I say nothing more in this thread", thread=thread)
    bot.ada.post(bot.channel, "what about 3?", thread_ts=thread)
    await bot.slack.settle()
    pause.go_on()
    await bot.message("one two three", "Answered by", thread=thread)
    asked = len(bot.asked())
    bot.ada.post(bot.channel, "and 5?", thread_ts=thread)
    await bot.slack.settle()
    assert len(bot.asked()) == asked
    bot.google.answers.clear()
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot ninety nine"), thread_ts=thread)
    await bot.message("one hundred", thread=thread)
    assert len(bot.asked()) == asked + 1


@pytest.mark.parametrize("words", ["@Tunebot", "@Tunebot status counter"])
async def test_an_edit_that_leaves_no_question_withdraws_it(bot: BotHarness, model: str, words: str) -> None:
    pause = bot.google.faults.pause_stream(after=1)
    bot.google.answers.say("one two three")
    said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot count"))
    await bot.message("one", thread=said.ts)
    asked = len(bot.asked())
    bot.ada.edit(said, bot.ada.typed(words))
    await wait_until(lambda: pause.left, "the end of the paid call")
    await wait_until(lambda: not bot.messages(thread=said.ts), "the end of the message")
    assert len(bot.asked()) == asked


async def test_the_thread_of_a_deleted_model_is_no_conversation_any_more(bot: BotHarness) -> None:
    bot.slack.workspace.users[bot.ada.id].is_admin = True
    await bot.answering("short lived")
    thread = mention(bot, "seven")
    await bot.message("Answered by `short lived`", thread=thread)
    await bot.type_and_confirm('delete "short lived"')
    await bot.message("short lived", "was deleted by")
    asked = len(bot.asked())
    bot.ada.post(bot.channel, "and then?", thread_ts=thread)
    await bot.message("“short lived”, was deleted", thread=thread)
    told = len(bot.messages(thread=thread))
    bot.ada.post(bot.channel, "nobody there?", thread_ts=thread)
    await bot.slack.settle()
    assert len(bot.messages(thread=thread)) == told
    assert len(bot.asked()) == asked


async def test_a_name_of_several_words_needs_no_quotes_in_a_mention(bot: BotHarness, model: str) -> None:
    if not any(job.display_name == "two words" for job in bot.google.jobs.all):
        await bot.tuned("two words")
    asked = len(bot.asked())
    thread = mention(bot, "status two words")
    await bot.message("Tuning two words (", thread=thread)
    thread = mention(bot, "what can you do?")
    await bot.message("/tune list", thread=thread)
    assert len(bot.asked()) == asked
