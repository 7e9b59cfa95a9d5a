"""What questions cost: the price of an answer, and the budgets for questions.

Nobody knows what an answer costs before it is there. So right before a question is sent, what it may cost is
estimated and reserved until its answer is stored, and a question whose estimate does not fit into its budgets is
refused. What is sent is also written down until its answer is: Google may charge for a call whose answer is lost,
so that one is counted as what it may have cost.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.domain.budgets import WORKSPACE, Budget, Purpose
from bot.domain.chat import ModelAnswer, Question, Turn, estimated_tokens
from bot.domain.generation_settings import GenerationSettings
from bot.domain.place import Place
from bot.domain.spending import QuestionCost, QuestionSum, cost_of, sum_of, usd_text
from bot.errors import AnswerLost, BotError, OverBudget, StorageError
from bot.ports.clock import Clock
from bot.ports.stores import BudgetStore, QuestionSpendStore
from bot.spending.budget_check import RAISED_BY, WARNED_FROM, BudgetUse, budget_name
from bot.spending.month_report import month_of, next_month
from bot.spending.price_table import PriceTable

logger = logging.getLogger(__name__)

EXPECTED_ANSWER: Final = 1_000  # tokens


def question_cost(answered: ModelAnswer, prices: PriceTable) -> QuestionCost:
    """Return what an answer cost, by the tokens that Google says and the price of the base model."""
    row, use = prices.row(answered.base_model), answered.answer.usage
    times = Decimal(1) if answered.is_base else row.serving_multiplier
    if use is None or times is None or row.input is None or row.output is None:
        return QuestionCost(answered.base_model, use, None)
    usd = sum_of(cost_of(use.input, row.input * times), cost_of(use.output, row.output * times))
    return QuestionCost(answered.base_model, use, usd)


def expected_cost(
    turns: Sequence[Turn],
    settings: GenerationSettings,
    base_model: str,
    prices: PriceTable,
    *,
    is_base: bool = False,
) -> Decimal | None:
    """Return what a question may cost, None where its price is not known.

    Where `is_base`, it goes to the base model itself, which costs no more than its own price. It takes
    EXPECTED_ANSWER tokens for each answer, or the most that the settings allow where that is less.
    """
    row = prices.row(base_model)
    times = Decimal(1) if is_base else row.serving_multiplier
    if times is None or row.input is None or row.output is None:
        return None
    sent = sum(estimated_tokens(turn.text) for turn in turns) + estimated_tokens(settings.system_instruction or "")
    written = min(settings.max_output_tokens or EXPECTED_ANSWER, EXPECTED_ANSWER) * (settings.candidate_count or 1)
    return sum_of(cost_of(sent, row.input * times), cost_of(written, row.output * times))


def question_uses(budgets: Iterable[Budget], sums: Sequence[QuestionSum]) -> list[BudgetUse]:
    """Return how much of each budget for questions the questions of this month took."""
    uses = []
    for budget in budgets:
        bound = [each for each in sums if budget.subject in (WORKSPACE, each.channel, each.user)]
        uses.append(BudgetUse(budget, sum_of(*(each.usd for each in bound)), sum(each.unknown for each in bound)))
    return uses


@dataclass(frozen=True, slots=True)
class _Reservation:
    """What a question under way may cost, None where its price is not known."""

    place: Place
    user: str
    base_model: str
    usd: Decimal | None

    def binds(self, budget: Budget, team: str) -> bool:
        return self.place.team == team and budget.subject in (WORKSPACE, self.place.channel, self.user)


class QuestionBudgets:
    """Holds each question against the budgets that bind it."""

    def __init__(self, budgets: BudgetStore, spend: QuestionSpendStore, prices: PriceTable, clock: Clock) -> None:
        self._budgets = budgets
        self._spend = spend
        self._prices = prices
        self._clock = clock
        self._reserved: dict[str, _Reservation] = {}

    def cost(self, question: Question, answered: ModelAnswer) -> QuestionCost:
        """Return what the answer cost; its reservation where Google does not say the tokens.

        Google does not say them of an answer that was stopped or whose connection broke, and it charges for it.
        """
        cost = question_cost(answered, self._prices)
        held = self._reserved.get(question.key)
        if cost.use is None and held is not None:
            return QuestionCost(held.base_model, None, held.usd)
        return cost

    async def reserve(
        self,
        question: Question,
        turns: Sequence[Turn],
        settings: GenerationSettings,
        base_model: str,
        *,
        endpoint: str,
        is_base: bool = False,
    ) -> None:
        """Reserve what the question may cost, right before it is sent, until `release`, and write it down.

        See `expected_cost`. Raises OverBudget if that does not fit into its budgets, or is not known while there
        is one, StorageError.
        """
        usd = expected_cost(turns, settings, base_model, self._prices, is_base=is_base)
        place = question.place
        # An answer that is stored while the sums are read may be missing in them, so its reservation counts too.
        before = dict(self._reserved)
        uses = await self._uses(question)
        held = [each for key, each in {**before, **self._reserved}.items() if key != question.key]
        for use in uses:
            budget = use.budget
            told = _told(question, budget)
            whose = f"{budget_name(budget)} for questions is {usd_text(budget.usd)} a month"
            if usd is None:
                raise told or OverBudget(
                    f"{whose}, and the price of this question is unknown, so I cannot say that it fits.",
                    f"An operator can put the price into the table of TUNEBOT_PRICES. {RAISED_BY}",
                )
            others = sum_of(*(each.usd or Decimal(0) for each in held if each.binds(budget, place.team)))
            if sum_of(use.used, others, usd) > budget.usd:
                under_way = f", questions under way may cost {usd_text(others)}" if others else ""
                raise told or OverBudget(
                    f"{whose}. Of it, {usd_text(use.used)} is used{under_way}, and this question may cost "
                    f"{usd_text(usd)}: that is too much.",
                    f"A smaller max_tokens makes it cheaper. {RAISED_BY}",
                )
        self._reserved[question.key] = _Reservation(place, question.user, base_model, usd)
        try:
            await self._spend.begin_call(question, QuestionCost(base_model, None, usd), endpoint)
        except StorageError:
            self.release(question)
            raise

    def release(self, question: Question) -> None:
        """End the reservation of a question whose answer is stored, or that failed."""
        self._reserved.pop(question.key, None)

    @asynccontextmanager
    async def sending(self, *questions: Question) -> AsyncIterator[None]:
        """Send the questions inside the block, each after `reserve`.

        What Google refuses costs nothing. A call that is ended for another reason without an answer, or whose
        answer is lost, is counted as what it may have cost, also by the next process where this one ends.
        """
        try:
            yield
        except Exception as error:
            lost = isinstance(error, AnswerLost) or not isinstance(error, BotError)
            for question in questions:
                if question.key in self._reserved:
                    await self._end_call(question.key, lost=lost)
            raise

    async def _end_call(self, key: str, *, lost: bool) -> None:
        try:
            await self._spend.end_call(key, lost=lost)
        except StorageError as error:
            logger.info("the end of a call could not be written down: %s", error)

    async def count_lost(self) -> None:
        """Count the calls that an earlier process sent and whose answers it did not store. Raises StorageError."""
        if number := await self._spend.count_lost():
            logger.warning("%d calls to models ended with the last process and are counted as paid", number)

    async def check(self, question: Question) -> None:
        """Raises OverBudget if a budget for this question is used up, StorageError."""
        for use in await self._uses(question):
            if use.used >= use.budget.usd:
                used_up = (
                    f"{budget_name(use.budget)} for questions, {usd_text(use.budget.usd)} a month, is used up."
                )
                raise _told(question, use.budget) or OverBudget(used_up, RAISED_BY)

    async def note(self, question: Question) -> str:
        """Return a sentence for each budget of this question that is nearly used up. Raises StorageError."""
        return " ".join(
            _near_edge(question, use) for use in await self._uses(question) if use.percent >= WARNED_FROM
        )

    async def _uses(self, question: Question) -> list[BudgetUse]:
        place = question.place
        subjects = (WORKSPACE, place.channel, question.user)
        budgets = [
            each
            for each in await self._budgets.budgets(place.team)
            if each.purpose is Purpose.QUESTIONS and each.subject in subjects
        ]
        if not budgets:
            return []
        month = month_of(self._clock.now())
        return question_uses(budgets, await self._spend.sums(place.team, month, next_month(month)))


def _told(question: Question, budget: Budget) -> OverBudget | None:
    """Return the refusal without amounts where others read what is the business of one person, else None."""
    if not (budget.is_personal and question.is_answered_in_public):
        return None
    return OverBudget(
        f"{budget_name(budget)} for questions does not allow this one.",
        f"/tune budget shows you alone how much is used. {RAISED_BY}",
    )


def _near_edge(question: Question, use: BudgetUse) -> str:
    name = f"{budget_name(use.budget)} for questions"
    if use.budget.is_personal and question.is_answered_in_public:
        return f"{name} is nearly used up: /tune budget shows you alone how much."
    return f"{name} is used to {use.percent}%: {usd_text(use.used)} of {usd_text(use.budget.usd)} this month."
