"""What questions cost: the price of an answer, and the budgets for questions.

Nobody knows what an answer costs before it is there, so a question is refused once its budget is used up, and
those that are under way then may go over it by their own price. A question of unknown price counts as unknown.
"""

from collections.abc import Iterable, Sequence

from bot.domain.budgets import WORKSPACE, Budget, Purpose
from bot.domain.chat import ModelAnswer, Question
from bot.domain.spending import QuestionCost, QuestionSum, cost_of, sum_of
from bot.errors import OverBudget
from bot.ports.budgets import BudgetStore, QuestionSpendStore
from bot.ports.clock import Clock
from bot.spending.amounts import usd_text
from bot.spending.budget_check import RAISED_BY, WARNED_FROM, BudgetUse, budget_name
from bot.spending.month_report import month_of, next_month
from bot.spending.price_table import PriceTable


def question_cost(answered: ModelAnswer, prices: PriceTable) -> QuestionCost:
    """Return what an answer of a tuned model cost, by the tokens that Google says and the price of its base."""
    row, use = prices.row(answered.base_model), answered.answer.usage
    times = row.serving_multiplier
    if use is None or times is None or row.input is None or row.output is None:
        return QuestionCost(answered.base_model, use, None)
    usd = sum_of(cost_of(use.input, row.input * times), cost_of(use.output, row.output * times))
    return QuestionCost(answered.base_model, use, usd)


def question_uses(budgets: Iterable[Budget], sums: Sequence[QuestionSum]) -> list[BudgetUse]:
    """Return how much of each budget for questions the questions of this month took."""
    uses = []
    for budget in budgets:
        bound = [each for each in sums if budget.subject in (WORKSPACE, each.channel, each.user)]
        uses.append(BudgetUse(budget, sum_of(*(each.usd for each in bound)), sum(each.unknown for each in bound)))
    return uses


class QuestionBudgets:
    """Holds each question against the budgets that bind it."""

    def __init__(self, budgets: BudgetStore, spend: QuestionSpendStore, prices: PriceTable, clock: Clock) -> None:
        self._budgets = budgets
        self._spend = spend
        self._prices = prices
        self._clock = clock

    def cost(self, answered: ModelAnswer) -> QuestionCost:
        """Return what the answer cost."""
        return question_cost(answered, self._prices)

    async def check(self, question: Question) -> None:
        """Raises OverBudget if a budget for this question is used up, StorageError."""
        for use in await self._uses(question):
            if use.used >= use.budget.usd:
                used_up = (
                    f"{budget_name(use.budget)} for questions, {usd_text(use.budget.usd)} a month, is used up."
                )
                raise OverBudget(used_up, RAISED_BY)

    async def note(self, question: Question) -> str:
        """Return a sentence for each budget of this question that is nearly used up. Raises StorageError."""
        return " ".join(
            f"{budget_name(use.budget)} for questions is used to {use.percent}%: {usd_text(use.used)} of "
            f"{usd_text(use.budget.usd)} this month."
            for use in await self._uses(question)
            if use.percent >= WARNED_FROM
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
