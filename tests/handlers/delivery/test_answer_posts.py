"""An answer is posted in Slack once, in the right place, however Slack fails: over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bot.chat.answer_worker import StoredLive
from bot.domain.chat import Answer, ModelAnswer, Question
from bot.domain.place import Place, Requester
from bot.errors import Outdated, StorageError
from bot.ports.questions import OpenQuestion
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.clocks import SYSTEM_CLOCK
from handlers.blocks.chat.answer import build_asked_answer
from handlers.blocks.message import Message
from handlers.delivery import answer_posts
from handlers.delivery.answer_posts import SlackAnswerPoster
from handlers.delivery.live_pace import LiveAnswers
from handlers.delivery.post_finder import ANSWER_EVENT
from storage.questions import SqliteQuestions
from tests.support.question_harness import MODEL, QuestionHarness
from tests.support.slack_harness import open_slack_harness
from tests.support.waiting import holds, wait_until

LONG = "\n\n".join(f"part{number} " + "word " * 1_500 for number in range(4))


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[QuestionHarness]:
    async with open_slack_harness(tmp_path) as at:
        made = QuestionHarness(at)
        yield made
        await made.tasks.drain(0.0)


async def test_question_and_answer_stand_in_the_channel_and_their_thread_goes_on(harness: QuestionHarness) -> None:
    await harness.answered(harness.question("command:1"))
    await harness.settled()
    (message,) = harness.at.messages("asked `counter`", "seven", "eight")
    assert message.thread_ts is None
    conversation = await harness.conversation(message.channel, message.ts)
    assert conversation is not None
    assert [turn.text for turn in conversation.turns] == ["seven", "eight"]


async def test_a_post_names_its_question_and_carries_nothing_of_what_was_said(harness: QuestionHarness) -> None:
    await harness.answered(harness.question("command:1"))
    await harness.settled()
    (message,) = harness.at.messages("eight")
    assert message.metadata == {
        "event_type": ANSWER_EVENT,
        "event_payload": {"question": "command:1", "piece": "0", "last": True},
    }


@pytest.mark.parametrize("is_answered", [True, False])
async def test_nothing_stays_in_the_channel_where_the_message_that_asks_was_deleted(
    harness: QuestionHarness, is_answered: bool
) -> None:
    """Slack posts what is meant for its thread in the channel then, without a word."""
    said = harness.at.ada.post(harness.at.channel, "seven")
    harness.at.ada.delete(said)
    question = harness.question(f"message:{said.channel}:{said.ts}", thread=said.ts)
    if is_answered:
        await harness.answered(question)
    else:
        await harness.questions().accept(question, harness.respond)  # there is no such model
    await harness.settled()
    assert len(harness.at.calls("chat.postMessage")) == len(harness.at.calls("chat.delete")) == 1
    assert [each for each in harness.at.messages() if not each.deleted] == []
    assert await harness.conversation(harness.at.channel.id, said.ts) is None


@pytest.mark.parametrize("is_answered", [True, False])
async def test_what_a_thread_that_is_gone_cannot_take_goes_to_the_person_at_once(
    harness: QuestionHarness, is_answered: bool
) -> None:
    """Each further try would show the answer in the channel for a moment."""
    said = harness.at.ada.post(harness.at.channel, "six")
    harness.at.ada.delete(said)
    question = harness.question(f"message:{said.channel}:9.000001", thread=said.ts)
    if is_answered:
        await harness.answered(question)
    else:
        await harness.questions().accept(question, harness.respond)  # there is no such model
    await harness.settled()
    posts = harness.at.calls("chat.postMessage")
    in_channel = [each for each in posts if each.args["channel"] == said.channel]
    assert len(in_channel) == len(harness.at.calls("chat.delete")) == 1
    assert len(posts) == (2 if is_answered else 1)


@pytest.mark.parametrize("threaded", [False, True])
async def test_an_answer_of_slacks_that_was_lost_is_no_reason_to_post_again(
    harness: QuestionHarness, threaded: bool
) -> None:
    said = harness.at.ada.post(harness.at.channel, "seven")
    harness.at.slack.faults.lose_answer("chat.postMessage")
    await harness.answered(harness.question("k", thread=said.ts if threaded else ""))
    await harness.settled()
    (message,) = harness.at.messages("eight")
    assert len(harness.at.calls("chat.postMessage")) == 1
    assert harness.at.calls("conversations.replies" if threaded else "conversations.history")
    assert await harness.conversation(message.channel, message.thread_ts or message.ts)


async def test_a_post_that_never_arrived_is_posted_once_that_is_certain(harness: QuestionHarness) -> None:
    harness.at.slack.faults.reset("chat.postMessage")
    await harness.answered(harness.question("k"))
    await harness.settled()
    assert len(harness.at.messages("eight")) == 1
    assert len(harness.at.calls("chat.postMessage")) == 2


async def test_a_pause_that_slack_asks_for_needs_no_looking_up(harness: QuestionHarness) -> None:
    harness.at.slack.faults.rate_limit("chat.postMessage", retry_after=1)
    await harness.answered(harness.question("k"))
    await harness.settled()
    assert len(harness.at.messages("eight")) == 1
    # One look, because the question is older than the process.
    assert len(harness.at.calls("conversations.history")) == 1


async def test_a_paid_answer_outlives_a_slack_that_is_away_for_long(harness: QuestionHarness) -> None:
    harness.at.slack.faults.outage()
    await harness.answered(harness.question("k"))
    await harness.at.until(lambda: len(harness.at.slack.workspace.calls) > 3)
    assert await harness.store.open_questions()
    harness.at.slack.faults.clear()
    await harness.settled()
    assert len(harness.at.messages("eight")) == 1


@pytest.mark.parametrize("error", ["invalid_auth", "missing_scope"])
async def test_an_app_that_is_shut_out_keeps_the_answer(harness: QuestionHarness, error: str) -> None:
    harness.at.slack.faults.fail("chat.postMessage", error=error)
    await harness.answered(harness.question("k"))
    await harness.at.until(lambda: harness.at.calls("chat.postMessage"))

    async def kept() -> bool:
        (left,) = await harness.store.open_questions()
        return left.answer is not None

    await holds(kept, 0.2, "the answer in the database")


class LockedQuestions(SqliteQuestions):
    """Takes no question, as while another program has locked the database."""

    async def add(self, question: Question) -> OpenQuestion | None:
        raise StorageError("The database is locked by another program.")


async def test_a_stop_tells_the_person_that_a_question_in_memory_is_lost(harness: QuestionHarness) -> None:
    questions = harness.questions(LockedQuestions(harness.at.database, SYSTEM_CLOCK))
    assert not await questions.accept(harness.question("k"), harness.respond)
    await wait_until(lambda: harness.responses, "a response")
    await harness.tasks.drain(0.0)
    held, lost = harness.responses
    assert "I hold your question in memory" in held
    assert "If no answer comes within 15 minutes, ask it again." in held
    assert "I am being stopped and cannot keep your question: ask it again." in lost


async def restored(harness: QuestionHarness, number: int) -> None:
    """Put the question back as it was after so many messages, or before its answer if negative; go on with it."""
    place = harness.question("k").place
    assert await harness.store.add(harness.question("of before")) is not None
    await harness.at.database.write(lambda db: db.execute("UPDATE questions SET key = 'k'"))
    if number >= 0:
        await harness.store.store_answer("k", ModelAnswer(MODEL, Answer(LONG)))
    if number:
        (first,) = harness.at.messages("part0")
        await harness.store.posted("k", Place(place.team, place.channel, first.ts))
    await harness.questions().resume()
    await harness.settled()


@pytest.mark.parametrize("number", [-1, 0, 1])
async def test_a_restored_backup_posts_no_message_again(harness: QuestionHarness, number: int) -> None:
    await harness.answered(harness.question("k"), LONG)
    await harness.settled()
    before = [message.ts for message in harness.at.messages()]
    assert len(before) > 1
    await restored(harness, number)
    assert [message.ts for message in harness.at.messages()] == before


async def test_a_restored_backup_says_where_the_rest_of_an_answer_is_missing(
    harness: QuestionHarness,
) -> None:
    await harness.answered(harness.question("k"), LONG)
    await harness.settled()
    for message in harness.at.messages()[1:]:  # The earlier process ended after the first message.
        await harness.at.client.chat_delete(channel=message.channel, ts=message.ts)
    await restored(harness, -1)
    assert len(harness.at.messages("part0")) == 1
    assert len(harness.at.calls("chat.postEphemeral")) == 1


async def test_another_process_finds_the_post_that_was_under_way(harness: QuestionHarness) -> None:
    harness.at.slack.faults.delay("chat.postMessage", seconds=0.15)
    await harness.answered(harness.question("k"))
    await harness.at.until(lambda: harness.at.calls("chat.postMessage"))
    await harness.tasks.drain(0.0)
    harness.tasks = BackgroundTasks()
    await harness.questions().resume()
    await harness.settled()
    (message,) = harness.at.messages("eight")
    await holds(lambda: harness.at.messages("eight") == [message], 0.3, "one post")
    assert await harness.conversation(message.channel, message.ts)


@pytest.mark.parametrize("arrived", [False, True])
@pytest.mark.parametrize("lost", [0, 1, 3])
async def test_every_piece_of_a_long_answer_stands_once_and_in_order(
    harness: QuestionHarness, lost: int, arrived: bool
) -> None:
    if lost:
        harness.at.slack.faults.delay("chat.postMessage", seconds=0.0, times=lost)
    faults = harness.at.slack.faults
    (faults.lose_answer if arrived else faults.reset)("chat.postMessage")
    await harness.answered(harness.question("k"), LONG)
    await harness.settled()
    first, *rest = harness.at.messages()
    assert len(rest) == 3
    assert {message.thread_ts for message in rest} == {first.ts}
    said = "".join(str(message.blocks) for message in (first, *rest))
    assert [said.count(f"part{number} ") for number in range(4)] == [1] * 4
    assert sorted(range(4), key=lambda number: said.index(f"part{number} ")) == [0, 1, 2, 3]


async def test_two_answers_that_are_lost_are_not_taken_for_each_other(harness: QuestionHarness) -> None:
    harness.at.slack.faults.lose_answer("chat.postMessage", times=2)
    for key, text in (("one", "first"), ("two", "second")):
        assert await harness.store.add(harness.question(key))
        await harness.store.store_answer(key, ModelAnswer(MODEL, Answer(text)))
    await harness.questions().resume()
    await harness.settled()
    for text in ("first", "second"):
        (message,) = harness.at.messages(text)
        conversation = await harness.conversation(message.channel, message.ts)
        assert conversation is not None
        assert conversation.turns[1].text == text


# Where the bot may not speak


async def test_where_the_bot_may_not_post_the_answer_goes_to_who_asked_and_the_thread_goes_on_there(
    harness: QuestionHarness,
) -> None:
    outside = harness.at.slack.add_channel("elsewhere", harness.at.ada, with_bot=False)
    harness.at.slack.faults.delay(
        "chat.postMessage", seconds=0
    )  # the channel refuses the first, the second is lost
    harness.at.slack.faults.lose_answer("chat.postMessage")
    await harness.answered(harness.question("k", outside))
    await harness.settled()
    (message,) = harness.at.messages("asked `counter`", "seven", "eight")
    direct = harness.at.slack.workspace.direct_message(harness.at.slack.app.bot_user_id, harness.at.ada.id)
    assert message.channel == direct.id
    assert await harness.conversation(direct.id, message.ts)


async def test_an_answer_for_a_thread_that_the_bot_was_put_out_of_shows_its_question(
    harness: QuestionHarness,
) -> None:
    outside = harness.at.slack.add_channel("elsewhere", harness.at.ada, with_bot=False)
    said = harness.at.ada.post(outside, "seven")
    await harness.answered(harness.question("k", outside, said.ts))
    await harness.settled()
    (message,) = harness.at.messages("asked `counter`", "seven", "eight")
    assert message.channel != outside.id


async def test_what_went_wrong_in_a_thread_that_the_bot_was_put_out_of_is_told_to_who_asked(
    harness: QuestionHarness,
) -> None:
    outside = harness.at.slack.add_channel("elsewhere", harness.at.ada, with_bot=False)
    said = harness.at.ada.post(outside, "seven")
    await harness.questions().accept(harness.question("k", outside, said.ts), harness.respond)
    await harness.settled()
    (message,) = harness.at.messages("TUNEBOT_BACKENDS")
    assert message.channel != outside.id


async def test_who_waits_in_the_channel_is_told_where_the_answer_went(harness: QuestionHarness) -> None:
    outside = harness.at.slack.add_channel("elsewhere", harness.at.ada, with_bot=False)
    asked = await harness.store.add(harness.question("k", outside))
    assert asked is not None
    to = SlackAnswerPoster(
        harness.at.connection.idempotent_poster,
        harness.at.poster,
        SYSTEM_CLOCK,
        harness.respond,
        LiveAnswers(harness.at.poster),
    )
    answer, live = ModelAnswer(MODEL, Answer("eight")), StoredLive(harness.store, "k", lambda thread: None)
    posted = await to.post(asked, answer, partial(harness.store.record_attempt, "k"), live)
    assert posted.thread.channel != outside.id
    assert harness.responses == ["I cannot post in this channel, so I sent you the answer directly."]


async def test_a_channel_that_is_not_found_for_a_moment_gets_its_answer(harness: QuestionHarness) -> None:
    harness.at.slack.faults.fail("chat.postMessage", times=3, error="channel_not_found")
    await harness.answered(harness.question("k"))
    await harness.settled()
    (message,) = harness.at.messages("eight")
    assert message.channel == harness.at.channel.id


async def test_a_channel_that_is_gone_for_minutes_lets_its_answer_go_to_the_person(
    harness: QuestionHarness,
) -> None:
    harness.at.slack.faults.fail(
        "chat.postMessage", times=None, error="channel_not_found", channel=harness.at.channel.id
    )
    await harness.answered(harness.question("k"))
    await harness.at.refused_twice()
    await harness.at.time_passes(minutes=2)
    await harness.settled()
    (message,) = harness.at.messages("asked `counter`", "seven", "eight")
    direct = harness.at.slack.workspace.direct_message(harness.at.slack.app.bot_user_id, harness.at.ada.id)
    assert message.channel == direct.id


@pytest.mark.parametrize("error", ["thread_not_found", "channel_not_found", "msg_too_long", "org_login_required"])
@pytest.mark.long
async def test_an_answer_that_slack_refuses_for_days_is_kept_and_posted_in_the_end(
    harness: QuestionHarness, error: str
) -> None:
    harness.at.slack.faults.fail("chat.postMessage", times=None, error=error)
    await harness.answered(harness.question("k"))
    await harness.at.until(lambda: len(harness.at.calls("chat.postMessage")) > 3)
    await harness.at.time_passes(days=3)
    (left,) = await harness.store.open_questions()
    assert left.answer is not None
    harness.at.slack.faults.clear()
    await harness.settled()
    assert len(harness.at.messages("eight")) == 1


async def test_a_long_answer_whose_blocks_slack_refuses_is_posted_whole_as_text(harness: QuestionHarness) -> None:
    harness.at.slack.faults.fail("chat.postMessage", error="invalid_blocks")
    await harness.answered(harness.question("k"), LONG)
    await harness.settled()
    first, *rest = harness.at.messages()
    assert not first.blocks
    assert len(first.text) > 7_000
    assert len(rest) == 3


# Without an answer


async def test_what_went_wrong_is_told_privately_to_who_typed_a_command(harness: QuestionHarness) -> None:
    await harness.questions().accept(harness.question("k"), harness.respond)
    await harness.settled()
    assert len(harness.responses) == 1
    assert "TUNEBOT_BACKENDS" in harness.responses[0]
    assert not harness.at.messages()


async def test_where_the_private_way_is_gone_an_ephemeral_message_is_posted(harness: QuestionHarness) -> None:
    harness.response_url_fails = True
    await harness.questions().accept(harness.question("k"), harness.respond)
    await harness.settled()
    (message,) = harness.at.messages("TUNEBOT_BACKENDS")
    assert message.visible_to == harness.at.ada.id


async def test_where_the_response_url_has_ended_an_ephemeral_message_is_posted(harness: QuestionHarness) -> None:
    origin = harness.at.slack.api_url.partition("/api")[0]
    ended = harness.at.poster.respond_to(f"{origin}/actions/{harness.at.slack.workspace.team_id}/ended")
    await harness.questions().accept(harness.question("k"), ended)
    await harness.settled()
    (message,) = harness.at.messages("TUNEBOT_BACKENDS")
    assert message.visible_to == harness.at.ada.id


async def test_why_there_is_no_answer_is_told_once_slack_is_back(harness: QuestionHarness) -> None:
    said = harness.at.ada.post(harness.at.channel, "seven")
    harness.at.slack.faults.outage()
    await harness.questions().accept(harness.question("k", thread=said.ts), harness.respond)
    await harness.at.until(lambda: harness.at.calls("chat.postMessage"))
    await harness.tasks.drain(0.0)
    harness.tasks = BackgroundTasks()
    before = len(harness.at.slack.workspace.calls)
    await harness.questions().resume()
    await harness.at.until(lambda: len(harness.at.slack.workspace.calls) > before + 1)
    harness.at.slack.faults.clear()
    await harness.settled()
    (message,) = harness.at.messages("TUNEBOT_BACKENDS")
    assert message.thread_ts == said.ts


async def test_a_fault_of_ours_that_holds_an_answer_back_is_told_to_who_asked_and_no_answer_is_lost(
    harness: QuestionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = True

    def fails(user: str, question: str, answer: ModelAnswer) -> list[Message]:
        if broken:
            raise ValueError("a fault of ours")
        return build_asked_answer(user, question, answer)

    monkeypatch.setattr(answer_posts, "build_asked_answer", fails)
    harness.at.slack.faults.fail("chat.postEphemeral", error="ratelimited_by_nobody")
    await harness.answered(harness.question("k"))
    await harness.at.until(lambda: harness.at.calls("chat.postEphemeral"))
    await harness.tasks.drain(0.0)
    harness.tasks = BackgroundTasks()
    await harness.questions().resume()
    await harness.at.until(lambda: harness.at.messages("A fault of mine"))
    broken = False
    await harness.settled()
    assert len(harness.at.messages("eight")) == 1


async def test_after_a_restart_an_ephemeral_message_is_posted(harness: QuestionHarness) -> None:
    await harness.store.add(harness.question("k"))
    harness.at.slack.faults.fail("chat.postEphemeral", status=503)
    await harness.questions().resume()
    await harness.settled()
    (message,) = harness.at.messages("TUNEBOT_BACKENDS")
    assert message.visible_to == harness.at.ada.id


async def private_answer(harness: QuestionHarness, text: str = "eight") -> None:
    """Let a process that has just started go on with a private question whose answer is stored."""
    await harness.answered(replace(harness.question("command:1"), private=True), text)
    await harness.settled()


async def test_after_a_restart_a_private_answer_is_shown_to_who_asked_alone(harness: QuestionHarness) -> None:
    harness.at.slack.faults.rate_limit("chat.postEphemeral", retry_after=1)
    await private_answer(harness)
    (message,) = harness.at.messages("asked `counter`", "seven", "eight", "Only you")
    assert message.visible_to == harness.at.ada.id
    assert not harness.at.calls("chat.postMessage")
    assert not harness.at.calls("chat.startStream")
    assert await harness.conversation(message.channel, message.ts) is None


async def test_a_long_private_answer_is_shown_whole_and_has_one_button(harness: QuestionHarness) -> None:
    await private_answer(harness, LONG)
    shown = [each for each in harness.at.messages() if each.visible_to]
    assert len(shown) > 1
    assert [with_button for each in shown if (with_button := "answer_share" in str(each.blocks))] == [True]
    assert all(f"part{number}" in str([each.blocks for each in shown]) for number in range(4))
    assert not harness.at.calls("chat.postMessage")


async def test_where_the_bot_may_not_post_a_private_answer_goes_to_who_asked_directly(
    harness: QuestionHarness,
) -> None:
    harness.at.slack.faults.fail("chat.postEphemeral", error="not_in_channel")
    await private_answer(harness)
    (message,) = harness.at.messages("eight")
    assert message.channel == harness.at.ada.open_dm().id


async def test_a_private_answer_is_shared_once_as_an_answer_that_goes_on(harness: QuestionHarness) -> None:
    await private_answer(harness)
    question = harness.question("command:1")
    ada, bob = (Requester(user, question.place) for user in (question.user, "U0BOB"))
    tasks = harness.questions()
    with pytest.raises(Outdated):
        await tasks.share("command:1", bob, harness.respond)
    assert await tasks.share("command:1", ada, harness.respond) == question.place
    with pytest.raises(Outdated):
        await tasks.share("command:1", ada, harness.respond)
    await harness.settled()
    (message,) = [each for each in harness.at.messages("eight") if not each.visible_to]
    assert "answer_share" not in str(message.blocks)
    conversation = await harness.conversation(message.channel, message.ts)
    assert conversation is not None
    assert [turn.text for turn in conversation.turns] == ["seven", "eight"]


async def test_in_a_thread_it_is_told_once_also_when_slacks_answer_is_lost(harness: QuestionHarness) -> None:
    said = harness.at.ada.post(harness.at.channel, "seven")
    harness.at.slack.faults.lose_answer("chat.postMessage")
    await harness.questions().accept(harness.question("k", thread=said.ts), harness.respond)
    await harness.settled()
    (message,) = harness.at.messages("TUNEBOT_BACKENDS")
    assert message.thread_ts == said.ts


async def test_an_error_that_a_killed_process_had_posted_is_found_and_not_posted_again(
    harness: QuestionHarness,
) -> None:
    said = harness.at.ada.post(harness.at.channel, "seven")
    harness.at.slack.faults.delay("chat.postMessage", seconds=0.15)
    await harness.questions().accept(harness.question("k", thread=said.ts), harness.respond)
    await harness.at.until(lambda: harness.at.calls("chat.postMessage"))
    await harness.tasks.drain(0.0)
    harness.tasks = BackgroundTasks()
    await harness.questions().resume()
    await harness.settled()
    await holds(lambda: len(harness.at.messages()) == 1, 0.3, "one post")


async def test_a_question_that_cannot_be_written_down_is_refused_with_the_reason(harness: QuestionHarness) -> None:
    await harness.at.database.run(lambda connection: connection.execute("PRAGMA query_only = ON"))
    await harness.questions().accept(harness.question("k"), harness.respond)
    await harness.tasks.drain(1.0)
    assert "cannot be written" in harness.responses[0]


async def test_a_delivery_that_comes_again_is_left_alone(harness: QuestionHarness) -> None:
    questions = harness.questions()
    await asyncio.gather(*(questions.accept(harness.question("k"), harness.respond) for _ in range(3)))
    await harness.settled()
    await questions.accept(harness.question("k"), harness.respond)
    await harness.tasks.drain(1.0)
    assert len(harness.responses) == 1
