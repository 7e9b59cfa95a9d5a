"""The life of a job: start, adopt, refresh, cancel, delete. The only place that makes Google start a tuning.

The row is written before Google is called, and the call is made once. Whatever happens between the two, the key
tells afterwards whether Google has the job: a paid job is neither lost nor started twice.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial

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
from bot.tuning.transitions import apply_operation, ask_to_cancel, fail, mark_deleted

logger = logging.getLogger(__name__)

ADOPTION_GRACE = timedelta(minutes=2)  # how long a create without an answer may take to show at Google


class JobService:
    """The use cases on jobs. Every one takes the workspace's team id and sees that team's jobs only."""

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
        """What the job's backend can do. Raises BadArgument where it is no longer offered."""
        return offered_backend(self._backends, job.backend).profile

    async def accept(self, team: str, proposal_id: str, user: str) -> TuningJob | None:
        """Write the job's row; after this a crash cannot lose it. None if this proposal was accepted before.

        Raises Outdated for an unknown proposal, BadArgument if its name was taken meanwhile.
        """
        proposal = await self._jobs.proposal(team, proposal_id)
        if proposal is None:
            raise Outdated("I no longer have this form.", "Open it again with /tune.")
        job = _job_of(proposal, offered_backend(self._backends, proposal.spec.backend).profile)
        # Marked before the row can be seen. A second click neither takes away the first one's mark nor leaves its
        # own: with that, a start whose process died or whose answer was lost would never be looked up.
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
        """Start an accepted job at Google, once. What goes wrong is written to the job, not raised."""
        try:
            backend = offered_backend(self._backends, job.backend)
            operation = await backend.create(job.key, job.spec, self._data(job, backend.profile))
        except (OutcomeUnknown, AlreadyExists) as error:
            # Google may have the job: `recover` looks it up by its key before anybody is told anything.
            logger.warning("the start of %s is unconfirmed: %s", job.key, error)
        except BotError as error:
            logger.info("the start of %s was refused: %s", job.key, error)
            await self._change(job.key, partial(fail, error=error, now=self._clock.now()))
        else:
            await self._change(job.key, partial(apply_operation, seen=operation, now=self._clock.now()))
        finally:
            self._submitting.discard(job.key)

    async def recover(self, job: TuningJob) -> None:
        """Look up a job whose start was never confirmed: adopt it, or fail it once it cannot turn up any more."""
        if job.key in self._submitting:
            return
        now = self._clock.now()
        # Counted from this process's first look: however long an upload took, Google gets the whole grace.
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
        """Have the job stopped. Raises Outdated if it has ended, BadArgument where Google cannot cancel.

        The row says so before Google is asked: from then on whoever looks at the job asks until it has ended, so
        neither a crash nor a lost answer lets a job run on that a person was told will be cancelled.
        """
        job = await self.get(team, key)
        profile = self.profile(job)
        if not profile.can_cancel:
            raise BadArgument(f"{profile.title} cannot cancel a tuning.", "It ends by itself.")
        if job.state is JobState.SUBMITTING:
            raise Outdated(f"{job.name} is just being handed to Google.", "Try again in a minute.")
        marked = await self._change(key, partial(ask_to_cancel, user=user, now=self._clock.now())) or job
        if marked.state.ended:
            raise Outdated(f"{job.name} has already {_ENDED_WORDS[marked.state]}.", "There is nothing to cancel.")
        await self._cancellations.ask(marked)
        return await self.get(team, key)

    async def delete(self, team: str, key: str, user: str) -> TuningJob:
        """Delete the tuned model at Google and take it out of the lists and channels. Raises Outdated.

        The row is written last: whatever is cut short half-way, the model can be deleted once more.
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
        """The team's job of that key. Raises NoSuchJob, also for a job of another team."""
        job = await self._jobs.job(key)
        if job is None or job.place.team != team or job.deleted_by:
            raise NoSuchJob("That job is gone.", "See what there is with /tune list.")
        return job

    async def named(self, team: str, name: str) -> TuningJob:
        """The team's newest job of that name. Raises NoSuchJob that suggests what may have been meant."""
        job = await self._jobs.named(team, name)
        if job is None:
            known = [job.name for job in await self._jobs.jobs(team)]
            raise NoSuchJob(f"I know no job named {name!r}.", _suggestion(name, known))
        return job

    def _data(self, job: TuningJob, profile: BackendProfile) -> TrainingData:
        """What the backend reads: two files, one file, or the two sides of one."""
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
        """The rows in the backend's dialect, read anew. Raises Outdated if it is not the file that was checked."""
        reader = file_reader(self._files, dataset.location)
        async with aclosing(reader.read(job.place, job.owner, dataset.location)) as chunks:
            rows = convert(
                chunks,
                dialect=dataset.dialect,
                target=profile.dialect,
                mapping=dataset.mapping,
                sha256=dataset.sha256,
                split=split,
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


def _job_of(proposal: Proposal, profile: BackendProfile) -> TuningJob:
    spec = proposal.spec
    return TuningJob(
        key=proposal.id,
        place=proposal.place,
        owner=proposal.owner,
        spec=spec,
        state=JobState.SUBMITTING,
        created_at=proposal.created_at,
        total_steps=profile.steps(spec.trained_examples, spec.hyperparameters),
    )


def _suggestion(name: str, known: list[str]) -> str:
    if not known:
        return "Nothing was tuned here yet. Start with /tune."
    return did_you_mean(name, known, otherwise="See what there is with /tune list.")
