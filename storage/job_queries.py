"""Reads jobs, their proposals and the losses of their steps.

What one call reads may be long, so it is read in parts: the calls that people in Slack wait for run in between.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlite_utils import Database as Connection

from bot.domain.jobs import OpenJob, Snapshot, TuningJob
from bot.domain.names import same_name
from bot.domain.place import Sight
from bot.domain.requests import Proposal
from bot.errors import StorageError
from storage.codecs import Row, micros
from storage.database import Database
from storage.job_rows import (
    read_job,
    read_open_job,
    read_proposal,
    read_snapshot,
)

logger = logging.getLogger(__name__)

_ROWS_PER_READ = 50
# The index of open jobs has the same list.
_OPEN = "('awaiting approval', 'waiting', 'submitting', 'queued', 'running')"
# The jobs of a backend that Google runs, or that are being sent.
RUNNING: Final = "FROM jobs WHERE backend = ? AND state IN ('submitting', 'queued', 'running')"
# The jobs of the backend that have waited longer than one.
_AHEAD: Final = """
SELECT COUNT(*) FROM jobs WHERE backend = ? AND state = 'waiting'
  AND (waits_since, rowid) < (?, (SELECT rowid FROM jobs WHERE key = ?))
"""


class JobQueries:
    """The part of `SqliteJobStore` that reads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # When a job was polled without news. It is not written by itself, and is returned with the job.
        self._polled_at: dict[str, datetime] = {}
        self._installation = ""

    async def installation(self) -> str:
        if not self._installation:
            query = "SELECT id FROM installation"
            self._installation = await self._database.run(lambda db: str(next(iter(db.query(query)))["id"]))
        return self._installation

    async def proposal(self, team: str, proposal_id: str) -> Proposal | None:
        def read(connection: Connection) -> Proposal | None:
            rows = connection.query("SELECT * FROM proposals WHERE team = ? AND id = ?", [team, proposal_id])
            return next(map(read_proposal, rows), None)

        return await self._database.run(read)

    async def ahead(self, job: TuningJob) -> int:
        if job.waits_since is None:
            return 0
        values = [job.backend, micros(job.waits_since), job.key]
        return await self._database.run(lambda db: int(db.execute(_AHEAD, values).fetchone()[0]))

    async def running(self, backend: str) -> Sequence[TuningJob]:
        def read(connection: Connection) -> list[str]:
            rows = connection.query(f"SELECT key {RUNNING} ORDER BY created_at, rowid", [backend])
            return [row["key"] for row in rows]

        return await self.with_keys(await self._database.run(read))

    async def job(self, key: str) -> TuningJob | None:
        return await self._database.run(lambda connection: self._find(connection, key))

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
                WHERE team = :team AND deleted_by = '' AND shared_with <> '[]'
                  AND substr(value, 1, 1) IN ('C', 'G')
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

    async def usable_keys(self) -> Sequence[str]:
        query = "SELECT key FROM jobs WHERE state = 'succeeded' AND deleted_by = '' ORDER BY created_at, rowid"
        return await self._database.run(lambda connection: [row["key"] for row in connection.query(query)])

    async def deleted(self) -> Sequence[TuningJob]:
        def read(connection: Connection) -> list[TuningJob]:
            return list(
                self._readable(connection.query("SELECT * FROM jobs WHERE deleted_by <> '' ORDER BY rowid"))
            )

        return await self._database.run(read)

    async def started(self, team: str | None, since: datetime, until: datetime) -> Sequence[TuningJob]:
        def read(connection: Connection) -> list[TuningJob]:
            # With OR in one query for both, no index would find the rows.
            of_team = "" if team is None else "team = :team AND"
            rows = connection.query(
                f"SELECT * FROM jobs WHERE {of_team} created_at >= :since AND created_at < :until "  # noqa: S608
                "ORDER BY created_at, rowid",
                {"since": micros(since), "until": micros(until), **({} if team is None else {"team": team})},
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
                SELECT key, backend, state, COALESCE(create_sent_at, created_at) AS since
                FROM jobs WHERE state IN {_OPEN} ORDER BY created_at, rowid
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

    async def snapshots(self, key: str) -> Sequence[Snapshot]:
        def read(connection: Connection) -> list[Snapshot]:
            rows = connection.query("SELECT * FROM snapshots WHERE job = ? ORDER BY step", [key])
            return [read_snapshot(row) for row in rows]

        return await self._database.run(read)

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


_SEEN = """
  AND (owner = :user OR prepared_by = :user OR channel IN (SELECT value FROM json_each(:channels))
    OR shared_with <> '[]' AND EXISTS (
      SELECT 1 FROM json_each(shared_with)
      WHERE value IN (SELECT value FROM json_each(:targets))
    ))
"""


def _listed(under_way: bool, sight: Sight | None) -> str:
    """Return the part of a query that selects a workspace's jobs, which is constant text: no value enters it."""
    seen = _SEEN if sight is not None else ""
    # Few jobs are open, and whom the others concern is in their index; SQLite itself would read each row.
    index, states = ("jobs_open", f" AND state IN {_OPEN}") if under_way else ("jobs_seen", "")
    return f"FROM jobs INDEXED BY {index} WHERE team = :team AND deleted_by = ''{states}{seen}"


def _seen(team: str, sight: Sight | None) -> dict[str, str]:
    """Return the values of the query of `_listed`."""
    if sight is None:
        return {"team": team}
    channels, targets = json.dumps(sorted(sight.channels)), json.dumps(sorted(sight.shared_targets))
    return {"team": team, "user": sight.user, "channels": channels, "targets": targets}
