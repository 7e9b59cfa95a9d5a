"""An answer stands in Slack once, where it belongs, whatever Slack does on the way: over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from bot.app import SYSTEM_CLOCK
from bot.domain.chat import Answer, ModelAnswer
from bot.runtime.background_tasks import BackgroundTasks
from handlers.delivery.answer_posts import SlackAnswerPoster
from handlers.delivery.post_finder import ANSWER_EVENT
from tests.support.question_harness import MODEL, QuestionHarness
from tests.support.slack_harness import open_slack_harness
from tests.support.waiting import holds

LONG = "\n\n".join(f"part{number} " + "word " * 1_500 for number in range(4))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[QuestionHarness]:
    async with open_slack_harness(tmp_path) as at:
        made = QuestionHarness(at)
        yield made
        await made.tasks.drain(0.0)


async def test_question_and_answer_stand_in_the_channel_and_their_thread_goes_on(desk: QuestionHarness) -> None:
    await desk.answered(desk.question("command:1"))
    await desk.settled()
    (message,) = desk.at.messages("asked `counter`", "seven", "eight")
    assert message.thread_ts is None
    conversation = await desk.conversation(message.channel, message.ts)
    assert conversation is not None
    assert [turn.text for turn in conversation.turns] == ["seven", "eight"]


async def test_a_post_names_its_question_and_carries_nothing_of_what_was_said(desk: QuestionHarness) -> None:
    await desk.answered(desk.question("command:1"))
    await desk.settled()
    (message,) = desk.at.messages("eight")
    assert message.metadata == {
        "event_type": ANSWER_EVENT,
        "event_payload": {"question": "command:1", "piece": "0"},
    }


@pytest.mark.parametrize("threaded", [False, True])
async def test_an_answer_of_slacks_that_was_lost_is_no_reason_to_post_again(
    desk: QuestionHarness, threaded: bool
) -> None:
    said = desk.at.ada.post(desk.at.channel, "seven")
    desk.at.slack.faults.lose_answer("chat.postMessage")
    await desk.answered(desk.question("k", thread=said.ts if threaded else ""))
    await desk.settled()
    (message,) = desk.at.messages("eight")
    assert len(desk.at.calls("chat.postMessage")) == 1
    assert desk.at.calls("conversations.replies" if threaded else "conversations.history")
    assert await desk.conversation(message.channel, message.thread_ts or message.ts)


async def test_a_post_that_never_arrived_is_posted_once_that_is_certain(desk: QuestionHarness) -> None:
    desk.at.slack.faults.reset("chat.postMessage")
    await desk.answered(desk.question("k"))
    await desk.settled()
    assert len(desk.at.messages("eight")) == 1
    assert len(desk.at.calls("chat.postMessage")) == 2


async def test_a_pause_that_slack_asks_for_needs_no_looking_up(desk: QuestionHarness) -> None:
    desk.at.slack.faults.rate_limit("chat.postMessage", retry_after=1)
    await desk.answered(desk.question("k"))
    await desk.settled()
    assert len(desk.at.messages("eight")) == 1
    assert not desk.at.calls("conversations.history")


async def test_a_paid_answer_outlives_a_slack_that_is_away_for_long(desk: QuestionHarness) -> None:
    desk.at.slack.faults.outage()
    await desk.answered(desk.question("k"))
    await desk.at.until(lambda: len(desk.at.slack.workspace.calls) > 3)
    assert await desk.store.open_questions()
    desk.at.slack.faults.clear()
    await desk.settled()
    assert len(desk.at.messages("eight")) == 1


@pytest.mark.parametrize("error", ["invalid_auth", "missing_scope"])
async def test_an_app_that_is_shut_out_keeps_the_answer(desk: QuestionHarness, error: str) -> None:
    desk.at.slack.faults.fail("chat.postMessage", error=error)
    await desk.answered(desk.question("k"))
    await desk.at.until(lambda: desk.at.calls("chat.postMessage"))

    async def kept() -> bool:
        (left,) = await desk.store.open_questions()
        return left.answer is not None

    await holds(kept, 0.2, "the answer in the database")


async def test_another_process_finds_the_post_that_was_under_way(desk: QuestionHarness) -> None:
    desk.at.slack.faults.delay("chat.postMessage", seconds=0.15)
    await desk.answered(desk.question("k"))
    await desk.at.until(lambda: desk.at.calls("chat.postMessage"))
    await desk.tasks.drain(0.0)
    desk.tasks = BackgroundTasks()
    await desk.questions().resume()
    await desk.settled()
    (message,) = desk.at.messages("eight")
    await holds(lambda: desk.at.messages("eight") == [message], 0.3, "one post")
    assert await desk.conversation(message.channel, message.ts)


@pytest.mark.parametrize("arrived", [False, True])
@pytest.mark.parametrize("lost", [0, 1, 3])
async def test_every_piece_of_a_long_answer_stands_once_and_in_order(
    desk: QuestionHarness, lost: int, arrived: bool
) -> None:
    if lost:
        desk.at.slack.faults.delay("chat.postMessage", seconds=0.0, times=lost)
    faults = desk.at.slack.faults
    (faults.lose_answer if arrived else faults.reset)("chat.postMessage")
    await desk.answered(desk.question("k"), LONG)
    await desk.settled()
    first, *rest = desk.at.messages()
    assert len(rest) == 3
    assert {message.thread_ts for message in rest} == {first.ts}
    said = "".join(str(message.blocks) for message in (first, *rest))
    assert [said.count(f"part{number} ") for number in range(4)] == [1] * 4
    assert sorted(range(4), key=lambda number: said.index(f"part{number} ")) == [0, 1, 2, 3]


async def test_two_answers_that_are_lost_are_not_taken_for_each_other(desk: QuestionHarness) -> None:
    desk.at.slack.faults.lose_answer("chat.postMessage", times=2)
    await desk.answered(desk.question("one"), "first")
    await desk.answered(desk.question("two"), "second")
    await desk.settled()
    for text in ("first", "second"):
        (message,) = desk.at.messages(text)
        conversation = await desk.conversation(message.channel, message.ts)
        assert conversation is not None
        assert conversation.turns[1].text == text


# Where the bot may not speak


async def test_where_the_bot_may_not_post_the_answer_goes_to_who_asked_and_the_thread_goes_on_there(
    desk: QuestionHarness,
) -> None:
    outside = desk.at.slack.add_channel("elsewhere", desk.at.ada, with_bot=False)
    desk.at.slack.faults.delay("chat.postMessage", seconds=0)  # the channel refuses the first, the second is lost
    desk.at.slack.faults.lose_answer("chat.postMessage")
    await desk.answered(desk.question("k", outside))
    await desk.settled()
    (message,) = desk.at.messages("asked `counter`", "seven", "eight")
    direct = desk.at.slack.workspace.direct_message(desk.at.slack.app.bot_user_id, desk.at.ada.id)
    assert message.channel == direct.id
    assert await desk.conversation(direct.id, message.ts)


async def test_an_answer_for_a_thread_that_the_bot_was_put_out_of_shows_its_question(
    desk: QuestionHarness,
) -> None:
    outside = desk.at.slack.add_channel("elsewhere", desk.at.ada, with_bot=False)
    said = desk.at.ada.post(outside, "seven")
    await desk.answered(desk.question("k", outside, said.ts))
    await desk.settled()
    (message,) = desk.at.messages("asked `counter`", "seven", "eight")
    assert message.channel != outside.id


async def test_what_went_wrong_in_a_thread_that_the_bot_was_put_out_of_is_told_to_who_asked(
    desk: QuestionHarness,
) -> None:
    outside = desk.at.slack.add_channel("elsewhere", desk.at.ada, with_bot=False)
    said = desk.at.ada.post(outside, "seven")
    await desk.questions().accept(desk.question("k", outside, said.ts), desk.respond)
    await desk.settled()
    (message,) = desk.at.messages("TUNEBOT_BACKENDS")
    assert message.channel != outside.id


async def test_who_waits_in_the_channel_is_told_where_the_answer_went(desk: QuestionHarness) -> None:
    outside = desk.at.slack.add_channel("elsewhere", desk.at.ada, with_bot=False)
    asked = await desk.store.add(desk.question("k", outside))
    assert asked is not None
    to = SlackAnswerPoster(desk.idempotent_poster(), desk.at.poster, desk.at.client, SYSTEM_CLOCK, desk.respond)
    posted = await to.post(asked, ModelAnswer(MODEL, Answer("eight")), partial(desk.store.record_attempt, "k"))
    assert posted.thread.channel != outside.id
    assert desk.heard == ["I cannot post in this channel, so I sent you the answer directly."]


async def test_a_channel_that_is_not_found_for_a_moment_gets_its_answer(desk: QuestionHarness) -> None:
    desk.at.slack.faults.fail("chat.postMessage", times=3, error="channel_not_found")
    await desk.answered(desk.question("k"))
    await desk.settled()
    (message,) = desk.at.messages("eight")
    assert message.channel == desk.at.channel.id


async def test_a_channel_that_is_gone_for_minutes_lets_its_answer_go_to_the_person(desk: QuestionHarness) -> None:
    desk.at.slack.faults.fail(
        "chat.postMessage", times=None, error="channel_not_found", channel=desk.at.channel.id
    )
    await desk.answered(desk.question("k"))
    await desk.at.refused_twice()
    await desk.at.time_passes(minutes=2)
    await desk.settled()
    (message,) = desk.at.messages("asked `counter`", "seven", "eight")
    direct = desk.at.slack.workspace.direct_message(desk.at.slack.app.bot_user_id, desk.at.ada.id)
    assert message.channel == direct.id


@pytest.mark.parametrize("error", ["thread_not_found", "channel_not_found", "msg_too_long", "org_login_required"])
async def test_an_answer_that_slack_refuses_for_days_is_kept_and_posted_in_the_end(
    desk: QuestionHarness, error: str
) -> None:
    desk.at.slack.faults.fail("chat.postMessage", times=None, error=error)
    await desk.answered(desk.question("k"))
    await desk.at.until(lambda: len(desk.at.calls("chat.postMessage")) > 3)
    await desk.at.time_passes(days=3)
    (left,) = await desk.store.open_questions()
    assert left.answer is not None
    desk.at.slack.faults.clear()
    await desk.settled()
    assert len(desk.at.messages("eight")) == 1


async def test_a_long_answer_whose_blocks_slack_refuses_is_posted_whole_as_text(desk: QuestionHarness) -> None:
    desk.at.slack.faults.fail("chat.postMessage", error="invalid_blocks")
    await desk.answered(desk.question("k"), LONG)
    await desk.settled()
    first, *rest = desk.at.messages()
    assert not first.blocks
    assert len(first.text) > 7_000
    assert len(rest) == 3


# Without an answer


async def test_what_went_wrong_is_told_privately_to_who_typed_a_command(desk: QuestionHarness) -> None:
    await desk.questions().accept(desk.question("k"), desk.respond)
    await desk.settled()
    assert desk.heard[0] == "Asking counter…"
    assert "TUNEBOT_BACKENDS" in desk.heard[1]
    assert not desk.at.messages()


async def test_where_the_private_way_is_gone_it_is_whispered(desk: QuestionHarness) -> None:
    desk.deaf = True
    await desk.questions().accept(desk.question("k"), desk.respond)
    await desk.settled()
    (whispered,) = desk.at.messages("TUNEBOT_BACKENDS")
    assert whispered.visible_to == desk.at.ada.id


async def test_after_a_restart_it_is_whispered(desk: QuestionHarness) -> None:
    await desk.store.add(desk.question("k"))
    desk.at.slack.faults.fail("chat.postEphemeral", status=503)
    await desk.questions().resume()
    await desk.settled()
    (whispered,) = desk.at.messages("TUNEBOT_BACKENDS")
    assert whispered.visible_to == desk.at.ada.id


async def test_in_a_thread_it_is_told_once_also_when_slacks_answer_is_lost(desk: QuestionHarness) -> None:
    said = desk.at.ada.post(desk.at.channel, "seven")
    desk.at.slack.faults.lose_answer("chat.postMessage")
    await desk.questions().accept(desk.question("k", thread=said.ts), desk.respond)
    await desk.settled()
    (message,) = desk.at.messages("TUNEBOT_BACKENDS")
    assert message.thread_ts == said.ts


async def test_words_on_an_error_that_a_killed_process_had_posted_are_found_and_nothing_is_added(
    desk: QuestionHarness,
) -> None:
    said = desk.at.ada.post(desk.at.channel, "seven")
    desk.at.slack.faults.delay("chat.postMessage", seconds=0.15)
    await desk.questions().accept(desk.question("k", thread=said.ts), desk.respond)
    await desk.at.until(lambda: desk.at.calls("chat.postMessage"))
    await desk.tasks.drain(0.0)
    desk.tasks = BackgroundTasks()
    await desk.questions().resume()
    await desk.settled()
    await holds(lambda: len(desk.at.messages()) == 1, 0.3, "one post")


async def test_a_question_that_cannot_be_written_down_is_refused_in_words(desk: QuestionHarness) -> None:
    await desk.at.database.run(lambda connection: connection.execute("PRAGMA query_only = ON"))
    await desk.questions().accept(desk.question("k"), desk.respond)
    await desk.tasks.drain(1.0)
    assert "cannot be written" in desk.heard[0]


async def test_a_delivery_that_comes_again_is_left_alone(desk: QuestionHarness) -> None:
    questions = desk.questions()
    await asyncio.gather(*(questions.accept(desk.question("k"), desk.respond) for _ in range(3)))
    await desk.settled()
    await questions.accept(desk.question("k"), desk.respond)
    await desk.tasks.drain(1.0)
    assert len(desk.heard) == 2
