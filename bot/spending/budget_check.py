"""Decides whether a start fits into the budgets of this month, with exact amounts.

A tuning that has not ended counts with its highest estimated cost, so that what is under way is reserved. After
its end the tokens count that Google trained on; where Google does not say them, the reservation stays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.domain.budgets import WORKSPACE, Budget
from bot.domain.jobs import TuningJob
from bot.domain.spending import TuningEstimate, sum_of, usd_text
from bot.errors import OverBudget
from bot.spending.month_report import Basis, spend_of

WARNED_FROM: Final = 80  # percent
RAISED_BY: Final = "Owners and administrators of this workspace can raise it with /tune budget."


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """A budget and what is used of it this month; `unknown` counts what has no known price, which `used` lacks."""

    budget: Budget
    used: Decimal
    unknown: int = 0

    @property
    def percent(self) -> int:
        """How much is used, in whole percent, rounded down; 100 for a budget of nothing."""
        return int(self.used * 100 / self.budget.usd) if self.budget.usd else 100


def reserved(job: TuningJob) -> Decimal | None:
    """Return what a tuning takes of a budget; None where its price is not known."""
    spent = spend_of(job)
    if spent.basis in (Basis.GOOGLE, Basis.NOTHING):
        return spent.amount
    return highest_cost(job.spec.estimate)


def highest_cost(known: TuningEstimate | None) -> Decimal | None:
    """Return the cost if the number of tokens is too low by the whole error; None if it is not known."""
    return known.highest_cost(known.passes) if known else None


def tuning_uses(budgets: Iterable[Budget], jobs: Sequence[TuningJob]) -> list[BudgetUse]:
    """Return how much of each budget for tuning the jobs of this month take."""
    uses = []
    for budget in budgets:
        amounts = [reserved(job) for job in jobs if _binds(budget, job)]
        known = [amount for amount in amounts if amount is not None]
        uses.append(BudgetUse(budget, sum_of(*known), len(amounts) - len(known)))
    return uses


def check_start(
    job: TuningJob, budgets: Sequence[Budget], jobs: Sequence[TuningJob], *, to_its_owner: bool = True
) -> None:
    """Raises OverBudget if the start does not fit into each of the budgets beside the `jobs` of this month.

    `to_its_owner` says that the person who asked for the start reads it, and not an approver.
    """
    cost = highest_cost(job.spec.estimate)
    for use in tuning_uses(budgets, jobs):
        name = budget_name(use.budget, own=to_its_owner)
        whose = f"{name} for {use.budget.purpose} is {usd_text(use.budget.usd)} a month"
        if cost is None:
            raise OverBudget(
                f"{whose}, and the price of this start is unknown, so I cannot say that it fits.",
                f"An operator can put the price into the table of TUNEBOT_PRICES. {RAISED_BY}",
            )
        if sum_of(use.used, cost) > use.budget.usd:
            raise OverBudget(
                f"{whose}. Of it, {usd_text(use.used)} is spent or reserved this month, and this start may cost "
                f"up to {usd_text(cost)}: that is too much.",
                RAISED_BY,
            )


def warning(job_cost: Decimal, uses: Iterable[BudgetUse]) -> str:
    """Return a sentence for each budget that a start of this cost brings near its edge."""
    after = [BudgetUse(use.budget, sum_of(use.used, job_cost), use.unknown) for use in uses]
    return " ".join(near_edge(use) for use in after if use.percent >= WARNED_FROM)


def near_edge(use: BudgetUse) -> str:
    """Return how much of a budget is used, as a sentence."""
    budget = use.budget
    return (
        f"{budget_name(budget)} for {budget.purpose} is then used to {use.percent}%: {usd_text(use.used)} of "
        f"{usd_text(budget.usd)} this month."
    )


def _binds(budget: Budget, job: TuningJob) -> bool:
    return budget.subject in (WORKSPACE, job.place.channel, job.owner)


def budget_name(budget: Budget, *, own: bool = True) -> str:
    """Return `The budget of this channel`, ..., to begin a sentence to the person whose money is spent.

    Without `own`, the sentence is for somebody else, who may read it in another channel.
    """
    if budget.subject == WORKSPACE:
        return "The budget of this workspace"
    if budget.is_personal:
        return "Your budget" if own else "The budget of the person who asked"
    return "The budget of this channel" if own else "The budget of the channel"
