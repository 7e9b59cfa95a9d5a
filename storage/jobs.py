"""Stores proposals, jobs and the losses of their steps, with their notices in the same transaction.

A name is unique among a workspace's jobs that are open, have a model, or are lost, because Google may still run a
lost one. What states mean is not decided here.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlite_utils import Database as Connection

from bot.domain.budgets import Purpose
from bot.domain.jobs import JobState, OpenJob, Snapshot, TuningJob
from bot.domain.names import name_taken, same_name
from bot.domain.place import Sight
from bot.domain.requests import Proposal
from bot.errors import StorageError
from bot.ports.notifier import NoticeKind
from bot.ports.stores import Admit, AuditEntry, Change, Standing
from bot.spending.month_report import month_of, next_month, start_of
from storage.audit_log import append_entry
from storage.budgets import binding_budgets
from storage.codecs import Row, micros
from storage.database import Database
from storage.job_rows import (
    job_row,
    proposal_row,
    read_job,
    read_open_job,
    read_proposal,
    read_snapshot,
    snapshot_row,
)
from storage.outbox import add_notices, close_channels
from storage.waiting_jobs import count_ahead, next_keys, read_counts, running_keys, tell_places

logger = logging.getLogger(__name__)

_ROWS_PER_READ = 50
# The index of open jobs has the same list.
_OPEN = "('awaiting approval', 'waiting', 'submitting', 'queued', 'running')"
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


class SqliteJobStore:
    """The JobStore of `bot.ports`.

    `observe` gets each changed job, before and after, once the change is committed; a new job has no `before`.
    """

    def __init__(
        self, database: Database, observe: Callable[[TuningJob | None, TuningJob], None] | None = None
    ) -> None:
        self._database = database
        self._observe = observe
        # When a job was polled without news. It is not written by itself, and is returned with the job.
        self._polled_at: dict[str, datetime] = {}
        self._installation = ""
        self._proposed: set[str] = set()

    async def installation(self) -> str:
        if not self._installation:
            query = "SELECT id FROM installation"
            self._installation = await self._database.run(lambda db: str(next(iter(db.query(query)))["id"]))
        return self._installation

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

    async def proposal(self, team: str, proposal_id: str) -> Proposal | None:
        def read(connection: Connection) -> Proposal | None:
            rows = connection.query("SELECT * FROM proposals WHERE team = ? AND id = ?", [team, proposal_id])
            return next(map(read_proposal, rows), None)

        return await self._database.run(read)

    async def submit(
        self,
        job: TuningJob,
        notices: Sequence[NoticeKind],
        acts: Sequence[AuditEntry] = (),
        admit: Admit | None = None,
    ) -> TuningJob | None:
        def insert(connection: Connection) -> TuningJob | None:
            # The key is checked first: at a second click on one form, the job's own name is not a taken one.
            if self._find(connection, job.key) is not None:
                return None
            _refuse_taken_name(connection, job)
            admitted = job if admit is None else admit(job, self._standing(connection, job))
            connection.table("jobs").insert(job_row(admitted))
            add_notices(connection, admitted, notices)
            _audit(connection, admitted, acts)
            return admitted

        submitted = await self._database.write(insert)
        if submitted is not None and self._observe is not None:
            self._observe(None, submitted)
        return submitted

    async def take_turns(
        self, backend: str, at_once: int, most: int, step: Callable[[TuningJob, Standing], Change | None]
    ) -> Sequence[TuningJob]:
        """Reads before it writes: in most rounds nobody waits, and the database stays as it is."""
        changed: list[tuple[TuningJob, TuningJob]] = []

        def take(connection: Connection) -> None:
            def with_standing(job: TuningJob) -> Change | None:
                return step(job, self._standing(connection, job))

            for key in next_keys(connection, backend, at_once, most):
                self._apply(connection, key, with_standing, changed)

        if not await self._database.run(lambda connection: next_keys(connection, backend, at_once, most)):
            return []
        await self._database.write(take)
        self._observed(changed)
        return [after for _, after in changed]

    async def ahead(self, job: TuningJob) -> int:
        return await self._database.run(lambda connection: count_ahead(connection, job))

    async def running(self, backend: str) -> Sequence[TuningJob]:
        return await self.with_keys(await self._database.run(lambda connection: running_keys(connection, backend)))

    async def job(self, key: str) -> TuningJob | None:
        return await self._database.run(lambda connection: self._find(connection, key))

    async def named(self, team: str, name: str) -> TuningJob | None:
        def read(connection: Connection) -> TuningJob | None:
            rows = connection.query(
                """
                SELECT * FROM jobs WHERE team = ? AND folded_name = ? AND deleted_by = ''
                ORDER BY created_at DESC, rowid DESC LIMIT 1
                """,
                [team, same_name(name)],
            )
            return next(map(self._read, rows), None)

        return await self._database.run(read)

    async def with_name(self, team: str, name: str) -> Sequence[TuningJob]:
        def read(connection: Connection) -> list[TuningJob]:
            rows = connection.query(
                """
                SELECT * FROM jobs WHERE team = ? AND folded_name = ? AND deleted_by = ''
                ORDER BY created_at DESC, rowid DESC
                """,
                [team, same_name(name)],
            )
            return list(self._readable(rows))

        return await self._database.run(read)

    async def with_resources(self, names: Sequence[str]) -> Sequence[TuningJob]:
        wanted = json.dumps([name for name in names if name])
        # As a condition on `key` alone, so that its index finds the row.
        keys = json.dumps([name.removeprefix("tunedModels/") for name in names if name.startswith("tunedModels/")])

        def read(connection: Connection) -> list[TuningJob]:
            rows = connection.query(
                """
                WITH wanted (name) AS (SELECT value FROM json_each(:wanted))
                SELECT * FROM jobs
                WHERE tuned_model IN wanted OR endpoint IN wanted OR key IN (SELECT value FROM json_each(:keys))
                ORDER BY created_at, rowid
                """,
                {"wanted": wanted, "keys": keys},
            )
            return list(self._readable(rows))

        return await self._database.run(read)

    async def channels(self, team: str) -> Sequence[str]:
        def read(connection: Connection) -> list[str]:
            rows = connection.query(
                """
                SELECT channel FROM jobs WHERE team = :team AND deleted_by = ''
                UNION
                SELECT value FROM jobs, json_each(jobs.shared_with)
                WHERE team = :team AND deleted_by = '' AND substr(value, 1, 1) IN ('C', 'G')
                """,
                {"team": team},
            )
            return [row["channel"] for row in rows]

        return await self._database.run(read)

    async def jobs(
        self, team: str, *, limit: int = 50, under_way: bool = False, sight: Sight | None = None
    ) -> Sequence[TuningJob]:
        def read(connection: Connection) -> list[TuningJob]:
            rows = connection.query(
                f"SELECT * {_listed(under_way, sight)} ORDER BY created_at DESC, rowid DESC LIMIT :limit",
                {**_seen(team, sight), "limit": limit},
            )
            return [self._read(row) for row in rows]

        return await self._database.run(read)

    async def usable(self) -> Sequence[TuningJob]:
        def read(connection: Connection) -> list[str]:
            rows = connection.query("SELECT key FROM jobs WHERE state = 'succeeded' AND deleted_by = ''")
            return [row["key"] for row in rows]

        return await self.with_keys(await self._database.run(read))

    async def deleted(self) -> Sequence[TuningJob]:
        def read(connection: Connection) -> list[TuningJob]:
            return list(
                self._readable(connection.query("SELECT * FROM jobs WHERE deleted_by <> '' ORDER BY rowid"))
            )

        return await self._database.run(read)

    async def started(self, team: str | None, since: datetime, until: datetime) -> Sequence[TuningJob]:
        def read(connection: Connection) -> list[TuningJob]:
            rows = connection.query(
                """
                SELECT * FROM jobs WHERE (team = :team OR :team IS NULL)
                  AND created_at >= :since AND created_at < :until
                ORDER BY created_at, rowid
                """,
                {"team": team, "since": micros(since), "until": micros(until)},
            )
            return list(self._readable(rows))

        return await self._database.run(read)

    async def count_jobs(self, team: str, *, under_way: bool = False, sight: Sight | None = None) -> int:
        def read(connection: Connection) -> int:
            rows = connection.query(f"SELECT COUNT(*) AS jobs {_listed(under_way, sight)}", _seen(team, sight))
            return int(next(iter(rows))["jobs"])

        return await self._database.run(read)

    async def open_jobs(self) -> Sequence[OpenJob]:
        def read(connection: Connection) -> list[OpenJob]:
            rows = connection.query(
                f"""
                SELECT key, backend, state, created_at FROM jobs WHERE state IN {_OPEN}
                ORDER BY created_at, rowid
                """  # noqa: S608 - constant text
            )
            return [read_open_job(row) for row in rows]

        return await self._database.run(read)

    async def with_keys(self, keys: Sequence[str]) -> Sequence[TuningJob]:
        found: list[TuningJob] = []
        # A few rows per call, so that the calls that people in Slack wait for run in between.
        for start in range(0, len(keys), _ROWS_PER_READ):
            wanted = list(keys[start : start + _ROWS_PER_READ])

            def read(connection: Connection, wanted: list[str] = wanted) -> list[TuningJob]:
                marks = ", ".join("?" * len(wanted))
                query = f"SELECT * FROM jobs WHERE key IN ({marks}) ORDER BY created_at, rowid"  # noqa: S608
                return list(self._readable(connection.query(query, wanted)))

            found += await self._database.run(read)
        return found

    def mark_checked(self, key: str, at: datetime) -> None:
        self._polled_at[key] = at

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
            tell_places(connection, after.backend)
        if after.state.ended:
            self._polled_at.pop(key, None)
        changed.append((before, after))
        return after

    def _observed(self, changed: Iterable[tuple[TuningJob, TuningJob]]) -> None:
        if self._observe is not None:
            for before, after in changed:
                self._observe(before, after)

    async def snapshots(self, key: str) -> Sequence[Snapshot]:
        def read(connection: Connection) -> list[Snapshot]:
            rows = connection.query("SELECT * FROM snapshots WHERE job = ? ORDER BY step", [key])
            return [read_snapshot(row) for row in rows]

        return await self._database.run(read)

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
        return Standing(*read_counts(connection, job.backend), budgets, month)

    def _find(self, connection: Connection, key: str) -> TuningJob | None:
        rows = connection.query("SELECT * FROM jobs WHERE key = ?", [key])
        return next(map(self._read, rows), None)

    def _readable(self, rows: Iterable[Row]) -> Iterator[TuningJob]:
        for row in rows:
            try:
                yield self._read(row)
            except StorageError as error:
                logger.error("job %s cannot be read and is skipped: %s", row["key"], error)

    def _read(self, row: Row) -> TuningJob:
        job = read_job(row)
        polled_at = self._polled_at.get(job.key)
        newer = polled_at is not None and (job.checked_at is None or polled_at > job.checked_at)
        return replace(job, checked_at=polled_at) if newer else job


def _audit(connection: Connection, job: TuningJob, acts: Iterable[AuditEntry]) -> None:
    for act in acts:
        append_entry(connection, job.place.team, act, job.key)


def _refuse_taken_name(connection: Connection, job: TuningJob) -> None:
    """Raises BadArgument if the name is taken. It says nothing of the other job, which may be private."""
    rows = connection.query(
        """
        SELECT 1 FROM jobs
        WHERE team = ? AND folded_name = ? AND deleted_by = ''
          AND state IN ('awaiting approval', 'waiting', 'submitting', 'queued', 'running', 'succeeded', 'lost')
        LIMIT 1
        """,
        [job.place.team, same_name(job.name)],
    )
    if next(rows, None) is not None:
        raise name_taken(job.name)


_SEEN = """
  AND (owner = :user OR prepared_by = :user OR channel IN (SELECT value FROM json_each(:channels))
    OR EXISTS (
      SELECT 1 FROM json_each(shared_with)
      WHERE value IN (SELECT value FROM json_each(:targets))
    ))
"""


def _listed(under_way: bool, sight: Sight | None) -> str:
    """Return the part of a query that selects a workspace's jobs, which is constant text: no value enters it."""
    states = f" AND state IN {_OPEN}" if under_way else ""
    seen = _SEEN if sight is not None else ""
    return f"FROM jobs WHERE team = :team AND deleted_by = ''{states}{seen}"


def _seen(team: str, sight: Sight | None) -> dict[str, str]:
    """Return the values of the query of `_listed`."""
    if sight is None:
        return {"team": team}
    channels, targets = json.dumps(sorted(sight.channels)), json.dumps(sorted(sight.shared_targets))
    return {"team": team, "user": sight.user, "channels": channels, "targets": targets}
