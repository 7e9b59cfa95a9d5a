"""Starts that need the yes of an approver: who is asked, who may decide, and what follows.

A start that was approved joins the queue in the same transaction, so it starts exactly once, as every other one.
The person who asked cannot approve. A start on which nobody decides in time ends; nothing was sent to Google.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from bot.domain.approval import Approval, ApprovalRules
from bot.domain.jobs import JobState, TuningJob
from bot.domain.place import Requester
from bot.domain.roles import Role
from bot.domain.spending import TuningEstimate
from bot.errors import BadArgument, Forbidden, NoSuchJob, Outdated
from bot.people.roles import Deed, Roles
from bot.ports.clock import Clock
from bot.ports.job_store import Change, JobStore
from bot.ports.notifier import NoticeKind
from bot.ports.stores import BY_BOT, AuditEntry
from bot.runtime.clocks import SteadyTime
from bot.spending.estimates import reason_to_approve
from bot.tuning.start_recheck import StartRecheck

ASKED_DIRECTLY: Final = 20  # how many people at most get a direct message about one start
LONGEST_REASON: Final = 500


def approve(job: TuningJob, by: Requester, now: datetime) -> Change | None:
    """Let a start that an approver allows join the queue; None if it does not wait for an approval any more."""
    known = job.approval
    if job.state is not JobState.AWAITING_APPROVAL or known is None or now >= known.expires_at:
        return None
    decided = replace(known, decided_by=by.user, decided_at=now)
    after = replace(job, state=JobState.WAITING, waits_since=now, approval=decided)
    notices = (NoticeKind.CARD, NoticeKind.APPROVAL, NoticeKind.APPROVED)
    return Change(after, notices=notices, acts=(AuditEntry(by.user, "approve", now, by.place.channel),))


def reprice(job: TuningJob, known: TuningEstimate, reason: str) -> Change | None:
    """Show approvers another price of a start; None if it does not wait for an approval any more."""
    if job.state is not JobState.AWAITING_APPROVAL or job.approval is None:
        return None
    after = replace(
        job,
        spec=replace(job.spec, estimate=known),
        approval=replace(job.approval, reason=reason or job.approval.reason),
    )
    return Change(after, notices=(NoticeKind.CARD, NoticeKind.APPROVAL))


def decline(job: TuningJob, by: Requester, reason: str, now: datetime) -> Change | None:
    """End a start that an approver does not allow; None if it does not wait for an approval any more."""
    known = job.approval
    if job.state is not JobState.AWAITING_APPROVAL or known is None:
        return None
    decided = replace(known, decided_by=by.user, decided_at=now, declined=reason)
    return _ended(replace(job, approval=decided), now, (AuditEntry(by.user, "decline", now, by.place.channel),))


def expire(job: TuningJob, now: datetime) -> Change | None:
    """End a start that nobody decided on in time; None for any other job."""
    if job.state is not JobState.AWAITING_APPROVAL or job.approval is None or now < job.approval.expires_at:
        return None
    return _ended(job, now, (AuditEntry(BY_BOT, "end a start without an approval", now, job.place.channel),))


def _ended(job: TuningJob, now: datetime, acts: tuple[AuditEntry, ...]) -> Change:
    after = replace(job, state=JobState.CANCELLED, ended_at=now)
    return Change(after, notices=(NoticeKind.CARD, NoticeKind.ENDED, NoticeKind.APPROVAL), acts=acts)


class Approvals:
    """Decides which starts need an approval, and carries out what approvers decide."""

    def __init__(
        self,
        jobs: JobStore,
        roles: Roles,
        recheck: StartRecheck,
        clock: Clock,
        wake_sender: Callable[[], None],
        rules: ApprovalRules,
    ) -> None:
        self._jobs = jobs
        self._roles = roles
        self._recheck = recheck
        self._clock = clock
        self._steady = SteadyTime(clock)
        self._wake_sender = wake_sender
        self._rules = rules

    async def needed(self, requester: Requester, job: TuningJob) -> Approval | None:
        """Return the approval that this start needs, None if it needs none. Raises StorageError."""
        if not (reason := await self.reason(requester, job.spec.estimate)):
            return None
        return Approval(reason, self._clock.now() + self._rules.expires_after, await self._asked(requester))

    async def reason(self, requester: Requester, known: TuningEstimate | None) -> str:
        """Return why this person's start needs an approval here, empty if it needs none. Raises StorageError."""
        alone = await self._roles.may(requester, Deed.START_ALONE)
        return reason_to_approve(known, self._rules, alone=alone)

    async def _asked(self, requester: Requester) -> tuple[str, ...]:
        """Return the approvals channel and the people who are named as approvers, without the one who asks."""
        named = await self._roles.people(requester.team, Role.APPROVER, Role.OWNER)
        people = [user for user in named if user != requester.user]
        return (*filter(None, [self._rules.channel]), *people[:ASKED_DIRECTLY])

    async def get(self, requester: Requester, key: str) -> TuningJob:
        """Return the job that this person is to decide on.

        Raises NoSuchJob, Outdated if there is nothing to decide, Forbidden if it is not for them to decide.
        """
        job = await self._jobs.job(key)
        if job is None or job.place.team != requester.team or job.approval is None:
            raise NoSuchJob("This tuning no longer exists.", "See all tunings with /tune list.")
        await self._roles.check(requester, Deed.APPROVE)
        if requester.user == job.owner:
            raise Forbidden("You asked for this start, so somebody else must approve it.", "Ask another approver.")
        if job.state is not JobState.AWAITING_APPROVAL:
            raise Outdated(
                f"“{job.name}” does not wait for an approval any more.", "Its card shows what became of it."
            )
        return job

    async def approve(self, requester: Requester, key: str) -> TuningJob:
        """Approve the start: it joins the queue.

        Raises what `get` raises, what `StartRecheck.check` raises, Outdated if its price has changed since the
        approver was asked, who is then shown the new one, StorageError.
        """
        job = await self.get(requester, key)
        await self._recheck.check(job)
        if (known := self._recheck.repriced(job)) is not None:
            reason = await self.reason(Requester(job.owner, job.place, present=False), known)
            await self._jobs.change(key, partial(reprice, known=known, reason=reason))
            self._wake_sender()
            raise Outdated(
                f"The price of “{job.name}” in the table has changed since this was asked. Nothing was started.",
                "Read the request again: it shows the new price. Approve starts it at that.",
            )
        return await self._decided(job, partial(approve, by=requester, now=self._clock.now()))

    async def decline(self, requester: Requester, key: str, reason: str) -> TuningJob:
        """Decline the start. Raises what `get` raises, BadArgument without a reason, StorageError."""
        job = await self.get(requester, key)
        words = " ".join(reason.split())[:LONGEST_REASON]
        if not words:
            raise BadArgument("There is no reason.", "Write why you decline.", field="reason")
        return await self._decided(job, partial(decline, by=requester, reason=words, now=self._clock.now()))

    async def _decided(self, job: TuningJob, step: Callable[[TuningJob], Change | None]) -> TuningJob:
        decided = False

        def carry_out(current: TuningJob) -> Change | None:
            nonlocal decided
            change = step(current)
            decided = change is not None
            return change

        after = await self._jobs.change(job.key, carry_out)
        self._wake_sender()
        if not decided or after is None:
            raise Outdated(
                f"“{job.name}” does not wait for an approval any more.", "Its card shows what became of it."
            )
        return after

    async def expire(self) -> None:
        """End the starts that nobody decided on in time. Raises StorageError."""
        waiting = [job.key for job in await self._jobs.open_jobs() if job.state is JobState.AWAITING_APPROVAL]
        now = self._steady.now()
        for job in await self._jobs.with_keys(waiting):
            if job.approval is not None and now >= job.approval.expires_at:
                await self._jobs.change(job.key, partial(expire, now=now))
                self._wake_sender()
