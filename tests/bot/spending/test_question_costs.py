"""What an answer cost, and budgets for questions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.budgets import WORKSPACE, Purpose
from bot.domain.chat import Answer, ModelAnswer, ModelRef, Question, Turn, TurnRole
from bot.domain.generation_settings import GenerationSettings
from bot.domain.place import Requester
from bot.domain.roles import EVERYONE, Role, RoleGrant
from bot.domain.spending import QuestionCost, TokenUse
from bot.errors import GoogleError, OverBudget
from bot.sandbox.google.fault_injection import Faults
from bot.spending.month_report import next_month
from bot.spending.price_table import parse_price_table
from bot.spending.question_costs import QuestionBudgets, expected_cost, question_cost
from tests.support.harness import ADA, PLACE, TEAM, Harness, open_harness
from tests.support.recording_answer_poster import RecordingAnswerPoster
from tests.support.waiting import cut_off

PRICES = parse_price_table(
    """
as_of = 2026-11-27
[models."gemini-3.5-flash"]
training = 10
serving_multiplier = 1.5
input = 100000
output = 200000
""",
    "test",
)
OWNER = Requester("U0OWNER", PLACE)
ROLES = (RoleGrant(Role.TUNER, EVERYONE), RoleGrant(Role.OWNER, OWNER.user))
ANSWERED = ModelAnswer(
    ModelRef("vertex", "e", "m"), Answer("8", usage=TokenUse(10, 3)), base_model="gemini-3.5-flash"
)


@pytest.mark.parametrize(
    ("answered", "usd"),
    [
        (ANSWERED, Decimal("2.4")),
        (replace(ANSWERED, answer=Answer("8")), None),
        (replace(ANSWERED, base_model="gemini-3.1-flash-lite"), None),
        (replace(ANSWERED, base_model=""), None),
    ],
)
def test_a_tuned_model_costs_its_multiple_of_the_base_and_the_unknown_is_none(
    answered: ModelAnswer, usd: Decimal | None
) -> None:
    assert question_cost(answered, PRICES).usd == usd


ASKS = r":(streamG|g)enerateContent"


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    async with open_harness(tmp_path, ("vertex",)) as opened:
        yield opened


def question(key: str, user: str = ADA) -> Question:
    return Question(key, PLACE, user, "what comes after 7?")


async def reserve(budgets: QuestionBudgets, key: str, base_model: str = "gemini-3.5-flash") -> None:
    turns = [Turn(TurnRole.USER, "what comes after 7?")]
    await budgets.reserve(
        replace(question(key), private=True),
        turns,
        GenerationSettings(max_output_tokens=10),
        base_model,
        endpoint="e",
    )


async def test_a_question_over_its_budget_is_not_sent(harness: Harness) -> None:
    process = harness.process(named_roles=ROLES, prices=PRICES)
    await harness.answering("numbers")

    async def ask(key: str) -> RecordingAnswerPoster:
        poster = RecordingAnswerPoster()
        asked = await process.answers.add(replace(question(key), private=True))
        assert asked is not None
        await process.answers.process(asked, poster)
        return poster

    def sent() -> int:
        return len(harness.google.requests.matching(r":(stream)?[gG]enerateContent$"))

    await process.budgets.set(OWNER, ADA, Purpose.QUESTIONS, Decimal(300))
    refused = await ask("q1")
    assert (
        "Your budget for questions is $300.00 a month. Of it, $0.00 is used, and this question"
        in refused.shown[-1]
    )
    assert sent() == 0
    await process.budgets.set(OWNER, ADA, Purpose.QUESTIONS, Decimal(310))
    assert (await ask("q2")).shown[-1].endswith("1/1")
    (use,) = await process.budgets.uses(OWNER)
    assert Decimal(0) < use.used < 10, "what Google counted takes the place of the reservation"
    assert use.unknown == 0
    await process.budgets.set(OWNER, ADA, Purpose.QUESTIONS, use.used)
    assert "a month, is used up." in (await ask("q3")).shown[-1]
    assert sent() == 1
    month = use.budget.set_at.date().replace(day=1)
    (sums,) = await process.budgets.question_sums(OWNER, month)
    assert (sums.team, sums.questions) == (TEAM, 1)
    # A whole channel reads the answer to a mention.
    assert await process.budgets.question_sums(replace(OWNER, overheard=True), month) == []
    assert await process.budgets.question_sums(Requester(ADA, PLACE, overheard=True), month) == [sums]


async def test_a_question_of_the_terminal_is_held_against_the_budgets_and_counted_like_any_other(
    harness: Harness,
) -> None:
    process = harness.process(named_roles=ROLES, prices=PRICES)
    await harness.answering("numbers")
    await process.budgets.set(OWNER, ADA, Purpose.QUESTIONS, Decimal(300))
    with pytest.raises(OverBudget, match=r"this question may cost \$"):
        await process.answers.ask_unposted(question("terminal:1"))
    assert harness.google.requests.matching(r"generateContent$") == []
    await process.budgets.set(OWNER, ADA, Purpose.QUESTIONS, Decimal(310))
    answered = await process.answers.ask_unposted(question("terminal:2"))
    assert answered.answer.text
    (use,) = await process.budgets.uses(OWNER)
    assert Decimal(0) < use.used < 10
    (line, *_) = await harness.stores.audit_log.lines(TEAM)
    assert (line.act.action, line.act.user) == ("ask", ADA)
    assert await harness.stores.questions.open_questions() == []


async def test_a_call_whose_answer_was_lost_is_counted_as_what_it_may_have_cost(harness: Harness) -> None:
    process = harness.process(named_roles=ROLES, prices=PRICES)
    await harness.answering("numbers")
    fault = harness.google.faults.hang(path=r":(streamG|g)enerateContent")
    asked = await process.answers.add(question("q1"))
    assert asked is not None

    async def google_thinks() -> bool:
        return bool(fault.hits)

    await cut_off(process.answers.process(asked, RecordingAnswerPoster()), google_thinks)
    other = harness.process(named_roles=ROLES, prices=PRICES)
    (left,) = await other.answers.open_questions()
    await other.answers.process(left, RecordingAnswerPoster())
    assert await other.answers.open_questions() == []
    (sums,) = await process.budgets.question_sums(OWNER, harness.clock.now().date().replace(day=1))
    assert (sums.questions, sums.unknown) == (2, 0)
    assert sums.usd > 150, "of a call that is lost, what was reserved is counted"
    lines = [line.act for line in await harness.stores.audit_log.lines(TEAM) if line.act.action == "ask"]
    assert sorted(act.result for act in lines) == ["", "the answer was lost"]


async def test_what_google_refuses_costs_nothing_and_what_a_person_ends_costs_what_was_reserved(
    harness: Harness,
) -> None:
    budgets = QuestionBudgets(harness.stores.budgets, harness.stores.question_spend, PRICES, harness.clock)

    async def send(key: str, error: Exception) -> None:
        async with budgets.sending(question(key)):
            await reserve(budgets, key)
            raise error

    for key, error in (("q1", GoogleError("refused")), ("q2", ValueError("ended by a person"))):
        with pytest.raises(type(error)):
            await send(key, error)
    month = harness.clock.now().date().replace(day=1)
    (sums,) = await harness.stores.question_spend.sums(TEAM, month, next_month(month))
    assert (sums.questions, sums.usd) == (1, Decimal("3.75"))
    await budgets.count_lost()
    assert await harness.stores.question_spend.sums(TEAM, month, next_month(month)) == [sums]


NO_ANSWER: dict[str, Callable[[Faults], object]] = {
    "a connection that breaks": lambda faults: faults.lose_answer(path=ASKS),
    "a proxy that gets no answer": lambda faults: faults.lose_answer(502, path=ASKS),
    "a stream that ends before its first word": lambda faults: faults.cut_stream(after=0),
}
REFUSED: dict[str, Callable[[Faults], object]] = {
    "Google's own error": lambda faults: faults.fail(500, path=ASKS, times=None),
    "a proxy that does not know the address": lambda faults: faults.garble(status=404, path=ASKS, times=None),
}


@pytest.mark.parametrize("why", [*NO_ANSWER, *REFUSED])
async def test_a_question_that_google_may_have_answered_is_counted_and_one_that_was_refused_is_not(
    harness: Harness, why: str
) -> None:
    process = harness.process(named_roles=ROLES, prices=PRICES)
    await harness.answering("numbers")
    (NO_ANSWER | REFUSED)[why](harness.google.faults)
    asked = await process.answers.add(question("q1"))
    assert asked is not None
    await process.answers.process(asked, RecordingAnswerPoster())
    assert len(harness.google.requests.matching(ASKS)) == 1
    sums = await process.budgets.question_sums(OWNER, harness.clock.now().date().replace(day=1))
    assert [each.questions for each in sums] == [1] * (why in NO_ANSWER)
    assert await harness.stores.question_spend.count_lost() == 0


async def test_of_questions_at_once_only_as_many_are_sent_as_fit(harness: Harness) -> None:
    store = harness.stores.budgets
    budgets = QuestionBudgets(store, harness.stores.question_spend, PRICES, harness.clock)
    await store.set(OWNER, ADA, Purpose.QUESTIONS, Decimal(8))
    ended = await asyncio.gather(*(reserve(budgets, f"q{each}") for each in range(4)), return_exceptions=True)
    refused = [each for each in ended if each is not None]
    assert len(refused) == 2
    assert "questions under way may cost $7.50" in str(refused[0])
    budgets.release(question("q0"))
    await reserve(budgets, "q5")
    with pytest.raises(OverBudget, match="the price of this question is unknown"):
        await reserve(budgets, "q6", "gemini-3.1-flash-lite")


async def test_an_answer_whose_tokens_google_does_not_say_costs_what_was_reserved(harness: Harness) -> None:
    budgets = QuestionBudgets(harness.stores.budgets, harness.stores.question_spend, PRICES, harness.clock)
    await reserve(budgets, "q1")
    stopped = replace(ANSWERED, answer=Answer("8"), base_model="")
    assert budgets.cost(question("q1"), stopped) == QuestionCost("gemini-3.5-flash", None, Decimal("3.75"))
    assert budgets.cost(question("q1"), ANSWERED).usd == Decimal("2.4")
    assert budgets.cost(question("q2"), stopped).usd is None


@pytest.mark.parametrize(("is_base", "usd"), [(False, Decimal("3.75")), (True, Decimal("2.5"))])
def test_a_question_to_a_base_model_is_expected_to_cost_the_price_of_the_base(is_base: bool, usd: Decimal) -> None:
    """Five tokens that are sent and ten that are written; a tuned model costs its multiple of that."""
    turns = [Turn(TurnRole.USER, "x" * 20)]
    settings = GenerationSettings(max_output_tokens=10)
    assert expected_cost(turns, settings, "gemini-3.5-flash", PRICES, is_base=is_base) == usd


@pytest.mark.parametrize("usd", [0, 1])
@pytest.mark.parametrize("subject", [ADA, PLACE.channel, WORKSPACE])
async def test_what_a_person_may_spend_is_not_shown_to_their_channel(
    harness: Harness, subject: str, usd: int
) -> None:
    process = harness.process(named_roles=ROLES, prices=PRICES)
    await process.budgets.set(OWNER, subject, Purpose.QUESTIONS, Decimal(usd))
    budgets = QuestionBudgets(harness.stores.budgets, harness.stores.question_spend, PRICES, harness.clock)
    spent = QuestionCost("gemini-3.5-flash", None, Decimal(usd) * 9 / 10)

    async def said(asked: Question) -> str:
        turns, short = [Turn(TurnRole.USER, asked.text)], GenerationSettings(max_output_tokens=10)
        reserving = budgets.reserve(asked, turns, short, "gemini-3.5-flash", endpoint="e")
        with pytest.raises(OverBudget) as refused:
            await (reserving if usd else budgets.check(asked))
        reserving.close()
        return str(refused.value)

    await harness.stores.question_spend.begin_call(question("q0"), spent, "e")
    await harness.stores.question_spend.end_call("q0", lost=True)
    shown = question("q1")
    alone = [replace(shown, private=True), replace(shown, key="terminal:1")]
    for asked, amounts in ((shown, subject != ADA), *((each, True) for each in alone)):
        for words in (await said(asked), await budgets.note(asked)):
            assert "budget" in words
            assert ("$" in words) is amounts, words
