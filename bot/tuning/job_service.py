"""Starts, adopts, cancels and deletes jobs. This is the only module that makes Google start a tuning.

The row is written before Google is called, and right before the call also that it is made; the call is made once.
A start that was not sent, or that Google certainly did not carry out for a reason that passes, is tried again by
the poller, also in the next process. For one that was sent and has no answer, a search for the job's key shows
whether Google has it: a paid job is neither lost nor started twice.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import JobState, TuningJob
from bot.domain.names import quoted
from bot.domain.operations import Origin, TunedModel
from bot.domain.place import Place, Requester
from bot.domain.requests import Proposal
from bot.domain.spending import ConfirmationRules
from bot.errors import (
    AlreadyExists,
    BadArgument,
    BotError,
    ConfirmationNeeded,
    Forbidden,
    GoogleError,
    GoogleUnavailable,
    Interrupted,
    NoSuchJob,
    OutcomeUnknown,
    Outdated,
    QuotaExceeded,
    StorageError,
    TooManyTunings,
    UserError,
)
from bot.people.job_access import JobAccess, check_start
from bot.people.roles import Deed
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.clock import Clock
from bot.ports.files import FileReader
from bot.ports.job_store import Change, JobStore
from bot.ports.notifier import NoticeKind
from bot.ports.stores import AuditEntry
from bot.ports.workers import Workers
from bot.spending.estimates import prices_of, reason_to_confirm
from bot.spending.price_table import PriceTable
from bot.tuning.approvals import Approvals
from bot.tuning.cancellation import Cancellations
from bot.tuning.searches import Searches
from bot.tuning.start_queue import StartQueue, StartRetries, admit, step_after, wait_again
from bot.tuning.start_recheck import StartRecheck, pressed
from bot.tuning.training_data import refuse_cancelled, training_data
from bot.tuning.transitions import (
    adopt,
    ask_to_cancel,
    count_resume,
    end_cancelled,
    fail,
    forget,
    look_failed,
    mark_deleted,
    not_shown,
    postpone,
    record_create,
)

logger = logging.getLogger(__name__)

# How long Google must say that it has no job of an unconfirmed start: its list may be minutes late.
ADOPTION_GRACE: Final = timedelta(minutes=15)
DOUBT_AFTER: Final = timedelta(minutes=30)  # how long the searches for a start may fail before a person is told
RETRY_FOR: Final = timedelta(minutes=15)  # how long a start is tried again after errors that pass
MOST_RESUMES: Final = 5  # a start that ended so many processes is not begun again
LOOK_SECONDS: Final = 60.0
QUICK_LOOK_SECONDS: Final = 5.0  # a person waits for it


class JobService:
    """The use cases on jobs. Each takes the id of a workspace (`team`) and sees only its jobs.

    Whether the person may see or change the job is decided before, by `bot.people`.
    """

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        jobs: JobStore,
        files: Mapping[str, FileReader],
        workers: Workers,
        access: JobAccess,
        approvals: Approvals,
        recheck: StartRecheck,
        cancellations: Cancellations,
        prices: PriceTable,
        clock: Clock,
        wake_sender: Callable[[], None],
        *,
        adoption_grace: timedelta = ADOPTION_GRACE,
        doubt_after: timedelta = DOUBT_AFTER,
        retry_for: timedelta = RETRY_FOR,
        confirmation_rules: ConfirmationRules | None = None,
    ) -> None:
        self._backends = backends
        self._jobs = jobs
        self._files = files
        self._workers = workers
        self._access = access
        self._approvals = approvals
        self._recheck = recheck
        self._prices = prices
        self._clock = clock
        self._wake_sender = wake_sender
        self._adoption_grace = adoption_grace
        self._confirmation_rules = confirmation_rules or ConfirmationRules()
        self._cancellations = cancellations
        self._submitting: set[str] = set()
        self._cancelled: set[str] = set()
        self._doubt_after = doubt_after
        self._searches = Searches(clock, adoption_grace)
        self._retry_for = retry_for
        self._queue = StartQueue(backends, jobs, clock)
        self._retries = StartRetries(clock, retry_for)

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
        another job has its name now, StorageError.
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
        proposal, dearer = pressed(proposal, read_prices, self._prices)
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
        # Marked before the poller can see the row. A second click must neither remove the first one's mark nor
        # leave its own: then a start whose answer was lost would never be searched for.
        marked = job.key in self._submitting
        self._submitting.add(job.key)
        accepted: TuningJob | None = None
        try:
            approval = await self._approvals.needed(requester, job)
            begin = partial(admit, approval=approval, at_once=profile.tunings_at_once, now=now)
            notices = [NoticeKind.CARD, *([NoticeKind.APPROVAL] if approval else [])]
            accepted = await self._jobs.submit(job, notices, acts, begin)
        finally:
            if accepted is not None and accepted.state is JobState.SUBMITTING:
                self._submitting.add(job.key)
            elif not marked:
                self._submitting.discard(job.key)
        if accepted is None:
            return None
        self._wake_sender()
        return accepted

    async def begin_turns(self) -> Sequence[TuningJob]:
        """Return the jobs that waited and whose turn it is, for `submit`. Raises StorageError."""
        marked: list[str] = []

        def mark(key: str) -> None:
            # Before the row changes, so that nobody resumes the start that follows at once.
            self._submitting.add(key)
            marked.append(key)

        changed: Sequence[TuningJob] = ()
        begun: Sequence[TuningJob] = ()
        try:
            changed = await self._queue.turns(self._check_unsent, mark)
            begun = [job for job in changed if job.state is JobState.SUBMITTING]
        finally:
            self._submitting.difference_update(set(marked) - {job.key for job in begun})
        if changed:
            self._wake_sender()
        return begun

    async def _check_unsent(self, job: TuningJob) -> TuningJob:
        """Check a start that was accepted a while ago; returns it at the prices of this moment.

        Raises what `StartRecheck.check_at_turn` raises, Outdated if it needs an approval now.
        """
        try:
            checked = await self._recheck.check_at_turn(job)
        except UserError as error:
            if not error.passing:
                await self._adopt_if_shown(job)
            raise
        if job.approval is None:
            asked_by = Requester(job.owner, job.place, present=False)
            if await self._approvals.reason(asked_by, checked.spec.estimate):
                await self._recheck.check_answered(asked_by)
                raise Outdated("It needs an approval now, and needed none before.", "Try again asks for it.")
        return checked

    async def submit(self, job: TuningJob) -> None:
        """Start an accepted job at Google, once, unless it waits for its turn.

        Writes Google's error to the job; raises StorageError. After an error that passes, nothing was started: the
        row stays, and `recover` tries it again later, or it waits for another turn.
        """
        if job.state.in_bot:
            return
        self._submitting.add(job.key)
        try:
            backend = offered_backend(self._backends, job.backend)
            data = training_data(
                job, backend.profile, self._files, self._workers, lambda: job.key in self._cancelled
            )
            origin = Origin(await self._jobs.installation(), job.place.team, job.place.channel, job.owner)
            operation = await backend.create(job.key, job.spec, data, origin, partial(self._record_create, job))
        except StorageError:
            # The row is as it was: a start that was not sent is resumed, one that was sent is searched for.
            raise
        except (OutcomeUnknown, AlreadyExists) as error:
            # Google may have the job: `recover` searches for its key before anything is posted.
            logger.warning("the start of %s is unconfirmed: %s", job.key, error)
            self._retries.forget(job.key)
            await self._change(job.key, partial(record_create, now=self._clock.now()))
        except BotError as error:
            await self._refused(job, error)
        else:
            self._retries.forget(job.key)
            self._queue.started(job.backend)
            await self._change(job.key, partial(adopt, seen=operation, now=self._clock.now()))
        finally:
            self._submitting.discard(job.key)
            self._cancelled.discard(job.key)

    async def _refused(self, job: TuningJob, error: BotError) -> None:
        """Write that nothing was started: the job waits, is tried again later if the error passes, or fails."""
        logger.info("the start of %s was refused: %s", job.key, error)
        now = self._clock.now()
        change: Callable[[TuningJob], Change | None]
        if isinstance(error, TooManyTunings):
            self._queue.refused(job.backend)
            change = partial(wait_again, error=error, now=now)
        elif error.passing:
            wait = error.retry_after if isinstance(error, QuotaExceeded) else None
            seconds = self._retries.failed(job.key, wait or 0.0)
            change = partial(postpone, error=error, seconds=seconds, limit=self._retry_for, now=now)
        else:
            change = partial(fail, error=error, now=now)
        after = await self._change(job.key, change)
        if after is None or after.state is not JobState.SUBMITTING:
            self._retries.forget(job.key)

    async def _record_create(self, job: TuningJob) -> None:
        """Write that the create is about to be sent.

        Raises Outdated if the job was cancelled, AlreadyExists if it was found at Google meanwhile, StorageError.
        """
        recorded = False

        def record(current: TuningJob) -> Change | None:
            nonlocal recorded
            change = record_create(current, self._clock.now())
            recorded = change is not None
            return change

        newest = await self._jobs.change(job.key, record)
        if not recorded and newest is not None and newest.operation:
            raise AlreadyExists("Google already has a job of this start.", "I follow that one.")
        if not recorded:
            raise refuse_cancelled(job)

    async def recover(self, job: TuningJob) -> None:
        """Resume a start that was not sent, or search Google for one that was and is unconfirmed.

        Adopts the job that Google shows, and ends the job after Google has shown none for the grace time. Raises
        GoogleError, StorageError.
        """
        if job.key in self._submitting:
            return
        # The caller's copy may be older than a create that has ended since.
        newest = await self._jobs.job(job.key)
        if newest is None or newest.state is not JobState.SUBMITTING or job.key in self._submitting:
            return
        if newest.create_sent_at is None:
            if self._retries.due(job.key):
                await self._resume(newest)
        else:
            await self._search(newest)

    async def _resume(self, job: TuningJob) -> None:
        """Begin a start again that was not sent; one that ended too many processes is only searched for.

        So is one that was cancelled.
        """
        if job.cancelled_by:
            await self._search(job)
            return
        self._submitting.add(job.key)
        try:
            counted = self._retries.tried(job.key) or job.resumes > MOST_RESUMES
            if not counted and not await self._may_resume(job):
                return
            resumed = job if counted else await self._change(job.key, count_resume)
            if resumed is None or resumed.state is not JobState.SUBMITTING or not resumed.unsent:
                return
            if resumed.cancelled_by:
                return
            if resumed.resumes <= MOST_RESUMES:
                logger.info("resuming the start of %s, which was not sent to Google", job.key)
                await self.submit(resumed)
            else:
                # The row may be of a backup, older than a start that was sent.
                await self._search(resumed)
        finally:
            self._submitting.discard(job.key)
            self._cancelled.discard(job.key)

    async def _may_resume(self, job: TuningJob) -> bool:
        """Return whether a start of an earlier process may still be made; end it if not. Raises StorageError."""
        try:
            await self._check_unsent(job)
        except StorageError:
            raise
        except UserError as error:
            await self._change(job.key, step_after(error, self._clock.now()))
            return False
        return True

    async def _search(self, job: TuningJob) -> None:
        """Adopt the job if Google shows it; if not, end one that was not sent, and one that was after a while."""
        backend = offered_backend(self._backends, job.backend)
        thorough = self._searches.due(job.key)
        where = backend.where_to_look(job.key)
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                found = await backend.find(job.key, thorough=thorough)
        except (GoogleError, TimeoutError) as caught:
            error = (
                caught if isinstance(caught, GoogleError) else GoogleUnavailable("Google did not answer in time.")
            )
            seconds = self._searches.searched(job.key) if thorough else 0.0
            change = partial(look_failed, error=error, seconds=seconds, grace=self._doubt_after, where=where)
            await self._change(job.key, partial(change, now=self._clock.now()))
            return
        now = self._clock.now()
        if found is not None:
            self._searches.forget(job.key)
            await self._change(job.key, partial(adopt, seen=found, now=now))
        elif thorough and job.unsent and job.cancelled_by:
            self._searches.forget(job.key)
            await self._change(job.key, partial(end_cancelled, now=now))
        elif thorough and job.unsent:
            self._searches.forget(job.key)
            given_up = Interrupted(
                f"The start was interrupted {MOST_RESUMES} times before it was sent, and Google shows no such "
                "job: nothing was started, and nothing is billed.",
                "Ask an administrator to look into the log, then start it again with /tune.",
            )
            await self._change(job.key, partial(fail, error=given_up, now=now))
        elif thorough:
            seconds = self._searches.searched(job.key)
            change = partial(not_shown, seconds=seconds, grace=self._adoption_grace, where=where, now=now)
            await self._change(job.key, change)

    async def _adopt_if_shown(self, job: TuningJob) -> bool:
        """Follow the job of a start that another process may have sent, if Google shows it.

        A backup that was restored may be older than the start. Returns whether Google said so much. Raises
        StorageError.
        """
        if self._jobs.is_of_this_process(job.key):
            return True
        try:
            async with asyncio.timeout(QUICK_LOOK_SECONDS):
                found = await offered_backend(self._backends, job.backend).find(job.key)
        except (GoogleError, TimeoutError) as error:
            logger.info("cannot look at Google for %s now: %s", job.key, error)
            return False
        if found is not None:
            logger.warning("Google shows %s, which was %s here: following it", job.key, job.state)
            await self._change(job.key, partial(adopt, seen=found, now=self._clock.now()))
        return True

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
        certain = not job.unsent or key in self._submitting or await self._adopt_if_shown(job)
        ask = partial(ask_to_cancel, user=user, now=self._clock.now(), channel=channel, certain=certain)
        marked = await self._change(key, ask) or job
        if marked.state is JobState.CANCELLED and not marked.operation:
            # It was not sent yet; the running upload, if there is one, ends with its next chunk.
            self._retries.forget(key)
            if key in self._submitting:
                self._cancelled.add(key)
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
