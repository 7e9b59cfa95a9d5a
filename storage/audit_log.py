"""What happened already, so that a delivery that Slack repeats is not handled twice, and who did what."""

from datetime import datetime, timedelta

from sqlite_utils import Database as Connection

from bot.ports.clock import Clock
from bot.ports.stores import AuditEntry
from storage.codecs import micros
from storage.database import Database

# Slack repeats an event for some minutes; a week also covers a person who clicks an old message again.
_REMEMBERED = timedelta(days=7)


def note(connection: Connection, team: str, act: AuditEntry, subject: str) -> None:
    """Append a line to the audit log; called inside the transaction that writes what was done."""
    row = {"team": team, "at": micros(act.at), "user": act.user, "action": act.action, "subject": subject}
    connection.table("audit").insert(row)


def first_time(connection: Connection, key: str, now: datetime) -> bool:
    """Remember a delivery's key, and tell whether it is new; called inside a transaction."""
    # By its index this finds nothing on most calls, for a few microseconds.
    connection.execute("DELETE FROM seen WHERE seen_at <= ?", [micros(now - _REMEMBERED)])
    added = connection.execute("INSERT OR IGNORE INTO seen (key, seen_at) VALUES (?, ?)", [key, micros(now)])
    return added.rowcount == 1


class SqliteAuditLog:
    """The Journal of `bot.ports`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def first_time(self, key: str) -> bool:
        now = self._clock.now()
        # Not durable: this runs for every event, and whatever the event leads to that matters is written by a
        # durable transaction, which carries this row to the disk with it.
        return await self._database.write(lambda connection: first_time(connection, key, now), durable=False)

    async def record(self, team: str, user: str, action: str, subject: str) -> None:
        act = AuditEntry(user, action, self._clock.now())
        await self._database.write(lambda connection: note(connection, team, act, subject))
