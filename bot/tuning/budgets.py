"""The use cases on budgets: show them, set them, and say before a start what it would take of them."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from bot.domain.budgets import WORKSPACE, Budget, Purpose
from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.domain.spending import QuestionSum, TuningEstimate
from bot.errors import BadArgument
from bot.people.roles import Deed, Roles
from bot.ports.clock import Clock
from bot.ports.job_store import JobStore
from bot.ports.stores import BudgetStore, QuestionSpendStore
from bot.spending.budget_check import BudgetUse, check_start, highest_cost, tuning_uses, warning
from bot.spending.month_report import month_of, next_month, start_of
from bot.spending.question_costs import question_uses


class Budgets:
    """Shows and sets the budgets of one workspace; a start is checked where its row is written."""

    def __init__(
        self, store: BudgetStore, jobs: JobStore, questions: QuestionSpendStore, roles: Roles, clock: Clock
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._questions = questions
        self._roles = roles
        self._clock = clock

    async def uses(self, requester: Requester, also: str = "") -> Sequence[BudgetUse]:
        """Return the budgets that the person may see, with what is used of each this month.

        Who may set budgets sees all of them, others those of the workspace, of this channel and of themselves;
        where others read the answer, too, it has only those of the workspace, of this channel and of `also`, which
        the person has named. Raises StorageError.
        """
        budgets = await self._store.budgets(requester.team)
        if requester.overheard:
            budgets = [each for each in budgets if each.subject in (WORKSPACE, requester.place.channel, also)]
        elif not await self._roles.may(requester, Deed.SET_BUDGET):
            budgets = [each for each in budgets if _binds(each, requester)]
        return await self._used(requester.team, budgets)

    async def set(self, requester: Requester, subject: str, purpose: Purpose, usd: Decimal | None) -> None:
        """Set a budget for each month, or none. Raises Forbidden, BadArgument, StorageError."""
        await self._roles.check(requester, Deed.SET_BUDGET)
        if subject != WORKSPACE and not subject.startswith(("U", "W", "C", "G")):
            raise BadArgument("A budget is for the workspace, a channel or a person.", "See /tune help.")
        await self._store.set(requester, subject, purpose, usd)

    async def warning(self, requester: Requester, known: TuningEstimate | None) -> str:
        """Return which budgets the start of this person here brings near their edge; empty for none.

        Raises StorageError.
        """
        cost = highest_cost(known)
        if cost is None:
            return ""
        budgets = [each for each in await self._store.budgets(requester.team) if _binds(each, requester)]
        tuning = [each for each in budgets if each.purpose is Purpose.TUNING]
        return warning(cost, await self._used(requester.team, tuning))

    async def check_again(self, job: TuningJob) -> None:
        """Check that a start that waits still fits into the budgets, which may have been lowered since.

        Raises OverBudget, StorageError.
        """
        asked_by = Requester(job.owner, job.place)
        budgets = [each for each in await self._store.budgets(asked_by.team) if _binds(each, asked_by)]
        tuning = [each for each in budgets if each.purpose is Purpose.TUNING]
        if tuning:
            month = month_of(job.created_at)
            jobs = await self._jobs.started(asked_by.team, start_of(month), start_of(next_month(month)))
            check_start(job, tuning, [each for each in jobs if each.key != job.key], to_its_owner=False)

    async def question_sums(self, requester: Requester, month: date) -> Sequence[QuestionSum]:
        """Return what questions cost in a month: of all people if this one may see that, else their own.

        Where others read the answer, too, it has those of this person in this channel only. Raises StorageError.
        """
        sums = await self._questions.sums(requester.team, month, next_month(month))
        if requester.overheard:
            here = requester.place.channel
            return [each for each in sums if each.channel == here and each.user == requester.user]
        if await self._roles.may(requester, Deed.SEE_SPEND):
            return sums
        return [each for each in sums if each.user == requester.user]

    async def _used(self, team: str, budgets: Sequence[Budget]) -> Sequence[BudgetUse]:
        if not budgets:
            return []
        month = month_of(self._clock.now())
        jobs = await self._jobs.started(team, start_of(month), start_of(next_month(month)))
        sums = await self._questions.sums(team, month, next_month(month))
        return [
            *tuning_uses([each for each in budgets if each.purpose is Purpose.TUNING], jobs),
            *question_uses([each for each in budgets if each.purpose is Purpose.QUESTIONS], sums),
        ]


def _binds(budget: Budget, requester: Requester) -> bool:
    return budget.subject in (WORKSPACE, requester.place.channel, requester.user)
