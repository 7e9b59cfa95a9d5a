"""How budgets and the cost of questions are stored. A write is committed when its method returns."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

from bot.domain.budgets import Budget, Purpose
from bot.domain.place import Requester
from bot.domain.spending import QuestionSum


class BudgetStore(Protocol):
    """Stores budgets; each change is written to the audit log in the same transaction."""

    async def budgets(self, team: str) -> Sequence[Budget]:
        """Return the workspace's budgets: its own, those of channels, those of people. Raises StorageError."""
        ...

    async def set(self, requester: Requester, subject: str, purpose: Purpose, usd: Decimal | None) -> None:
        """Store the budget in place of an older one, or delete it for None. Raises StorageError."""
        ...


class QuestionSpendStore(Protocol):
    """Reads what questions cost; `QuestionStore.store_answer` writes it."""

    async def sums(self, team: str | None, since: date, until: date) -> Sequence[QuestionSum]:
        """Return the sums of the months from `since` to before `until`, which are first days, oldest first.

        Without a workspace, those of all. Raises StorageError.
        """
        ...
