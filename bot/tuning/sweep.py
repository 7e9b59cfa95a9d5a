"""Looks through Google's lists for jobs of this bot that no open row follows, and follows them.

So nothing stays lost: neither a job that was called lost, nor a start of which it was said that nothing was
started, nor a job that a restored backup of the database does not know. Jobs of another installation of the bot on
the same project are left alone: a job carries the id of the database that started it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bot.domain.datasets import Dataset
from bot.domain.jobs import Hyperparameters, JobState, TuningJob, TuningSpec
from bot.domain.operations import Operation, Origin, StartedJob
from bot.domain.place import Place
from bot.errors import BadArgument, GoogleError
from bot.ports.backends import TuningBackend
from bot.ports.clock import Clock
from bot.ports.job_store import JobStore
from bot.tuning.transitions import adopt

logger = logging.getLogger(__name__)


class Sweep:
    """Compares what Google lists with the rows of all workspaces."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        jobs: JobStore,
        clock: Clock,
        wake_sender: Callable[[], None],
    ) -> None:
        self._backends = backends
        self._jobs = jobs
        self._clock = clock
        self._wake_sender = wake_sender

    async def run(self) -> None:
        """Look once at each backend; an error of one does not hide another. Raises StorageError."""
        for name, backend in self._backends.items():
            try:
                started = await backend.started_jobs()
            except GoogleError as error:
                logger.warning("the jobs of %s could not be compared with Google's list: %s", name, error)
            else:
                await self._compare(backend, started)

    async def _compare(self, backend: TuningBackend, started: Sequence[StartedJob]) -> None:
        rows = {job.key: job for job in await self._jobs.with_keys([each.key for each in started])}
        for each in started:
            row = rows.get(each.key)
            if row is None:
                await self._add(backend, each)
            elif row.may_reopen or row.state.in_bot or row.state is JobState.SUBMITTING:
                logger.warning("Google shows %s, which was %s here: following it", each.key, row.state)
                seen = await _newest(backend, each)
                await self._jobs.change(each.key, partial(adopt, seen=seen, now=self._clock.now()))
                self._wake_sender()

    async def _add(self, backend: TuningBackend, started: StartedJob) -> None:
        """Write a row for a job that the database does not know, if it is of this installation."""
        origin = started.origin
        if origin is None:
            return
        proposal = await self._jobs.proposal(origin.team, started.key)
        if proposal is None and origin.installation != await self._jobs.installation():
            return
        spec = proposal.spec if proposal is not None else _spec(backend, started)
        place = proposal.place if proposal is not None else Place(origin.team, origin.channel)
        job = _job(started, origin, place, spec)
        logger.warning("Google shows %s, which the database does not know: following it", started.key)
        try:
            await self._jobs.submit(job, [])
        except BadArgument:
            # Another job has its name by now; the row needs one that a person can type.
            renamed = replace(spec, name=f"{spec.name[:100]} {started.key[-4:]}")
            await self._jobs.submit(replace(job, spec=renamed), [])
        seen = await _newest(backend, started)
        # Of a job that ended before the database was put back, Slack may show the end: the notifier looks for it.
        await self._jobs.change(started.key, partial(adopt, seen=seen, now=self._clock.now()))
        self._wake_sender()


async def _newest(backend: TuningBackend, started: StartedJob) -> Operation:
    """Return the operation by itself, which says more than a list: how and why it ended, and what to poll.

    Where it cannot be read now, the job is followed as one that runs: a list shows a cancelled tuned model as a
    failed one, and an end that is written stays. The next poll reads how it ended.
    """
    listed = started.operation
    try:
        return await backend.find(started.key, thorough=False) or listed
    except GoogleError as error:
        logger.info("only the list says something about %s: %s", started.key, error)
        if listed.state is not JobState.FAILED:
            return listed
        return replace(listed, state=JobState.RUNNING, google_state="", failure=None, ended_at=None)


def _job(started: StartedJob, origin: Origin, place: Place, spec: TuningSpec) -> TuningJob:
    return TuningJob(
        key=started.key,
        place=place,
        owner=origin.owner,
        spec=spec,
        state=JobState.SUBMITTING,
        created_at=started.created_at,
        create_sent_at=started.created_at,
    )


def _spec(backend: TuningBackend, started: StartedJob) -> TuningSpec:
    """Return what Google shows of a start; its file is not known any more."""
    profile = backend.profile
    unknown = Dataset("", "an unknown file", "", 0, 0, profile.dialect)
    return TuningSpec(profile.name, started.base_model, started.name, Hyperparameters(), unknown)
