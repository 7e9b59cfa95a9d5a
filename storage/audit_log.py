"""Stores which of Slack's deliveries were handled, so that none is handled twice, and which person did what."""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlite_utils import Database as Connection

from bot.domain.place import Requester
from bot.ports.clock import Clock
from bot.ports.stores import AuditEntry, AuditLine
from bot.runtime.logs import log_event
from storage.codecs import Row, micros, moment
from storage.database import Database, after_commit, transaction
from storage.sqlite_errors import translated_sqlite_errors

logger = logging.getLogger(__name__)

FORGET: Final = "forget a person"  # the action of an entry
_OUTSIDE_SECONDS: Final = 10.0  # for which another program may hold the lock
# Slack sends an event again for some minutes (https://docs.slack.dev/apis/events-api/#retries); a week also covers
# a person who clicks a button of an old message again.
_KEEP_KEYS: Final = timedelta(days=7)


def append_entry(connection: Connection, team: str, act: AuditEntry, subject: str) -> None:
    """Append an entry to the audit log, in the `transaction` that writes what the person did."""
    connection.table("audit").insert(
        {
            "team": team,
            "at": micros(act.at),
            "user": act.user,
            "action": act.action,
            "subject": subject,
            "channel": act.channel,
            "result": act.result,
        }
    )
    # Names of actions and ids only: `result` may quote somebody.
    fields = {"action": act.action, "user": act.user, "team": team, "channel": act.channel, "subject": subject}
    after_commit(lambda: log_event(logger, "audit.entry", **fields))


def was_forgotten(connection: Connection, team: str, user: str, since: int) -> bool:
    """Return whether this user's words were erased after the audit log's entry with this id."""
    query = "SELECT 1 FROM audit WHERE id > ? AND team = ? AND action = ? AND subject = ? LIMIT 1"
    return connection.execute(query, [since, team, FORGET, user]).fetchone() is not None


def append_from_outside(path: Path, team: str, act: AuditEntry, subject: str) -> None:
    """Append an entry to the database at this path, which a bot may be using. Blocks. Raises StorageError.

    SQLite lets one connection write at a time, and the bot's waits for this one, which takes milliseconds.
    """
    with translated_sqlite_errors(f"the database {path}"):
        opened = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_OUTSIDE_SECONDS)
        with closing(opened), transaction(connection := Connection(opened)):
            append_entry(connection, team, act, subject)


def first_time(connection: Connection, key: str, now: datetime) -> bool:
    """Store a delivery's key, in the caller's transaction; returns whether it is new."""
    # With its index this takes a few microseconds, and most calls delete nothing.
    connection.execute("DELETE FROM handled_deliveries WHERE handled_at <= ?", [micros(now - _KEEP_KEYS)])
    added = connection.execute(
        "INSERT OR IGNORE INTO handled_deliveries (key, handled_at) VALUES (?, ?)", [key, micros(now)]
    )
    return added.rowcount == 1


class SqliteAuditLog:
    """The AuditLog of `bot.ports`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def first_time(self, key: str) -> bool:
        now = self._clock.now()
        # Not durable, because it runs for every event: what the event leads to is written by a durable
        # transaction, which writes this row to the disk too.
        return await self._database.write(lambda connection: first_time(connection, key, now), durable=False)

    async def record(
        self, requester: Requester, action: str, subject: str, *, result: str = "", channel: str = ""
    ) -> None:
        act = AuditEntry(requester.user, action, self._clock.now(), channel or requester.place.channel, result)
        await self._database.write(lambda connection: append_entry(connection, requester.team, act, subject))

    async def lines(self, team: str | None, limit: int | None = None) -> Sequence[AuditLine]:
        def read(connection: Connection) -> list[AuditLine]:
            # With OR in one query for both, no index would find the newest.
            of_team, values = ("", []) if team is None else ("WHERE team = ?", [team])
            rows = connection.query(
                f"SELECT * FROM audit {of_team} ORDER BY at DESC, id DESC LIMIT ?",  # noqa: S608 - constant text
                [*values, -1 if limit is None else limit],
            )
            return [_line(row) for row in rows]

        return await self._database.run(read)


def _line(row: Row) -> AuditLine:
    act = AuditEntry(row["user"], row["action"], moment(row["at"]), row["channel"], row["result"])
    return AuditLine(row["team"], act, row["subject"])
