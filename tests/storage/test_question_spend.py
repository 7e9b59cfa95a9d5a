"""What questions cost, in a real database."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from bot.domain.chat import Answer, ModelAnswer, ModelRef, Question
from bot.domain.place import Place
from bot.domain.spending import QuestionCost, QuestionSum, TokenUse
from storage.database import Database
from storage.question_spend import SqliteQuestionSpend
from storage.questions import SqliteQuestions
from tests.support.builders import OTHER_TEAM, TEAM
from tests.support.clock import FixedClock

ASKED = Question("q1", Place(TEAM, "C1"), "U0ADA", "seven?")
ANSWER = ModelAnswer(ModelRef("vertex", "e", "numbers"), Answer("eight"))
COST = QuestionCost("gemini-3.5-flash", TokenUse(10, 2), Decimal("0.000012"))
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


async def test_an_answer_that_is_stored_twice_costs_once(database: Database) -> None:
    questions, spend = SqliteQuestions(database, FixedClock()), SqliteQuestionSpend(database, FixedClock())
    await questions.add(ASKED)
    for _ in range(2):
        await questions.store_answer("q1", ANSWER, COST)
    first = QuestionSum(NOVEMBER, TEAM, "C1", "U0ADA", "gemini-3.5-flash", 1, 0, 10, 2, Decimal("0.000012"))
    assert await spend.sums(TEAM, NOVEMBER, DECEMBER) == [first]
    assert await spend.sums(TEAM, DECEMBER, date(2027, 1, 1)) == []


async def test_amounts_are_exact_and_the_unknown_is_counted_and_never_nothing(database: Database) -> None:
    questions, spend = SqliteQuestions(database, FixedClock()), SqliteQuestionSpend(database, FixedClock())
    costs = [COST] * 3 + [replace(COST, usd=None), QuestionCost("gemini-3.5-flash", None, None)]
    for number, cost in enumerate(costs):
        await questions.add(replace(ASKED, key=f"q{number}"))
        await questions.store_answer(f"q{number}", ANSWER, cost)
    await questions.add(replace(ASKED, key="theirs", place=Place(OTHER_TEAM, "C1")))
    await questions.store_answer("theirs", ANSWER, COST)
    (found,) = await spend.sums(TEAM, NOVEMBER, DECEMBER)
    assert (found.questions, found.unknown, found.input_tokens, found.output_tokens) == (5, 2, 40, 8)
    assert found.usd == Decimal("0.000036")
    assert len(await spend.sums(None, NOVEMBER, DECEMBER)) == 2
