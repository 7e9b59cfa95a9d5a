"""A question is kept from before it is acknowledged until its answer stands, and its key for a week."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.chat import Answer, Conversation, Finish, ModelAnswer, ModelRef, Question, Turn, TurnRole
from bot.domain.generation_settings import GenerationSettings, Safety
from bot.domain.place import Place
from bot.ports.notifier import PostAttempt
from bot.ports.questions import LivePost, OpenQuestion
from bot.runtime.logs import RedactingFormatter
from storage.audit_log import SqliteAuditLog
from storage.conversations import SqliteChatStore
from storage.database import Database
from storage.questions import SqliteQuestions
from tests.support.builders import START, TEAM
from tests.support.clock import FixedClock

MODEL = ModelRef("vertex", "projects/1/endpoints/2", "next-number")
PLACE = Place(TEAM, "C0GENERAL")
THREAD = replace(PLACE, thread="1700.1")
TYPED = Question("command:1.2", PLACE, "U0ADA", "seven", named="next-number", quoted=True)
ANSWER = ModelAnswer(MODEL, Answer("eight", Finish.CUT, "MAX_TOKENS"), history_dropped=True)
KEPT = Conversation(THREAD, MODEL, (Turn(TurnRole.USER, "seven"), Turn(TurnRole.MODEL, "eight")))


async def state(questions: SqliteQuestions) -> OpenQuestion:
    (asked,) = await questions.open_questions()
    assert await questions.question(asked.question.key) == asked
    return asked


@pytest.mark.parametrize(
    "question",
    [
        TYPED,
        Question("view:V1", PLACE, "U0ADA", "что?\n🧮", model=MODEL, quoted=True),
        Question("message:C0GENERAL:1700.1", THREAD, "U0ADA", "and 1"),
        replace(TYPED, private=True),
        replace(TYPED, settings=GenerationSettings(temperature=0.0, safety=Safety.LOW, stop_sequences=("a",))),
    ],
)
async def test_a_question_comes_back_as_it_was_written(questions: SqliteQuestions, question: Question) -> None:
    asked = await questions.add(question)
    assert asked == OpenQuestion(question, START)
    assert await state(questions) == asked


async def test_each_line_of_the_log_says_whose_question_it_is_and_where_and_none_has_its_text(
    questions: SqliteQuestions, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="storage.questions")
    await questions.add(TYPED)
    await questions.store_answer(TYPED.key, ANSWER)
    await questions.settle(TYPED.key)
    said = [RedactingFormatter([]).format(record).partition("storage.questions: ")[2] for record in caplog.records]
    who = f"team={TEAM} channel={PLACE.channel} user={TYPED.user}"
    assert said == [
        f"question.accepted question={TYPED.key} {who}",
        f"question.answered question={TYPED.key} finish=cut {who}",
        f"question.settled question={TYPED.key} {who}",
    ]


async def test_the_same_delivery_is_refused_while_open_after_the_answer_and_for_a_week(
    questions: SqliteQuestions, clock: FixedClock
) -> None:
    assert await questions.add(TYPED)
    assert await questions.add(replace(TYPED, text="other words")) is None
    assert (await state(questions)).question.text == "seven"
    await questions.settle(TYPED.key)
    assert await questions.add(TYPED) is None
    clock.advance(timedelta(days=7) - timedelta(microseconds=1))
    assert await questions.add(TYPED) is None
    assert await questions.open_questions() == []
    clock.advance(microseconds=1)
    assert await questions.add(TYPED)


async def test_of_many_deliveries_at_once_one_is_taken(questions: SqliteQuestions) -> None:
    taken = await asyncio.gather(*(questions.add(TYPED) for _ in range(50)))
    assert sum(asked is not None for asked in taken) == 1


async def test_a_message_that_was_handled_as_something_else_is_no_question_any_more(
    questions: SqliteQuestions, journal: SqliteAuditLog
) -> None:
    spoken = Question("message:C0GENERAL:1700.1", THREAD, "U0ADA", "tune this")
    assert await journal.first_time(spoken.key)
    assert await questions.add(spoken) is None
    assert await questions.add(replace(spoken, key="message:C0GENERAL:1700.2"))
    assert not await journal.first_time("message:C0GENERAL:1700.2")


async def test_open_questions_come_oldest_first(questions: SqliteQuestions, clock: FixedClock) -> None:
    for key in ("b", "c", "a"):
        await questions.add(replace(TYPED, key=key))
    clock.advance(seconds=-1)
    await questions.add(replace(TYPED, key="d"))
    assert [asked.question.key for asked in await questions.open_questions()] == ["d", "b", "c", "a"]


async def test_an_answer_is_told_piece_by_piece(questions: SqliteQuestions, clock: FixedClock) -> None:
    asked = await questions.add(TYPED)
    assert asked is not None
    await questions.store_answer(TYPED.key, ANSWER)
    asked = replace(asked, answer=ANSWER)
    assert await state(questions) == asked
    clock.advance(seconds=3)
    await questions.record_attempt(TYPED.key, PLACE)
    assert await state(questions) == replace(asked, unconfirmed=PostAttempt(PLACE, clock.now()))
    await questions.posted(TYPED.key, THREAD)
    assert await state(questions) == replace(asked, posted=1, thread=THREAD)
    await questions.record_attempt(TYPED.key, THREAD)
    await questions.refused(TYPED.key)
    assert await state(questions) == replace(asked, posted=1, thread=THREAD)


async def test_settling_keeps_the_turns_once_and_nothing_else(
    questions: SqliteQuestions, chats: SqliteChatStore, database: Database
) -> None:
    await questions.add(TYPED)
    await questions.store_answer(TYPED.key, ANSWER)
    await questions.settle(TYPED.key, KEPT)
    await questions.settle(TYPED.key, KEPT)
    assert await chats.conversation(THREAD) == KEPT
    assert await questions.question(TYPED.key) is None
    assert await database.run(lambda connection: connection.table("questions").count) == 0


async def test_a_settling_that_fails_half_way_is_undone_whole(
    questions: SqliteQuestions, chats: SqliteChatStore
) -> None:
    await questions.add(TYPED)
    broken = replace(KEPT, turns=(Turn(TurnRole.USER, "seven"), Turn(TurnRole.MODEL, None)))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL"):
        await questions.settle(TYPED.key, broken)
    assert await chats.conversation(THREAD) is None
    assert await questions.question(TYPED.key) is not None


async def test_a_row_that_cannot_be_read_hides_no_other(
    questions: SqliteQuestions, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await questions.add(replace(TYPED, key="broken"))
    await questions.add(TYPED)
    await database.write(
        lambda connection: connection.execute("UPDATE questions SET reply = '{' WHERE key = 'broken'")
    )
    assert (await questions.open_questions())[0].question == TYPED
    assert "question broken cannot be read" in caplog.text


async def test_the_first_word_of_an_answer_is_measured_once(database: Database, clock: FixedClock) -> None:
    measured: list[float] = []
    questions = SqliteQuestions(database, clock, first_word=measured.append)
    await questions.add(TYPED)
    await questions.begin_live(TYPED.key, PLACE)
    clock.advance(timedelta(seconds=3))
    await questions.name_live(TYPED.key, "1700.2")
    clock.advance(timedelta(seconds=9))
    await questions.posted(TYPED.key, THREAD)
    assert measured == [3.0]


async def test_a_private_answer_is_shared_once_by_who_asked(
    questions: SqliteQuestions, database: Database, clock: FixedClock
) -> None:
    await questions.add(replace(TYPED, private=True))
    await questions.store_answer(TYPED.key, ANSWER)
    await questions.settle(TYPED.key)
    assert await questions.share(TYPED.key, TEAM, "U0BOB") is None
    assert await questions.share(TYPED.key, "T0OTHER", TYPED.user) is None
    shared = await questions.share(TYPED.key, TEAM, TYPED.user)
    assert shared == OpenQuestion(replace(TYPED, key=f"share:{TYPED.key}"), START, ANSWER)
    assert await state(questions) == shared
    acts = "SELECT user, channel, subject FROM audit WHERE action = 'share an answer'"
    assert await database.run(lambda db: [tuple(row.values()) for row in db.query(acts)]) == [
        (TYPED.user, TYPED.place.channel, TYPED.key)
    ]
    assert await questions.share(TYPED.key, TEAM, TYPED.user) is None


async def test_an_answer_that_everybody_saw_and_one_of_last_week_are_not_shared(
    questions: SqliteQuestions, clock: FixedClock
) -> None:
    for key, private in (("open", False), ("old", True)):
        await questions.add(replace(TYPED, key=key, private=private))
        await questions.store_answer(key, ANSWER)
        await questions.settle(key)
    clock.advance(timedelta(days=8))
    await questions.settle("another")
    assert await questions.share("open", TEAM, TYPED.user) is None
    assert await questions.share("old", TEAM, TYPED.user) is None


async def test_the_messages_of_an_unfinished_answer_are_stored_in_their_order(questions: SqliteQuestions) -> None:
    await questions.add(TYPED)
    await questions.begin_live(TYPED.key, PLACE)
    await questions.begin_live(TYPED.key, PLACE)  # tried again
    await questions.name_live(TYPED.key, "1700.1")
    await questions.begin_live(TYPED.key, THREAD)
    await questions.name_live(TYPED.key, "1700.2")
    await questions.begin_live(TYPED.key, THREAD)
    posts = LivePost(PLACE, START, "1700.1"), LivePost(THREAD, START, "1700.2"), LivePost(THREAD, START)
    assert (await state(questions)).live == posts
    await questions.forget_live(TYPED.key)
    assert (await state(questions)).live == posts[:2]
    await questions.keep_live(TYPED.key, 1)
    assert (await state(questions)).live == posts[:1]
