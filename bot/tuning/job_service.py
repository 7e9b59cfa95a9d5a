"""Accepts, cancels and deletes jobs, as people ask; `bot/tuning/job_starts.py` makes Google start them.

The row of a start is written before Google is called.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import JobState, TuningJob
from bot.domain.names import quoted
from bot.domain.operations import TunedModel
from bot.domain.place import Place, Requester
from bot.domain.requests import Proposal
from bot.domain.spending import ConfirmationRules
from bot.errors import (
    BadArgument,
    ConfirmationNeeded,
    Forbidden,
    NoSuchJob,
    Outdated,
)
from bot.people.job_access import JobAccess, check_start
from bot.people.roles import Deed
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.clock import Clock
from bot.ports.job_store import Change, JobStore
from bot.ports.notifier import NoticeKind
from bot.ports.stores import AuditEntry
from bot.spending.estimate_text import dearer_sentence
from bot.spending.estimates import priced_as, prices_of, reason_to_confirm, repriced
from bot.spending.price_table import PriceTable
from bot.tuning.approvals import Approvals
from bot.tuning.cancellation import Cancellations
from bot.tuning.job_starts import JobStarts
from bot.tuning.start_queue import admit
from bot.tuning.transitions import (
    ask_to_cancel,
    forget,
    mark_deleted,
)


class JobService:
    """The use cases on jobs. Each takes the id of a workspace (`team`) and sees only its jobs.

    Whether the person may see or change the job is decided before, by `bot.people`.
    """

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        jobs: JobStore,
        starts: JobStarts,
        access: JobAccess,
        approvals: Approvals,
        cancellations: Cancellations,
        prices: PriceTable,
        clock: Clock,
        wake_sender: Callable[[], None],
        *,
        confirmation_rules: ConfirmationRules | None = None,
    ) -> None:
        self._backends = backends
        self._jobs = jobs
        self.starts: Final = starts
        self._access = access
        self._approvals = approvals
        self._cancellations = cancellations
        self._prices = prices
        self._clock = clock
        self._wake_sender = wake_sender
        self._confirmation_rules = confirmation_rules or ConfirmationRules()

    def profile(self, job: TuningJob) -> BackendProfile:
        """Return the profile of the job's backend. Raises BadArgument if it is no longer offered."""
        return offered_backend(self._backends, job.backend).profile

    async def accept(
        self,
        team: str,
        proposal_id: str,
        user: str,
        channel: str = "",
        *,
        confirmed: bool = False,
        read_prices: str = "",
    ) -> TuningJob | None:
        """Write the job's row, so that a crash cannot lose it. Returns None if this proposal was accepted before.

        `user` becomes the job's owner; `channel` is where the person pressed Start, empty for a view. `confirmed`
        says that the person was shown why this start needs a second yes, at `read_prices`, and gave it. The prices
        of this moment decide: the table may have changed since the report.
        Raises ConfirmationNeeded without it, Outdated for an unknown proposal, Forbidden if the person may not
        start it there, NoSuchJob if its base is a tuned model that they do not see any more, BadArgument if
        a job that they see has its name now, StorageError.
        """
        proposal = await self._jobs.proposal(team, proposal_id)
        if proposal is None:
            raise Outdated("I no longer have this form.", "Open it again with /tune.")
        check_start(proposal, user, channel)
        # A second yes is given in a view, which stays open also for a person who leaves the channel meanwhile.
        pressed_in = Requester(user, Place(team, channel), present=not confirmed)
        requester = Requester(user, proposal.place, pressed_in.present and channel == proposal.place.channel)
        if user != proposal.owner and not await self._access.may_read(pressed_in, channel):
            raise Forbidden(
                "This report belongs to somebody else, in a channel that you cannot read. Nothing was started.",
                "Check the file yourself with /tune.",
            )
        await self._access.check(requester, Deed.TUNE)
        await self._access.check_base(pressed_in, proposal)
        profile = offered_backend(self._backends, proposal.spec.backend).profile
        proposal, dearer = _priced_now(proposal, read_prices, self._prices)
        now = self._clock.now()
        job = _job_of(proposal, profile, user, now)
        acts = [AuditEntry(user, "start", now, proposal.place.channel)]
        if proposal.spec.moved_from:
            acts.insert(0, AuditEntry(user, "move a model", now, proposal.place.channel))
        known, chosen = proposal.spec.estimate, proposal.spec.hyperparameters.epochs
        reason = reason_to_confirm(known, chosen, self._confirmation_rules)
        if reason or dearer:
            # A second click on a start that was accepted needs no second yes.
            if await self._jobs.job(job.key) is not None:
                return None
            if dearer or not confirmed:
                why = f"{dearer} {reason}".strip()
                prices = "" if known is None else prices_of(known)
                raise ConfirmationNeeded(why, "Confirm it, or change the number of epochs.", prices=prices)
        if confirmed and (reason or read_prices):
            act = "confirm a large start" if reason else "confirm a new price"
            acts.insert(0, AuditEntry(user, act, now, proposal.place.channel))
        approval = await self._approvals.needed(requester, job)
        begin = partial(admit, approval=approval, at_once=profile.tunings_at_once, now=now)
        notices = [NoticeKind.CARD, *([NoticeKind.APPROVAL] if approval else [])]
        hidden = await self._access.hidden_of_name(requester, job.name)
        return await self.starts.write(job, notices, acts, begin, hidden)

    def check_cancel(self, job: TuningJob) -> None:
        """Raises Outdated if the job has ended, BadArgument if its backend cannot cancel."""
        profile = self.profile(job)
        if not profile.can_cancel:
            raise BadArgument(f"{profile.title} cannot cancel a tuning.", "It ends by itself.")
        if job.state.ended:
            raise Outdated(f"“{job.name}” has already {_ENDED_WORDS[job.state]}.", "There is nothing to cancel.")

    def check_delete(self, job: TuningJob) -> None:
        """Raises Outdated while the job runs, unless it is in doubt."""
        if not job.in_doubt and not job.state.ended:
            hint = f"Cancel it first: /tune cancel {quoted(job.name)}"
            raise Outdated(f"“{job.name}” is still {job.state.words}.", hint)

    async def cancel(self, team: str, key: str, user: str, channel: str = "") -> TuningJob:
        """Cancel the job, as a person asked in this channel.

        Raises NoSuchJob, Outdated if it has ended, BadArgument if its backend cannot cancel.

        The row is marked before Google is asked, and each poll repeats the request until the job has ended. So
        neither a crash nor a lost answer can lose a cancellation that a person asked for. A start that was not
        sent ends at once, or when Google says that it has no such job; one that Google has not confirmed is
        cancelled as soon as Google shows it.
        """
        job = await self.get(team, key)
        self.check_cancel(job)
        # Where this process is at the start, it has looked by now, or Google refuses the key a second time.
        certain = not job.unsent or self.starts.is_being_made(key) or await self.starts.search.adopt_if_shown(job)
        ask = partial(ask_to_cancel, user=user, now=self._clock.now(), channel=channel, certain=certain)
        marked = await self._change(key, ask) or job
        if marked.state is JobState.CANCELLED and not marked.operation:
            # It was not sent yet; the running upload, if there is one, ends with its next chunk.
            self.starts.withdraw(key)
            return marked
        if marked.state.ended:
            raise Outdated(
                f"“{job.name}” has already {_ENDED_WORDS[marked.state]}.", "There is nothing to cancel."
            )
        if marked.state is not JobState.SUBMITTING:
            await self._cancellations.ask(marked)
        return await self.get(team, key)

    async def delete(self, team: str, key: str, user: str, channel: str = "") -> TuningJob:
        """Delete the tuned model at Google and remove it from the lists.

        Channels that chose it keep it as their model, which is deleted: no other one answers in its place.

        A start that is in doubt is only removed here: it comes back if Google shows it. The row is written last,
        so that an interrupted deletion can be repeated. Raises NoSuchJob, GoogleError, Outdated while the job
        runs.
        """
        job = await self.get(team, key)
        if job.in_doubt:
            given_up = partial(forget, user=user, now=self._clock.now(), channel=channel)
            return await self._change(key, given_up) or job
        self.check_delete(job)
        if job.tuned_model or job.endpoint:
            await offered_backend(self._backends, job.backend).delete(
                TunedModel(job.backend, job.tuned_model, job.endpoint, job.name, job.spec.base_model)
            )
        deleted = partial(mark_deleted, user=user, now=self._clock.now(), channel=channel)
        return await self._change(key, deleted) or job

    async def get(self, team: str, key: str) -> TuningJob:
        """Return the workspace's job with this key. Raises NoSuchJob, also for a job of another workspace."""
        job = await self._jobs.job(key)
        if job is None or job.place.team != team or job.deleted_by:
            raise NoSuchJob("This tuning no longer exists.", "See all tunings with /tune list.")
        return job

    async def _change(self, key: str, step: Callable[[TuningJob], Change | None]) -> TuningJob | None:
        job = await self._jobs.change(key, step)
        self._wake_sender()
        return job


_ENDED_WORDS = {
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "been cancelled",
    JobState.LOST: "been lost at Google",
}


def _job_of(proposal: Proposal, profile: BackendProfile, starter: str, now: datetime) -> TuningJob:
    spec = proposal.spec
    return TuningJob(
        key=proposal.id,
        place=proposal.place,
        owner=starter,
        prepared_by="" if starter == proposal.owner else proposal.owner,
        spec=spec,
        state=JobState.SUBMITTING,
        # A start counts in the month in which a person pressed Start, however old the report is.
        created_at=now,
        total_steps=profile.steps(spec.trained_examples, spec.hyperparameters),
    )


def _priced_now(proposal: Proposal, read_prices: str, prices: PriceTable) -> tuple[Proposal, str]:
    """Return the proposal at the prices of this moment, and what became dearer than a person has read.

    `read_prices` are those of a later question, in place of the report's.
    """
    known = proposal.spec.estimate
    if known is None:
        return proposal, ""
    read, today = priced_as(known, read_prices), repriced(known, prices)
    return replace(proposal, spec=replace(proposal.spec, estimate=today)), dearer_sentence(read, today)
