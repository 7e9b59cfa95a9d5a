"""Starts, adopts, cancels and deletes jobs. This is the only module that makes Google start a tuning.

The row is written before Google is called, and the call is made once. After a crash between the two, a search for
the job's key shows whether Google has the job: a paid job is neither lost nor started twice.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.datasets import Side, Split, convert
from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import ModelRef
from bot.domain.datasets import Dataset
from bot.domain.jobs import JobState, TunedModel, TuningJob
from bot.domain.requests import Proposal
from bot.domain.suggestions import did_you_mean
from bot.errors import AlreadyExists, BadArgument, BotError, NoSuchJob, OutcomeUnknown, Outdated
from bot.ports.backends import TrainingData, TuningBackend
from bot.ports.clock import Clock
from bot.ports.files import FileReader
from bot.ports.notifier import NoticeKind
from bot.ports.registry import file_reader, offered_backend
from bot.ports.stores import AuditEntry, Change, ChatStore, JobStore
from bot.tuning.cancellation import Cancellations
from bot.tuning.permissions import check_start
from bot.tuning.transitions import apply_operation, ask_to_cancel, fail, mark_deleted

logger = logging.getLogger(__name__)

ADOPTION_GRACE: Final = timedelta(minutes=2)  # how long a job may take to appear at Google after a lost answer


class JobService:
    """The use cases on jobs. Each takes the id of a workspace (`team`) and sees only its jobs."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        jobs: JobStore,
        chats: ChatStore,
        files: Mapping[str, FileReader],
        cancellations: Cancellations,
        clock: Clock,
        wake_sender: Callable[[], None],
        adoption_grace: timedelta = ADOPTION_GRACE,
    ) -> None:
        self._backends = backends
        self._jobs = jobs
        self._chats = chats
        self._files = files
        self._clock = clock
        self._wake_sender = wake_sender
        self._adoption_grace = adoption_grace
        self._cancellations = cancellations
        self._submitting: set[str] = set()
        self._unconfirmed: dict[str, datetime] = {}

    def profile(self, job: TuningJob) -> BackendProfile:
        """Return the profile of the job's backend. Raises BadArgument if it is no longer offered."""
        return offered_backend(self._backends, job.backend).profile

    async def accept(self, team: str, proposal_id: str, user: str, channel: str = "") -> TuningJob | None:
        """Write the job's row, so that a crash cannot lose it. Returns None if this proposal was accepted before.

        `user` becomes the job's owner; `channel` is where the person pressed Start, empty for a view.
        Raises Outdated for an unknown proposal, Forbidden if the person may not start it there, BadArgument if
        another job has its name now, StorageError.
        """
        proposal = await self._jobs.proposal(team, proposal_id)
        if proposal is None:
            raise Outdated("I no longer have this form.", "Open it again with /tune.")
        check_start(proposal, user, channel)
        job = _job_of(proposal, offered_backend(self._backends, proposal.spec.backend).profile, user)
        # Marked before the poller can see the row. A second click must neither remove the first one's mark nor
        # leave its own: then a start whose answer was lost would never be searched for.
        marked = job.key in self._submitting
        self._submitting.add(job.key)
        accepted = False
        try:
            accepted = await self._jobs.submit(
                job, [NoticeKind.CARD], [AuditEntry(user, "start", self._clock.now())]
            )
        finally:
            if accepted:
                self._submitting.add(job.key)
            elif not marked:
                self._submitting.discard(job.key)
        if not accepted:
            return None
        self._wake_sender()
        return job

    async def submit(self, job: TuningJob) -> None:
        """Start an accepted job at Google, once. Writes Google's error to the job; raises StorageError."""
        try:
            backend = offered_backend(self._backends, job.backend)
            operation = await backend.create(job.key, job.spec, self._data(job, backend.profile))
        except (OutcomeUnknown, AlreadyExists) as error:
            # Google may have the job: `recover` searches for its key before anything is posted.
            logger.warning("the start of %s is unconfirmed: %s", job.key, error)
        except BotError as error:
            logger.info("the start of %s was refused: %s", job.key, error)
            await self._change(job.key, partial(fail, error=error, now=self._clock.now()))
        else:
            await self._change(job.key, partial(apply_operation, seen=operation, now=self._clock.now()))
        finally:
            self._submitting.discard(job.key)

    async def recover(self, job: TuningJob) -> None:
        """Search Google for a job whose start is unconfirmed: adopt it, or fail it after the grace time.

        Raises GoogleError, StorageError.
        """
        if job.key in self._submitting:
            return
        now = self._clock.now()
        # The grace time begins with the first search of this process, however long the upload before it took.
        since = self._unconfirmed.setdefault(job.key, now)
        found = await offered_backend(self._backends, job.backend).find(job.key)
        if found is not None:
            await self._change(job.key, partial(apply_operation, seen=found, now=now))
        elif now - since >= self._adoption_grace:
            error = BotError(
                "The start was interrupted, and Google has no such job: nothing was started, nothing is billed.",
                "Start it again with /tune.",
            )
            await self._change(job.key, partial(fail, error=error, now=now))
        else:
            return
        self._unconfirmed.pop(job.key, None)

    async def cancel(self, team: str, key: str, user: str) -> TuningJob:
        """Cancel the job. Raises NoSuchJob, Outdated if it has ended, BadArgument if its backend cannot cancel.

        The row is marked before Google is asked, and each poll repeats the request until the job has ended. So
        neither a crash nor a lost answer can lose a cancellation that a person asked for.
        """
        job = await self.get(team, key)
        profile = self.profile(job)
        if not profile.can_cancel:
            raise BadArgument(f"{profile.title} cannot cancel a tuning.", "It ends by itself.")
        if job.state is JobState.SUBMITTING:
            raise Outdated(f"Google has not confirmed the start of {job.name} yet.", "Try again in a minute.")
        marked = await self._change(key, partial(ask_to_cancel, user=user, now=self._clock.now())) or job
        if marked.state.ended:
            raise Outdated(f"{job.name} has already {_ENDED_WORDS[marked.state]}.", "There is nothing to cancel.")
        await self._cancellations.ask(marked)
        return await self.get(team, key)

    async def delete(self, team: str, key: str, user: str) -> TuningJob:
        """Delete the tuned model at Google and remove it from the lists and channels.

        The row is written last, so that an interrupted deletion can be repeated. Raises NoSuchJob, Outdated while
        the job runs, GoogleError.
        """
        job = await self.get(team, key)
        if not job.state.ended:
            raise Outdated(f"{job.name} is still {job.state}.", f"Cancel it first: /tune cancel {job.name}")
        if job.tuned_model or job.endpoint:
            await offered_backend(self._backends, job.backend).delete(
                TunedModel(job.backend, job.tuned_model, job.endpoint, job.name, job.spec.base_model)
            )
        await self._chats.unbind(team, ModelRef(job.backend, job.endpoint, job.name))
        return await self._change(key, partial(mark_deleted, user=user, now=self._clock.now())) or job

    async def get(self, team: str, key: str) -> TuningJob:
        """Return the workspace's job with this key. Raises NoSuchJob, also for a job of another workspace."""
        job = await self._jobs.job(key)
        if job is None or job.place.team != team or job.deleted_by:
            raise NoSuchJob("This job no longer exists.", "See all jobs with /tune list.")
        return job

    async def named(self, team: str, name: str) -> TuningJob:
        """Return the workspace's newest job of this name. Raises NoSuchJob with a suggestion."""
        job = await self._jobs.named(team, name)
        if job is None:
            known = [job.name for job in await self._jobs.jobs(team)]
            raise NoSuchJob(f"I know no job named {name!r}.", _suggestion(name, known))
        return job

    def _data(self, job: TuningJob, profile: BackendProfile) -> TrainingData:
        """Return what the backend reads: one file, two files, or the two sides of one file."""
        spec = job.spec
        if spec.validation_share:
            training = Split(spec.validation_share, Side.TRAINING)
            validation = Split(spec.validation_share, Side.VALIDATION)
            return TrainingData(
                self._rows(job, spec.training, profile, training),
                self._rows(job, spec.training, profile, validation),
            )
        return TrainingData(
            self._rows(job, spec.training, profile),
            self._rows(job, spec.validation, profile) if spec.validation is not None else None,
        )

    async def _rows(
        self, job: TuningJob, dataset: Dataset, profile: BackendProfile, split: Split | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the rows in the backend's dialect. Raises Outdated if the file is not the one that was checked."""
        reader = file_reader(self._files, dataset.location)
        async with aclosing(reader.read(job.place, job.file_reader, dataset.location)) as chunks:
            rows = convert(
                chunks,
                dialect=dataset.dialect,
                target=profile.dialect,
                mapping=dataset.mapping,
                sha256=dataset.sha256,
                split=split,
                name=dataset.name,
            )
            async for chunk in rows:
                yield chunk

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


def _job_of(proposal: Proposal, profile: BackendProfile, starter: str) -> TuningJob:
    spec = proposal.spec
    return TuningJob(
        key=proposal.id,
        place=proposal.place,
        owner=starter,
        prepared_by="" if starter == proposal.owner else proposal.owner,
        spec=spec,
        state=JobState.SUBMITTING,
        created_at=proposal.created_at,
        total_steps=profile.steps(spec.trained_examples, spec.hyperparameters),
    )


def _suggestion(name: str, known: list[str]) -> str:
    if not known:
        return "Nothing was tuned here yet. Start with /tune."
    return did_you_mean(name, known, otherwise="See all jobs with /tune list.")
