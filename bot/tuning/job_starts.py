"""Makes Google start the accepted jobs. This is the only module that does.

The row is written before Google is called, and right before the call also that it is made; the call is made once.
A start that was not sent, or that Google certainly did not carry out for a reason that passes, is tried again by
the poller, also in the next process. For one that was sent and has no answer, a search for the job's key shows
whether Google has it: a paid job is neither lost nor started twice.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from bot.domain.jobs import JobState, TuningJob
from bot.domain.operations import Origin
from bot.domain.place import Requester
from bot.errors import (
    AlreadyExists,
    BotError,
    OutcomeUnknown,
    Outdated,
    QuotaExceeded,
    StorageError,
    TooManyTunings,
    UserError,
)
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.clock import Clock
from bot.ports.files import FileReader
from bot.ports.job_store import Admit, Change, JobStore
from bot.ports.notifier import NoticeKind
from bot.ports.stores import AuditEntry
from bot.ports.workers import Workers
from bot.tuning.approvals import Approvals
from bot.tuning.searches import MOST_RESUMES, Searches, StartSearch
from bot.tuning.start_queue import StartQueue, StartRetries, step_after, wait_again
from bot.tuning.start_recheck import StartRecheck
from bot.tuning.training_data import refuse_cancelled, training_data
from bot.tuning.transitions import (
    adopt,
    count_resume,
    fail,
    postpone,
    record_create,
)

logger = logging.getLogger(__name__)

# How long Google must say that it has no job of an unconfirmed start: its list may be minutes late.
ADOPTION_GRACE: Final = timedelta(minutes=15)
DOUBT_AFTER: Final = timedelta(minutes=30)  # how long the searches for a start may fail before a person is told
HELD_FOR: Final = timedelta(days=1)  # how long a start waits for Slack to say whether it may still be made
RETRY_FOR: Final = timedelta(minutes=15)  # how long a start is tried again after errors that pass


class JobStarts:
    """The starts that this process makes, and those that it finds unfinished, of all workspaces."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        jobs: JobStore,
        files: Mapping[str, FileReader],
        workers: Workers,
        approvals: Approvals,
        recheck: StartRecheck,
        clock: Clock,
        wake_sender: Callable[[], None],
        *,
        adoption_grace: timedelta = ADOPTION_GRACE,
        doubt_after: timedelta = DOUBT_AFTER,
        retry_for: timedelta = RETRY_FOR,
    ) -> None:
        self._backends = backends
        self._jobs = jobs
        self._files = files
        self._workers = workers
        self._approvals = approvals
        self._recheck = recheck
        self._clock = clock
        self._wake_sender = wake_sender
        self._retry_for = retry_for
        self._submitting: set[str] = set()
        self._cancelled: set[str] = set()
        # For how many seconds Slack has not said what the person of a start may do, while it was asked.
        self._held: dict[str, float] = {}
        self._holding = Searches(clock, HELD_FOR)
        self.search: Final = StartSearch(backends, jobs, clock, self._change, adoption_grace, doubt_after)
        self._queue = StartQueue(backends, jobs, clock)
        self._retries = StartRetries(clock, retry_for)

    async def write(
        self,
        job: TuningJob,
        notices: Sequence[NoticeKind],
        acts: Sequence[AuditEntry],
        begin: Admit,
        hidden: Collection[str] = (),
    ) -> TuningJob | None:
        """Write the row of a start, for `submit`; returns None if it was written before.

        The jobs with the `hidden` keys may have its name.

        Raises what `JobStore.submit` raises.
        """
        # Marked before the poller can see the row. A second click must neither remove the first one's mark nor
        # leave its own: then a start whose answer was lost would never be searched for.
        marked = job.key in self._submitting
        self._submitting.add(job.key)
        accepted: TuningJob | None = None
        try:
            accepted = await self._jobs.submit(job, notices, acts, begin, hidden)
        finally:
            if accepted is not None and accepted.state is JobState.SUBMITTING:
                self._submitting.add(job.key)
            elif not marked:
                self._submitting.discard(job.key)
        if accepted is not None:
            self._wake_sender()
        return accepted

    def is_being_made(self, key: str) -> bool:
        """Return whether this process makes the start now."""
        return key in self._submitting

    def withdraw(self, key: str) -> None:
        """Do not try a cancelled start again that was not sent; a running upload ends with its next chunk."""
        self._retries.forget(key)
        self._release(key)
        if key in self._submitting:
            self._cancelled.add(key)

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
            # One whose turn was given elsewhere during its check is not begun a second time.
            begun = [job for job in changed if job.state is JobState.SUBMITTING and job.key in marked]
        finally:
            self._submitting.difference_update(set(marked) - {job.key for job in begun})
        if changed:
            self._wake_sender()
        return begun

    async def _check_unsent(self, job: TuningJob) -> TuningJob:
        """Check a start that was accepted a while ago; returns it at the prices of this moment.

        Raises what `StartRecheck.check_at_turn` raises, Outdated if it needs an approval now, or if Slack has not
        said for long what the person may do: of a channel without the bot it never says that.
        """
        try:
            checked = await self._checked_now(job)
        except UserError as error:
            if error.passing:
                self._held[job.key] = self._held.get(job.key, 0.0) + self._holding.searched(job.key)
                if self._held[job.key] < HELD_FOR.total_seconds():
                    raise
            await self.search.adopt_if_shown(job)
            self._release(job.key)
            if error.passing:
                raise Outdated(
                    "For a day Slack has not told me whether the person who asked for this start may still tune.",
                    "Try again checks it anew. In a channel that I am in, Slack tells me who is there.",
                ) from error
            raise
        self._release(job.key)
        return checked

    async def _checked_now(self, job: TuningJob) -> TuningJob:
        checked = await self._recheck.check_at_turn(job)
        if job.approval is None:
            asked_by, cost = Requester(job.owner, job.place, present=False), checked.spec.estimate

            async def needs_none() -> bool:
                return not await self._approvals.reason(asked_by, cost)

            if await self._recheck.is_refused(needs_none, asked_by):
                raise Outdated("It needs an approval now, and needed none before.", "Try again asks for it.")
        return checked

    def _release(self, key: str) -> None:
        """Delete what is kept about a start that was held back."""
        self._held.pop(key, None)
        self._holding.forget(key)

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

        Raises Outdated if the job was cancelled, AlreadyExists if it was sent or found at Google meanwhile,
        StorageError.
        """
        recorded = False

        def record(current: TuningJob) -> Change | None:
            nonlocal recorded
            change = record_create(current, self._clock.now())
            recorded = change is not None
            return change

        newest = await self._jobs.change(job.key, record)
        if not recorded and newest is not None and not newest.unstarted:
            raise AlreadyExists("This start was sent to Google before.", "I follow that one.")
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
            await self.search.look(newest)

    async def _resume(self, job: TuningJob) -> None:
        """Begin a start again that was not sent; one that ended too many processes is only searched for.

        So is one that was cancelled.
        """
        if job.cancelled_by:
            await self.search.look(job)
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
                await self.search.look(resumed)
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

    async def _change(self, key: str, step: Callable[[TuningJob], Change | None]) -> TuningJob | None:
        job = await self._jobs.change(key, step)
        self._wake_sender()
        return job
