"""How jobs and proposals are stored. A write is committed when its method returns."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.budgets import Budget
from bot.domain.jobs import OpenJob, Snapshot, TuningJob
from bot.domain.place import Sight
from bot.domain.requests import Proposal
from bot.ports.notifier import NoticeKind
from bot.ports.stores import AuditEntry


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction writes: the changed job, its new snapshots, its notices, and its audit entries.

    `closed` are channels whose chosen model this job's is no longer; those of them that chose it are told.
    """

    job: TuningJob
    snapshots: Sequence[Snapshot] = ()
    notices: Sequence[NoticeKind] = ()
    acts: Sequence[AuditEntry] = ()
    closed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a start depends on, as it is in the transaction that writes the start.

    `running` and `waiting` count the backend's jobs of all workspaces: those that Google runs or is being asked to
    run, and those that wait in the bot. `budgets` are those for tuning that bind this start; `month` are the jobs
    of the workspace that were started in the month of this start, only where there is such a budget.
    """

    running: int
    waiting: int
    budgets: Sequence[Budget] = ()
    month: Sequence[TuningJob] = ()


# Decides how a new job is written: returns the row, or raises a BotError, and then nothing is written. It is pure.
Admit = Callable[[TuningJob, Standing], TuningJob]


class JobStore(Protocol):
    """Stores proposals and jobs."""

    async def installation(self) -> str:
        """Return the id of this database, which a copy of it shares: letters and digits. Raises StorageError."""
        ...

    async def add_proposal(self, proposal: Proposal) -> None:
        """Store the proposal under its id. Raises StorageError."""
        ...

    def is_of_this_process(self, key: str) -> bool:
        """Return whether the job began with a proposal that this process was the first to store. Never raises."""
        ...

    async def proposal(self, team: str, proposal_id: str) -> Proposal | None:
        """Return the workspace's proposal with this id, None if there is none. Raises StorageError."""
        ...

    async def submit(
        self,
        job: TuningJob,
        notices: Sequence[NoticeKind],
        acts: Sequence[AuditEntry] = (),
        admit: Admit | None = None,
        hidden: Collection[str] = (),
    ) -> TuningJob | None:
        """Write a new job, its notices and its audit entries in one transaction; returns the row.

        `admit` changes the row by what the same transaction reads, so that two starts at once see each other.
        Returns None and writes nothing if the key exists. Raises BadArgument if a job of the workspace holds
        this name, other than those with the `hidden` keys, which its owner does not see; StorageError, and what
        `admit` raises.
        """
        ...

    async def next_turns(self, backend: str, at_once: int, most: int) -> Sequence[TuningJob]:
        """Return the jobs of this backend that wait, longest first, at most `most`; none while no more may run.

        `at_once` is how many may run at the same time, 0 for no limit. Raises StorageError.
        """
        ...

    async def waiting_backends(self) -> Sequence[str]:
        """Return the backends for which jobs of any workspace wait. Raises StorageError."""
        ...

    async def take_turns(
        self,
        backend: str,
        at_once: int,
        keys: Collection[str],
        step: Callable[[TuningJob, Standing], Change | None],
    ) -> Sequence[TuningJob]:
        """Change those of these jobs that have waited longest, as many as may run now, in one transaction.

        A job for which `step` returns None is passed over. Returns the changed jobs. Raises StorageError.
        """
        ...

    async def ahead(self, job: TuningJob) -> int:
        """Return how many jobs of its backend, of all workspaces, have waited longer. Raises StorageError."""
        ...

    async def running(self, backend: str) -> Sequence[TuningJob]:
        """Return the jobs of all workspaces that Google runs or that are being sent. Raises StorageError."""
        ...

    async def job(self, key: str) -> TuningJob | None:
        """Return the job of any workspace with this key, also a deleted one. Raises StorageError."""
        ...

    async def with_name(self, team: str, name: str) -> Sequence[TuningJob]:
        """Return the workspace's jobs of this name that are not deleted, newest first; letter case is ignored.

        Raises StorageError.
        """
        ...

    async def with_resources(self, names: Sequence[str]) -> Sequence[TuningJob]:
        """Return the jobs of all workspaces, also deleted ones, whose model has one of these names at Google.

        Oldest first; see `TuningJob.resources`. Raises StorageError.
        """
        ...

    async def channels(self, team: str) -> Sequence[str]:
        """Return the channels in which the workspace has jobs that are not deleted, or with which one is shared.

        Raises StorageError.
        """
        ...

    async def jobs(
        self, team: str, *, limit: int = 50, under_way: bool = False, sight: Sight | None = None
    ) -> Sequence[TuningJob]:
        """Return the workspace's jobs that are not deleted, newest first; `under_way` leaves out ended jobs.

        With `sight`, only those that the person sees. Raises StorageError.
        """
        ...

    async def usable_keys(self) -> Sequence[str]:
        """Return the keys of the jobs of all workspaces that have a model and are not deleted, oldest first.

        Raises StorageError.
        """
        ...

    async def deleted(self) -> Sequence[TuningJob]:
        """Return every job whose model a person deleted. Raises StorageError."""
        ...

    async def started(self, team: str | None, since: datetime, until: datetime) -> Sequence[TuningJob]:
        """Return the workspace's jobs that were started from `since` to `until`, also deleted ones, oldest first.

        Without a workspace, those of all. Raises StorageError.
        """
        ...

    async def count_jobs(self, team: str, *, under_way: bool = False, sight: Sight | None = None) -> int:
        """Return how many jobs `jobs` would return without a limit. Raises StorageError."""
        ...

    async def open_jobs(self) -> Sequence[OpenJob]:
        """Return every job of every workspace that has not ended, oldest first. Raises StorageError."""
        ...

    async def with_keys(self, keys: Sequence[str]) -> Sequence[TuningJob]:
        """Return the jobs with these keys that exist and can be decoded, oldest first. Raises StorageError."""
        ...

    def mark_checked(self, key: str, at: datetime) -> None:
        """Keep in memory when Google last answered for this job, for `checked_at`. Never raises.

        The next change of the job writes it; a poll without news costs no write.
        """
        ...

    async def change(self, key: str, step: Callable[[TuningJob], Change | None]) -> TuningJob | None:
        """Read, change and write one job in one transaction, on the database's thread.

        `step` is pure and gets the newest row; if it returns None, nothing is written. Snapshots are upserted on
        (job, step). Returns the job as it is then, None if there is no such job. Raises StorageError, and what
        `step` raises.
        """
        ...

    async def snapshots(self, key: str) -> Sequence[Snapshot]:
        """Return the job's snapshots in ascending order of their steps. Raises StorageError."""
        ...
