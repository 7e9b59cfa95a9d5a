"""What people say of answers is kept once for each person, with the exact prompt, and can be erased by person."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.chat import Answer, Conversation, ModelAnswer, Question, Turn, TurnRole
from bot.domain.feedback import FeedbackSums, FeedbackSwitch, RatedAnswer, Vote
from bot.domain.place import Place
from storage.database import Database
from storage.feedback import KEPT_WITHOUT_VOTE, SqliteFeedback
from storage.questions import SqliteQuestions
from tests.storage.test_questions import MODEL
from tests.support.builders import OTHER_TEAM, START, TEAM
from tests.support.clock import FixedClock

PLACE = Place(TEAM, "C0GENERAL", "1700.1")
FIRST = (Turn(TurnRole.USER, "seven"), Turn(TurnRole.MODEL, "eight"))


@pytest.fixture
def feedback(database: Database, clock: FixedClock) -> SqliteFeedback:
    return SqliteFeedback(database, clock)


async def answered(
    questions: SqliteQuestions, key: str, user: str = "U0ADA", history: tuple[Turn, ...] = (), text: str = "seven"
) -> None:
    if history:
        before = f"before {key}"
        assert await questions.add(Question(before, PLACE, user, "seven"))
        await questions.settle(before, Conversation(PLACE, MODEL, history, question=before))
    assert await questions.add(Question(key, PLACE, user, text))
    sent = (*history, Turn(TurnRole.USER, text))
    await questions.store_answer(key, ModelAnswer(MODEL, Answer("eight"), sent=sent, rating_key=key))


async def kept(feedback: SqliteFeedback, key: str) -> RatedAnswer:
    found = await feedback.answer(TEAM, key)
    assert found is not None
    return found


async def test_the_switch_is_off_until_somebody_touches_it(feedback: SqliteFeedback) -> None:
    assert await feedback.switch(TEAM) is None
    for on in (True, False):
        await feedback.set_switch(TEAM, "U0ADA", on=on)
        assert await feedback.switch(TEAM) == FeedbackSwitch(on, "U0ADA", START)
    assert await feedback.switch(OTHER_TEAM) is None


async def test_an_answer_is_kept_with_its_exact_prompt_in_the_transaction_that_stores_it(
    feedback: SqliteFeedback, questions: SqliteQuestions
) -> None:
    await answered(questions, "q1", history=FIRST, text="and 1")
    await questions.settle("q1")
    turns = (*FIRST, Turn(TurnRole.USER, "and 1"))
    assert await kept(feedback, "q1") == RatedAnswer("q1", PLACE, "U0ADA", MODEL, turns, "{}", "eight", START)
    assert await feedback.answer(OTHER_TEAM, "q1") is None
    await questions.add(Question("q2", PLACE, "U0ADA", "seven"))
    await questions.store_answer("q2", ModelAnswer(MODEL, Answer("eight")))
    assert await feedback.answer(TEAM, "q2") is None


async def test_a_person_has_one_vote_for_an_answer_and_a_vote_for_it_ends_the_correction(
    feedback: SqliteFeedback, questions: SqliteQuestions
) -> None:
    await answered(questions, "q1")
    answer = await kept(feedback, "q1")
    await feedback.vote(answer, "U0ADA", Vote.UP)
    await feedback.vote(answer, "U0BOB", Vote.DOWN)
    assert await feedback.sums(TEAM, MODEL) == FeedbackSums(1, 1, 0)
    await feedback.correct(answer, "U0ADA", "seven", "nine")
    await feedback.correct(answer, "U0ADA", "seven?", "ten")
    assert await feedback.sums(TEAM, MODEL) == FeedbackSums(0, 2, 1)
    [correction] = await feedback.corrections(TEAM, MODEL)
    assert (correction.answer, correction.user) == (answer, "U0ADA")
    assert (correction.question, correction.text, correction.at) == ("seven?", "ten", START)
    await feedback.vote(answer, "U0ADA", Vote.UP)
    assert await feedback.sums(TEAM, MODEL) == FeedbackSums(1, 1, 0)
    assert await feedback.sums(OTHER_TEAM, MODEL) == FeedbackSums()
    assert await feedback.corrections(OTHER_TEAM, MODEL) == []


async def test_an_answer_without_a_vote_is_deleted_after_a_while(
    feedback: SqliteFeedback, questions: SqliteQuestions, clock: FixedClock
) -> None:
    await answered(questions, "voted")
    await answered(questions, "not voted")
    await feedback.vote(await kept(feedback, "voted"), "U0ADA", Vote.UP)
    clock.advance(KEPT_WITHOUT_VOTE - timedelta(microseconds=1))
    await answered(questions, "next")
    assert await feedback.answer(TEAM, "not voted")
    clock.advance(microseconds=1)
    await answered(questions, "last")
    assert await feedback.answer(TEAM, "not voted") is None
    assert await feedback.answer(TEAM, "voted")


async def test_an_export_of_the_same_rows_has_the_same_version(feedback: SqliteFeedback) -> None:
    other = replace(MODEL, endpoint="projects/1/endpoints/3")
    versions = [await feedback.export_version(TEAM, MODEL, "U0ADA", sha256) for sha256 in ("a", "b", "a", "c")]
    assert versions == [1, 2, 1, 3]
    assert await feedback.export_version(TEAM, other, "U0ADA", "b") == 1
    assert await feedback.export_version(OTHER_TEAM, MODEL, "U0ADA", "b") == 1


async def test_a_deleted_question_is_kept_only_for_a_vote(
    feedback: SqliteFeedback, questions: SqliteQuestions
) -> None:
    for key in ("early", "answered", "voted", "other"):
        await questions.add(Question(key, PLACE, "U0ADA", "secret"))
    await questions.withdraw(TEAM, "early")
    for key in ("early", "answered", "voted", "other"):
        sent = (Turn(TurnRole.USER, "secret"),)
        await questions.store_answer(key, ModelAnswer(MODEL, Answer("eight"), sent=sent, rating_key=key))
    await feedback.vote(await kept(feedback, "voted"), "U0BOB", Vote.UP)
    for key in ("answered", "voted"):
        await questions.withdraw(OTHER_TEAM, key)
        assert await feedback.answer(TEAM, key)
        await questions.withdraw(TEAM, key, "1700.2")
        assert await feedback.answer(TEAM, key), "it was edited, and the answer is to what was asked"
        await questions.withdraw(TEAM, key)
    found = [await feedback.answer(TEAM, key) for key in ("early", "answered", "voted", "other")]
    assert [each is not None for each in found] == [False, False, True, True]
    left = await kept(feedback, "voted")
    assert (left.turns, left.text) == ((Turn(TurnRole.USER, ""),), ""), "the vote counts, and no word is left"
    assert await feedback.sums(TEAM, MODEL) == FeedbackSums(1, 0, 0)


async def test_a_question_that_was_edited_or_deleted_is_so_in_the_prompts_of_later_answers(
    feedback: SqliteFeedback, questions: SqliteQuestions, database: Database
) -> None:
    secret = (Turn(TurnRole.USER, "my secret"), Turn(TurnRole.MODEL, "eight"))
    last = Turn(TurnRole.USER, "and 1")
    await answered(questions, "first", history=FIRST, text="my secret")
    await questions.settle("first", Conversation(PLACE, MODEL, secret, question="first"))
    await questions.add(Question("later", PLACE, "U0BOB", "and 1"))
    later = ModelAnswer(MODEL, Answer("two"), sent=(*FIRST, *secret, last), rating_key="later")
    await questions.store_answer("later", later)
    await feedback.vote(await kept(feedback, "later"), "U0BOB", Vote.UP)

    await questions.change(Question("first", PLACE, "U0ADA", "another word"), "1700.2")
    reworded = (Turn(TurnRole.USER, "another word"), secret[1])
    assert (await kept(feedback, "later")).turns == (*FIRST, *reworded, last)
    await questions.withdraw(OTHER_TEAM, "first")
    assert (await kept(feedback, "later")).turns == (*FIRST, *reworded, last)

    await questions.withdraw(TEAM, "first")
    assert (await kept(feedback, "later")).turns == (*FIRST, last)
    assert await feedback.sums(TEAM, MODEL) == FeedbackSums(1, 0, 0)
    tables = ("rated_answers", "turns", "questions")
    stored = await database.run(lambda db: str([list(db.query(f"SELECT * FROM {table}")) for table in tables]))
    assert "secret" not in stored
    assert "another word" not in stored


async def test_what_was_deleted_while_the_model_answered_is_not_kept_with_its_answer(
    feedback: SqliteFeedback, questions: SqliteQuestions
) -> None:
    secret = (Turn(TurnRole.USER, "my secret"), Turn(TurnRole.MODEL, "eight"))
    last = Turn(TurnRole.USER, "and 1")
    await answered(questions, "first", history=FIRST, text="my secret")
    await questions.settle("first", Conversation(PLACE, MODEL, secret, question="first"))
    for key in ("before", "after"):
        await questions.add(Question(key, PLACE, "U0BOB", "and 1"))
    sent = (*FIRST, *secret, last)
    await questions.store_answer("before", ModelAnswer(MODEL, Answer("two"), sent=sent, rating_key="before"))
    assert (await kept(feedback, "before")).turns == sent
    await questions.withdraw(TEAM, "first")
    await questions.store_answer("after", ModelAnswer(MODEL, Answer("two"), sent=sent, rating_key="after"))
    assert (await kept(feedback, "after")).turns == (*FIRST, last)


async def test_nothing_of_a_forgotten_person_is_left(
    feedback: SqliteFeedback, questions: SqliteQuestions, database: Database
) -> None:
    await answered(questions, "bob", user="U0BOB", text="bob's secret")
    history = (Turn(TurnRole.USER, "bob's secret"), Turn(TurnRole.MODEL, "eight"))
    await answered(questions, "ada", history=(*FIRST, *history))
    await feedback.correct(await kept(feedback, "bob"), "U0ADA", "bob's secret", "x")
    await feedback.correct(await kept(feedback, "ada"), "U0BOB", "seven", "bob's words")
    await feedback.vote(await kept(feedback, "ada"), "U0ADA", Vote.UP)
    await feedback.export_version(TEAM, MODEL, "U0BOB", "a")
    await questions.settle("bob")
    await feedback.forget_person(OTHER_TEAM, "U0BOB")
    assert await feedback.sums(TEAM, MODEL) == FeedbackSums(1, 2, 2)

    await feedback.forget_person(TEAM, "U0BOB")

    assert await feedback.sums(TEAM, MODEL) == FeedbackSums(1, 0, 0)
    assert (await kept(feedback, "ada")).turns == (*FIRST, Turn(TurnRole.USER, "seven"))
    tables = ("rated_answers", "votes", "feedback_exports")
    left = await database.run(lambda db: str([list(db.query(f"SELECT * FROM {table}")) for table in tables]))
    assert "bob" not in left.lower()
