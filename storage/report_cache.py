"""Stores the reports on training files, so that a file that was checked needs no second check."""

from datetime import timedelta

from sqlite_utils import Database as Connection

from bot.ports.clock import Clock
from storage.codecs import micros
from storage.database import Database

_KEEP_UNUSED = timedelta(days=90)


class SqliteReportCache:
    """The ReportCache of `bot.ports`. A report that was not written again for 90 days is deleted."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def recall(self, team: str, key: str) -> str | None:
        def read(connection: Connection) -> str | None:
            rows = connection.query("SELECT report FROM reports WHERE team = ? AND key = ?", [team, key])
            return next((str(row["report"]) for row in rows), None)

        return await self._database.run(read)

    async def remember(self, team: str, key: str, report: str) -> None:
        now = self._clock.now()
        row = {"team": team, "key": key, "report": report, "used_at": micros(now)}

        def write(connection: Connection) -> None:
            connection.table("reports").insert(row, replace=True)
            connection.execute("DELETE FROM reports WHERE used_at <= ?", [micros(now - _KEEP_UNUSED)])

        # Not durable: a report that a power cut undoes is made again.
        await self._database.write(write, durable=False)
