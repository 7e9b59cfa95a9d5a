"""Erases what people wrote: conversations, reports on files, and reports that wait for a start."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlite_utils import Database as Connection

from bot.domain.place import Requester
from bot.ports.clock import Clock
from bot.ports.erasure import Erased
from bot.ports.stores import BY_BOT, AuditEntry
from storage.audit_log import FORGET, append_entry
from storage.codecs import micros
from storage.comparisons import forget_comparisons
from storage.database import Database

# How many turns, reports and starts that wait are old, for each workspace that has any; NULL is never before.
_OLD: Final = """
SELECT team, count(*) AS number FROM (
  SELECT team FROM turns WHERE created_at < :turns
  UNION ALL SELECT team FROM reports WHERE used_at < :reports
  UNION ALL SELECT team FROM proposals WHERE created_at < :reports
) GROUP BY team
"""


class SqliteErasure:
    """The ErasureStore of `bot.ports`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def forget(self, requester: Requester, user: str) -> Erased:
        act = AuditEntry(requester.user, FORGET, self._clock.now(), requester.place.channel)
        person = [requester.team, user]

        def erase(connection: Connection) -> Erased:
            erased = Erased(
                _deleted(connection, "DELETE FROM turns WHERE team = ? AND user = ?", person),
                _deleted(connection, "DELETE FROM reports WHERE team = ? AND user = ?", person),
                _deleted(connection, "DELETE FROM proposals WHERE team = ? AND owner = ?", person),
            )
            for table in ("failed_questions", "private_answers"):
                of_person = f"DELETE FROM {table} WHERE team = ? AND json_extract(question, '$.user') = ?"  # noqa: S608
                connection.execute(of_person, person)
            forget_comparisons(connection, *person)
            # Their answers are still posted, and then nothing of them is kept.
            connection.execute("UPDATE questions SET forgotten = 1 WHERE team = ? AND user = ?", person)
            append_entry(connection, requester.team, act, user)
            return erased

        return await self._database.write(erase)

    async def expire(self, conversations: datetime | None, reports: datetime | None) -> Erased:
        now = self._clock.now()

        def erase(connection: Connection) -> Erased:
            turns = old_reports = proposals = 0
            before_turns, before_reports = (None if at is None else micros(at) for at in (conversations, reports))
            for row in list(connection.query(_OLD, {"turns": before_turns, "reports": before_reports})):
                act = AuditEntry(BY_BOT, "erase what is old", now, result=str(row["number"]))
                append_entry(connection, row["team"], act, "")
            if conversations is not None:
                before = [micros(conversations)]
                turns = _deleted(connection, "DELETE FROM turns WHERE created_at < ?", before)
                connection.execute("DELETE FROM private_answers WHERE answered_at < ?", before)
                empty = (
                    "DELETE FROM conversations WHERE created_at < ? AND id NOT IN (SELECT conversation FROM turns)"
                )
                _deleted(connection, empty, before)
            if reports is not None:
                before = [micros(reports)]
                old_reports = _deleted(connection, "DELETE FROM reports WHERE used_at < ?", before)
                proposals = _deleted(connection, "DELETE FROM proposals WHERE created_at < ?", before)
            return Erased(turns, old_reports, proposals)

        return await self._database.write(erase)

    async def any_ended(self, before: datetime) -> bool:
        query = "SELECT 1 FROM jobs WHERE ended_at < ? LIMIT 1"
        rows = await self._database.run(lambda connection: list(connection.query(query, [micros(before)])))
        return bool(rows)


def _deleted(connection: Connection, statement: str, values: Sequence[str | int]) -> int:
    return int(connection.execute(statement, list(values)).rowcount)
