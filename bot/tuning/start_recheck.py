"""Checks a start again when somebody presses Start and when an approver allows it: its file was checked before.

What the bot offers, the table of prices, the budgets and the rights of the person who asked may all have changed.
"""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.domain.requests import Proposal
from bot.domain.spending import TuningEstimate
from bot.errors import BadArgument, Forbidden, NoSuchJob
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.ports.backends import TuningBackend, offered_backend
from bot.spending.estimate_text import dearer_sentence
from bot.spending.estimates import priced_as, repriced
from bot.spending.price_table import PriceTable
from bot.tuning.budgets import Budgets

_DECLINE = "Decline it with this reason, so that they can ask again."


class StartRecheck:
    """Says what has changed about a start that waits for its approval."""

    def __init__(
        self, backends: Mapping[str, TuningBackend], access: JobAccess, budgets: Budgets, prices: PriceTable
    ) -> None:
        self._backends = backends
        self._access = access
        self._budgets = budgets
        self._prices = prices

    async def check(self, job: TuningJob) -> None:
        """Check that the start may still be carried out.

        Raises Forbidden if the person who asked may not tune any more, BadArgument if its base model is not
        offered, NoSuchJob if that was a tuned model which is gone, OverBudget, StorageError.
        """
        asked_by = Requester(job.owner, job.place, present=False)
        if not await self._access.may(asked_by, Deed.TUNE):
            raise Forbidden("The person who asked for this start may not tune any more.", _DECLINE)
        for base in job.spec.sources:
            await self._check_base(asked_by, job, base)
        await self._budgets.check_again(job)

    async def _check_base(self, asked_by: Requester, job: TuningJob, base: str) -> None:
        profile = offered_backend(self._backends, job.backend).profile
        if base in profile.base_models:
            return
        made_by = await self._access.job_of(base)
        if made_by is None and "/" in base:
            return  # A tuned model that no job made: Google decides.
        if made_by is None:
            raise BadArgument(f"{base} is no longer offered for tuning.", _DECLINE)
        if made_by.deleted_by or not await self._access.may_use(asked_by, made_by):
            raise NoSuchJob("The tuned model on which this start is based is gone for who asked.", _DECLINE)

    def repriced(self, job: TuningJob) -> TuningEstimate | None:
        """Return the estimate by today's table of prices; None if its price for training is the same."""
        known = job.spec.estimate
        today = None if known is None else repriced(known, self._prices)
        return None if known is None or today is None or today.training_price == known.training_price else today


def pressed(proposal: Proposal, read_prices: str, prices: PriceTable) -> tuple[Proposal, str]:
    """Return the proposal at the prices of this moment, and what became dearer than a person has read.

    `read_prices` are those of a later question, in place of the report's.
    """
    known = proposal.spec.estimate
    if known is None:
        return proposal, ""
    read, today = priced_as(known, read_prices), repriced(known, prices)
    return replace(proposal, spec=replace(proposal.spec, estimate=today)), dearer_sentence(read, today)
