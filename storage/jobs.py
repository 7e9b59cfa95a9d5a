"""Stores proposals, jobs and the losses of their steps, with their notices in the same transaction.

The jobs that wait in the bot are a queue; who comes next is decided in the transaction that starts them.

A name is unique among those of a workspace's jobs that hold theirs and that the owner of a new one sees: a refusal
must not tell of a job that they may not see. What states mean is not decided here.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from sqlite_utils import Database as Connection

from bot.domain.budgets import Purpose
from bot.domain.jobs import JobState, TuningJob
from bot.domain.names import name_taken, same_name
from bot.domain.requests import Proposal
from bot.ports.job_store import Admit, Change, Standing
from bot.ports.notifier import NoticeKind
from bot.ports.stores import AuditEntry
from bot.spending.month_report import month_of, next_month, start_of
from storage.audit_log import append_entry
from storage.codecs import micros
from storage.database import Database
from storage.job_queries import RUNNING, JobQueries
from storage.job_rows import (
    job_row,
    proposal_row,
    snapshot_row,
)
from storage.outbox_notices import add_notices, add_notices_of, close_channels
from storage.workspace_rules import binding_budgets

# How many cards show their new place after each start. Slack takes about 50 edits a minute.
SHOWN_PLACES: Final = 10
_COUNT_RUNNING: Final = f"SELECT COUNT(*) {RUNNING}"
_COUNT_WAITING: Final = "SELECT COUNT(*) FROM jobs WHERE backend = ? AND state = 'waiting'"
# Google's quota is one of the project, so the queue of a backend holds the jobs of all workspaces.
_NEXT: Final = "FROM jobs WHERE backend = ? AND state = 'waiting' ORDER BY waits_since, rowid LIMIT ?"
# Ten times as fast as sqlite-utils' own upsert, which matters when hundreds of jobs have a new step each.
_UPSERT_SNAPSHOT = """
    INSERT INTO snapshots (team, job, step, epoch, mean_loss, eval_loss, computed_at,
      correct, predictions, eval_correct, eval_predictions)
    VALUES (:team, :job, :step, :epoch, :mean_loss, :eval_loss, :computed_at,
      :correct, :predictions, :eval_correct, :eval_predictions)
    ON CONFLICT (job, step) DO UPDATE SET
      epoch = excluded.epoch, mean_loss = excluded.mean_loss,
      eval_loss = excluded.eval_loss, computed_at = excluded.computed_at,
      correct = excluded.correct, predictions = excluded.predictions,
      eval_correct = excluded.eval_correct, eval_predictions = excluded.eval_predictions
    """


class SqliteJobStore(JobQueries):
    """The JobStore of `bot.ports`.

    `observers` get each changed job, before and after, once the change is committed; a new job has no `before`.
    """

    def __init__(
        self, database: Database, observers: Sequence[Callable[[TuningJob | None, TuningJob], None]] = ()
    ) -> None:
        super().__init__(database)
        self._observers = observers
        self._proposed: set[str] = set()

    async def add_proposal(self, proposal: Proposal) -> None:
        """Replaces the proposal of the same id and workspace, whose form was checked again."""
        row = proposal_row(proposal)

        def insert(connection: Connection) -> bool:
            query = "SELECT 1 FROM proposals WHERE team = ? AND id = ?"
            known = connection.execute(query, [proposal.place.team, proposal.id]).fetchone()
            connection.table("proposals").insert(row, replace=True)
            return known is None

        if await self._database.write(insert):
            self._proposed.add(proposal.id)

    def is_of_this_process(self, key: str) -> bool:
        return key in self._proposed

    async def submit(
        self,
        job: TuningJob,
        notices: Sequence[NoticeKind],
        acts: Sequence[AuditEntry] = (),
        admit: Admit | None = None,
        hidden: Collection[str] = (),
    ) -> TuningJob | None:
        def insert(connection: Connection) -> TuningJob | None:
            # The key is checked first: at a second click on one form, the job's own name is not a taken one.
            if self._find(connection, job.key) is not None:
                return None
            _refuse_taken_name(connection, job, hidden)
            admitted = job if admit is None else admit(job, self._standing(connection, job))
            connection.table("jobs").insert(job_row(admitted))
            add_notices(connection, admitted, notices)
            _audit(connection, admitted, acts)
            return admitted

        submitted = await self._database.write(insert)
        if submitted is not None:
            self._observed([(None, submitted)])
        return submitted

    async def next_turns(self, backend: str, at_once: int, most: int) -> Sequence[TuningJob]:
        def read(connection: Connection) -> list[str]:
            return _waiting_keys(connection, backend, most) if _free(connection, backend, at_once, 1) else []

        keys = await self._database.run(read)
        found = {job.key: job for job in await self.with_keys(keys)}
        return [found[key] for key in keys if key in found]

    async def waiting_backends(self) -> Sequence[str]:
        query = "SELECT DISTINCT backend FROM jobs WHERE state = 'waiting'"
        return await self._database.run(lambda connection: [row["backend"] for row in connection.query(query)])

    async def take_turns(
        self,
        backend: str,
        at_once: int,
        keys: Collection[str],
        step: Callable[[TuningJob, Standing], Change | None],
    ) -> Sequence[TuningJob]:
        changed: list[tuple[TuningJob, TuningJob]] = []

        def take(connection: Connection) -> None:
            def with_standing(job: TuningJob) -> Change | None:
                return step(job, self._standing(connection, job))

            free = _free(connection, backend, at_once, len(keys))
            waiting = [key for key in _waiting_keys(connection, backend) if key in keys]
            for key in waiting[:free]:
                self._apply(connection, key, with_standing, changed)

        await self._database.write(take)
        self._observed(changed)
        return [after for _, after in changed]

    async def change(self, key: str, step: Callable[[TuningJob], Change | None]) -> TuningJob | None:
        """Allows two open jobs of one name where Google says that an ended job goes on: Google decides."""

        changed: list[tuple[TuningJob, TuningJob]] = []
        job = await self._database.write(lambda connection: self._apply(connection, key, step, changed))
        self._observed(changed)
        return job

    def _apply(
        self,
        connection: Connection,
        key: str,
        step: Callable[[TuningJob], Change | None],
        changed: list[tuple[TuningJob, TuningJob]],
    ) -> TuningJob | None:
        """Change one job in the transaction of the caller, and add it to `changed`."""
        before = self._find(connection, key)
        change = None if before is None else step(before)
        if before is None or change is None:
            return before
        after = change.job
        if (after.key, after.place.team) != (key, before.place.team):
            raise ValueError(f"A change may not move job {key} to another key or workspace.")
        if after != before:
            connection.table("jobs").update(key, job_row(after))
        if change.snapshots:
            rows = [snapshot_row(after, snapshot) for snapshot in change.snapshots]
            connection.conn.executemany(_UPSERT_SNAPSHOT, rows)
        add_notices(connection, after, change.notices)
        if change.closed:
            close_channels(connection, after, change.closed)
        _audit(connection, after, change.acts)
        moved = JobState.WAITING in (before.state, after.state) and before.state is not after.state
        # The cards of jobs that wait say which tuning runs, and whether it may hold its place for ever.
        if moved or (before.stuck_at is None) is not (after.stuck_at is None):
            _tell_places(connection, after.backend)
        if after.state.ended:
            self._polled_at.pop(key, None)
        changed.append((before, after))
        return after

    def _observed(self, changed: Iterable[tuple[TuningJob | None, TuningJob]]) -> None:
        for before, after in changed:
            for observe in self._observers:
                observe(before, after)

    def _standing(self, connection: Connection, job: TuningJob) -> Standing:
        """Return what the start of this job depends on."""
        place = job.place
        budgets = binding_budgets(connection, place.team, Purpose.TUNING, place.channel, job.owner)
        month: list[TuningJob] = []
        if budgets:
            first = month_of(job.created_at)
            query = "SELECT * FROM jobs WHERE team = ? AND created_at >= ? AND created_at < ? ORDER BY created_at"
            limits = [micros(start_of(first)), micros(start_of(next_month(first)))]
            # Each of them counts: one that cannot be read ends the start.
            month = list(map(self._read, connection.query(query, [place.team, *limits])))
        return Standing(*_read_counts(connection, job.backend), budgets, month)


def _audit(connection: Connection, job: TuningJob, acts: Iterable[AuditEntry]) -> None:
    for act in acts:
        append_entry(connection, job.place.team, act, job.key)


def _refuse_taken_name(connection: Connection, job: TuningJob, hidden: Collection[str]) -> None:
    """Raises BadArgument if a job that is not hidden holds the name, by the rule of `TuningJob.holds_name`."""
    rows = connection.query(
        """
        SELECT key FROM jobs
        WHERE team = ? AND folded_name = ? AND deleted_by = '' AND state NOT IN ('failed', 'cancelled')
        """,
        [job.place.team, same_name(job.name)],
    )
    if any(row["key"] not in hidden for row in rows):
        raise name_taken(job.name)


def _read_counts(connection: Connection, backend: str) -> tuple[int, int]:
    """Return how many jobs of the backend run or are being sent, and how many wait."""
    return _count(connection, _COUNT_RUNNING, backend), _count(connection, _COUNT_WAITING, backend)


def _free(connection: Connection, backend: str, at_once: int, unlimited: int) -> int:
    """Return how many more jobs of the backend may run now."""
    return max(0, at_once - _count(connection, _COUNT_RUNNING, backend)) if at_once else unlimited


def _waiting_keys(connection: Connection, backend: str, most: int = -1) -> list[str]:
    """Return the keys of the jobs that wait, longest first; -1 is no limit for SQLite."""
    return [row["key"] for row in connection.query(f"SELECT key {_NEXT}", [backend, most])]


def _tell_places(connection: Connection, backend: str) -> None:
    """Add the notices that show the new places on the cards of the first jobs that wait."""
    for row in list(connection.query(f"SELECT team, key {_NEXT}", [backend, SHOWN_PLACES])):
        add_notices_of(connection, row["team"], row["key"], [NoticeKind.CARD])


def _count(connection: Connection, query: str, backend: str) -> int:
    return int(connection.execute(query, [backend]).fetchone()[0])
