"""Checks a start again that was accepted before: at an approval, at its turn, and in a later process that resumes
it.

What the bot offers, the table of prices, the budgets and the rights of the person who asked may all have changed.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.domain.spending import TuningEstimate
from bot.errors import BadArgument, Forbidden, NoSuchJob, Outdated, RightsUnknown
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.ports.backends import TuningBackend, offered_backend
from bot.spending.estimate_text import dearer_sentence
from bot.spending.estimates import repriced
from bot.spending.price_table import PriceTable
from bot.tuning.budgets import Budgets

_DECLINE = "Decline it with this reason, so that they can ask again."
_ASK_ANEW = "Try again shows the new prices."


class StartRecheck:
    """Says what has changed about a start that waits for its approval or its turn."""

    def __init__(
        self, backends: Mapping[str, TuningBackend], access: JobAccess, budgets: Budgets, prices: PriceTable
    ) -> None:
        self._backends = backends
        self._access = access
        self._budgets = budgets
        self._prices = prices

    async def check(self, job: TuningJob) -> None:
        """Check that an approver may allow the start.

        Raises what `check_rights` raises, OverBudget.
        """
        await self.check_rights(job)
        await self._budgets.check_again(job)

    async def check_rights(self, job: TuningJob) -> None:
        """Check that the person who asked may still make this start.

        Raises Forbidden if they may not tune any more, BadArgument if its base model is not offered, NoSuchJob if
        that was a tuned model which is gone for them, RightsUnknown where Slack does not say so, StorageError.
        """
        asked_by = Requester(job.owner, job.place, present=False)
        if await self.is_refused(lambda: self._access.may(asked_by, Deed.TUNE), asked_by):
            raise Forbidden("The person who asked for this start may not tune any more.", _DECLINE)
        for base in job.spec.sources:
            await self._check_base(asked_by, job, base)

    async def is_refused(
        self, allowed: Callable[[], Awaitable[bool]], asked_by: Requester, *jobs: TuningJob
    ) -> bool:
        """Return whether Slack's answers refuse something to the person, also with these jobs.

        Raises RightsUnknown unless Slack says now what the person may do; StorageError.
        """
        for _ in range(2):  # Slack may have begun to answer only after the first no.
            if await allowed():
                return False
            if not await self._access.answered(asked_by, *jobs):
                raise RightsUnknown(
                    "Slack does not say now whether the person who asked for this start may still tune.",
                    "Try again in a minute.",
                )
        return True

    async def check_at_turn(self, job: TuningJob) -> TuningJob:
        """Check a start that nobody allows now, right before it is sent; returns it at the prices of this moment.

        Budgets are checked where its row changes. Raises what `check_rights` raises, Outdated if a price rose or
        is not known any more.
        """
        await self.check_rights(job)
        known = job.spec.estimate
        if known is None:
            return job
        today = repriced(known, self._prices)
        if dearer_sentence(known, today):
            raise Outdated(
                "A price in my table has risen or is no longer known since a person said yes to this start.",
                _ASK_ANEW,
            )
        return job if today == known else replace(job, spec=replace(job.spec, estimate=today))

    async def _check_base(self, asked_by: Requester, job: TuningJob, base: str) -> None:
        profile = offered_backend(self._backends, job.backend).profile
        if base in profile.base_models:
            return
        made_by = await self._access.job_of(base)
        if made_by is None and "/" in base:
            return  # A tuned model that no job made: Google decides.
        if made_by is None:
            raise BadArgument(f"{base} is no longer offered for tuning.", _DECLINE)
        if made_by.deleted_by or await self.is_refused(
            lambda: self._access.may_use(asked_by, made_by), asked_by, made_by
        ):
            raise NoSuchJob(
                "The tuned model on which this start is based is gone for the person who asked.", _DECLINE
            )

    def repriced(self, job: TuningJob) -> TuningEstimate | None:
        """Return the estimate by today's table of prices; None if its price for training is the same."""
        known = job.spec.estimate
        today = None if known is None else repriced(known, self._prices)
        return None if known is None or today is None or today.training_price == known.training_price else today
