"""What is remembered of jobs, files, conversations and deliveries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.chat import Conversation, ModelRef
from bot.domain.jobs import OpenJob, Snapshot, TuningJob
from bot.domain.place import Place
from bot.domain.requests import PendingModal, Proposal
from bot.ports.notifier import NoticeKind


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What a person did to a job, for the audit log."""

    user: str
    action: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction writes: the job as it becomes, snapshots, what Slack must be told, and who did what."""

    job: TuningJob
    snapshots: Sequence[Snapshot] = ()
    notices: Sequence[NoticeKind] = ()
    acts: Sequence[AuditEntry] = ()


class JobStore(Protocol):
    """Proposals and jobs. Raises StorageError."""

    async def add_proposal(self, proposal: Proposal) -> None: ...

    async def proposal(self, team: str, proposal_id: str) -> Proposal | None: ...

    async def submit(self, job: TuningJob, notices: Sequence[NoticeKind], acts: Sequence[AuditEntry] = ()) -> bool:
        """Write a new job, its notices and who did what in one transaction; False, and nothing, if the key exists.

        Raises BadArgument when another job of the workspace that is open or alive has this name.
        """
        ...

    async def job(self, key: str) -> TuningJob | None: ...

    async def named(self, team: str, name: str) -> TuningJob | None:
        """The newest job of that name (letter case aside) in this workspace, deleted ones left out."""
        ...

    async def jobs(self, team: str, *, limit: int = 50, under_way: bool = False) -> Sequence[TuningJob]:
        """The workspace's jobs, newest first, without deleted ones; `under_way` leaves those that ended out."""
        ...

    async def count_jobs(self, team: str, *, under_way: bool = False) -> int:
        """How many `jobs` would give without a limit."""
        ...

    async def open_jobs(self) -> Sequence[OpenJob]:
        """Every job of every workspace that has not ended, oldest first."""
        ...

    async def with_keys(self, keys: Sequence[str]) -> Sequence[TuningJob]:
        """These jobs, as far as they are there and can be read, oldest first."""
        ...

    def mark_checked(self, key: str, at: datetime) -> None:
        """Note a look that showed nothing new: it is told as `checked_at`, and written with the next change."""
        ...

    async def change(self, key: str, step: Callable[[TuningJob], Change | None]) -> TuningJob | None:
        """Read, change and write one job in one transaction on the database's thread.

        `step` is pure and gets the newest job; None leaves everything as it is. Snapshots are upserted on
        (job, step). Returns the job as it now stands, or None if there is no such job.
        """
        ...

    async def snapshots(self, key: str) -> Sequence[Snapshot]:
        """By step, ascending."""
        ...


class ReportCache(Protocol):
    """Remembers reports on files, as text, by everything that they depend on."""

    async def recall(self, team: str, key: str) -> str | None: ...

    async def remember(self, team: str, key: str, report: str) -> None:
        """Keep it in place of an older one; those not used for long are dropped."""
        ...


class ChatStore(Protocol):
    """Which model answers where, and what was said."""

    async def bind(self, place: Place, model: ModelRef, user: str) -> None:
        """Make it the model of the place's channel."""
        ...

    async def bound(self, place: Place) -> ModelRef | None:
        """The model of the place's channel."""
        ...

    async def unbind(self, team: str, model: ModelRef) -> None:
        """Take a deleted model from every channel of the workspace."""
        ...

    async def conversation(self, place: Place) -> Conversation | None: ...


class PendingModalStore(Protocol):
    """What people watch in a modal, so that whoever starts next can take it up. One view has one row."""

    async def add(self, pending_modal: PendingModal) -> None: ...

    async def remove(self, pending_modal: PendingModal) -> None: ...

    async def unfinished(self) -> Sequence[PendingModal]:
        """Those that were begun and have not ended, oldest first."""
        ...


class AuditLog(Protocol):
    """What happened already, and who did it."""

    async def first_time(self, key: str) -> bool:
        """Whether this key (an event id, a message's channel and ts) is new; it is remembered for a week."""
        ...

    async def record(self, team: str, user: str, action: str, subject: str) -> None:
        """Append a line to the audit log."""
        ...
