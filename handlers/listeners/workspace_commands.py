"""Carries out the commands on a whole workspace: spending, budgets, roles, the audit log, what people wrote."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from bot.domain.place import Requester
from bot.errors import Forbidden
from bot.people.forgetting import Forgetting
from bot.people.job_access import JobAccess
from bot.people.roles import Deed, Roles
from bot.ports.clock import Clock
from bot.ports.job_store import JobStore
from bot.ports.stores import AuditLog
from bot.spending.month_report import month_of, month_report, months_back, next_month, start_of
from bot.tuning.budgets import Budgets
from handlers.blocks.audit import SHOWN as AUDIT_SHOWN
from handlers.blocks.audit import build_audit
from handlers.blocks.budgets import build_budgets
from handlers.blocks.forget import build_forget_question
from handlers.blocks.message import Message
from handlers.blocks.roles import build_role_change, build_roles
from handlers.blocks.spend import build_spend
from handlers.syntax.arguments import Arguments
from handlers.syntax.commands import Runner

EARLIER_MONTHS: Final = 6
# None says that the channel was told, and that the person saw it there.
Run = Callable[[Requester, Arguments], Awaitable[Message | None]]


class WorkspaceCommands:
    """Returns the message that answers each of its commands; `CommandRunner` calls them."""

    def __init__(
        self,
        access: JobAccess,
        roles: Roles,
        audit_log: AuditLog,
        forgetting: Forgetting,
        budgets: Budgets,
        jobs: JobStore,
        clock: Clock,
    ) -> None:
        self._access = access
        self._roles = roles
        self._audit_log = audit_log
        self._forgetting = forgetting
        self._budgets = budgets
        self._jobs = jobs
        self._clock = clock
        self.runners: Final[Mapping[Runner, Run]] = {
            Runner.SPEND: self._spend,
            Runner.BUDGET: self._budget,
            Runner.ROLES: self._roles_of,
            Runner.AUDIT: self._audit,
            Runner.FORGET: self._forget,
        }

    async def _spend(self, requester: Requester, arguments: Arguments) -> Message:
        month = arguments.month or month_of(self._clock.now())
        since, until = start_of(months_back(month, EARLIER_MONTHS)), start_of(next_month(month))
        sums = await self._budgets.question_sums(requester, month)
        # Sums name no tuning, so who answers for the spending sees those of all.
        if await self._roles.may(requester, Deed.SEE_SPEND) and not requester.overheard:
            jobs = await self._jobs.started(requester.team, since, until)
        else:
            jobs = await self._access.started(requester, since, until)
        report = month_report(jobs, month, sums)
        # The answer to a mention is posted in its thread, where each name would notify a person.
        return build_spend(report, with_people=not requester.place.thread)

    async def _forget(self, requester: Requester, arguments: Arguments) -> Message:
        """Ask first; the button of the question erases."""
        user = arguments.target or requester.user
        await self._forgetting.check(requester, user)
        return build_forget_question(user, own=user == requester.user)

    async def _roles_of(self, requester: Requester, arguments: Arguments) -> Message:
        # The answer to a mention is posted in its thread, where each name would notify a person.
        seen_by_one = not requester.place.thread
        if arguments.role is None:
            own = await self._roles.role(requester)
            return build_roles(await self._roles.grants(requester.team), own, with_mentions=seen_by_one)
        if arguments.role_change == "give":
            new = await self._roles.give(requester, arguments.role, arguments.target)
            change = "now has the role" if new else "has the role already:"
        else:
            await self._roles.take(requester, arguments.role, arguments.target)
            change = "no longer has the role"
        return build_role_change(arguments.target, change, arguments.role, with_mentions=seen_by_one)

    async def _audit(self, requester: Requester, arguments: Arguments) -> Message:
        await self._roles.check(requester, Deed.SEE_AUDIT)
        if requester.overheard:
            raise Forbidden(
                "All people of this channel would read the audit log here.", "Type /tune audit instead."
            )
        lines = await self._audit_log.lines(requester.team, AUDIT_SHOWN)
        jobs = await self._jobs.with_keys([line.subject for line in lines])
        names = {job.key: job.name for job in await self._access.visible(requester, jobs)}
        # The answer to a mention is posted in its thread, where each name would notify a person.
        return build_audit(lines, names, with_mentions=not requester.place.thread)

    async def _budget(self, requester: Requester, arguments: Arguments) -> Message:
        """Show the budgets, after a change where one is asked for."""
        if (change := arguments.budget) is not None:
            await self._budgets.set(requester, change.subject, change.purpose, change.usd)
        # The answer to a mention is posted in its thread, where each name would notify a person.
        uses = await self._budgets.uses(requester, change.subject if change is not None else "")
        return build_budgets(uses, with_people=not requester.place.thread)
