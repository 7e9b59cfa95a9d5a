"""Finds training files and endpoints that are left over at Google, and deletes them.

A file is left over if its job is a row of this database and ended, for Google too, long enough ago. An endpoint
is left over if the job's model was deleted here. What no row of this database names may be another installation's,
and stays. A question to Google that fails keeps everything that it was about: unknown is no.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.domain.jobs import TuningJob
from bot.domain.leftovers import Leftover, StoredFile
from bot.domain.operations import TunedModel
from bot.errors import BotError
from bot.ports.backends import TuningBackend
from bot.ports.clock import Clock
from bot.ports.job_store import Change, JobStore
from bot.ports.stores import BY_BOT, AuditEntry
from bot.runtime.clocks import SteadyTime

FILE: Final = "file"
ENDPOINT: Final = "endpoint"
_KEYS_AT_ONCE: Final = 500

RecordAct = Callable[[TuningJob, AuditEntry], Awaitable[None]]


def record_in(jobs: JobStore) -> RecordAct:
    """Return what writes an act to the audit log of this process's own database."""

    async def record(job: TuningJob, act: AuditEntry) -> None:
        await jobs.change(job.key, lambda current: Change(current, acts=[act]))

    return record


class Tidying:
    """Lists and deletes what is left over of the jobs in one database."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        jobs: JobStore,
        clock: Clock,
        record: RecordAct,
        *,
        by: str = BY_BOT,
    ) -> None:
        """`record` writes to the audit log what is deleted, as an act of `by`. Raises StorageError."""
        self._record = record
        self._by = by
        self._backends = backends
        self._jobs = jobs
        self._clock = clock
        self._time = SteadyTime(clock)

    async def find(self, kept_for: timedelta) -> list[Leftover]:
        """Return every file of the bot's folder and each endpoint of a deleted model, with why it stays.

        Raises what `files` raises.
        """
        return [*await self.files(kept_for), *await self._endpoints()]

    async def files(self, kept_for: timedelta) -> list[Leftover]:
        """Return every file of the bot's folder; one stays for `kept_for` after the end of its job.

        Raises GoogleError if a list cannot be read, StorageError.
        """
        found: list[Leftover] = []
        for backend in self._backends.values():
            files = await backend.stored_files()
            found += await self._judge(backend, files, kept_for)
        return found

    async def delete(self, leftovers: Sequence[Leftover]) -> None:
        """Delete what `find` returned without a reason to keep it, job by job. Raises BotError.

        It is written to the audit log first, so that no deletion is missing there.
        """
        for leftover in leftovers:
            if leftover.kept:
                raise ValueError(f"{leftover.name} is kept: {leftover.kept}")
        for key, kind in dict.fromkeys((each.job, each.kind) for each in leftovers):
            [job] = await self._jobs.with_keys([key])
            backend = self._backends[job.backend]
            names = [each.name for each in leftovers if (each.job, each.kind) == (key, kind)]
            act = AuditEntry(self._by, f"delete a left-over {kind}", self._clock.now(), result=str(len(names)))
            await self._record(job, act)
            if kind == ENDPOINT:
                await backend.delete(TunedModel(job.backend, job.tuned_model, job.endpoint, job.name))
                continue
            for name in names:
                await backend.delete_stored_file(name)

    async def _judge(
        self, backend: TuningBackend, files: Sequence[StoredFile], kept_for: timedelta
    ) -> list[Leftover]:
        keys = sorted({file.key for file in files if file.key})
        rows: dict[str, TuningJob] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            rows |= {job.key: job for job in await self._jobs.with_keys(keys[start : start + _KEYS_AT_ONCE])}
        ended = [job for job in rows.values() if not _reason_here(job, self._time.now(), kept_for)]
        going_on = await _reasons_at_google(backend, ended)
        judged: list[Leftover] = []
        for file in files:
            job = rows.get(file.key)
            if job is None:
                kept = "no job of this database has it; it may be another installation's"
            else:
                kept = _reason_here(job, self._time.now(), kept_for) or going_on.get(job.key, "")
            judged.append(Leftover(FILE, file.name, file.key, file.size, kept))
        return judged

    async def _endpoints(self) -> list[Leftover]:
        deleted = [job for job in await self._jobs.deleted() if job.endpoint and job.backend in self._backends]
        return [
            Leftover(ENDPOINT, job.endpoint, job.key)
            for job in deleted
            if await self._backends[job.backend].is_served(job.endpoint)
        ]


def _reason_here(job: TuningJob, now: datetime, kept_for: timedelta) -> str:
    """Return why the job's row says that its files are needed, empty if it does not."""
    if not job.state.ended:
        return f"its job is {job.state.value}"
    if not job.operation:
        return "Google never confirmed its job, which may still appear there"
    if job.ended_at is None or now - job.ended_at < kept_for:
        return f"its job ended less than {kept_for.days} days ago"
    return ""


async def _reasons_at_google(backend: TuningBackend, jobs: Sequence[TuningJob]) -> dict[str, str]:
    """Return, by key, why Google's word on a job keeps its files."""
    if not jobs:
        return {}
    reasons: dict[str, str] = {}
    for key, polled in (await backend.poll(jobs)).items():
        if isinstance(polled, BotError):
            reasons[key] = "Google does not say whether its job has ended"
        elif not polled.state.ended:
            reasons[key] = f"its job is {polled.state.value} at Google"
    return reasons
