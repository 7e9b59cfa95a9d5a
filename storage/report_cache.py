"""Stores the reports on training files, so that a file that was checked needs no second check."""

from sqlite_utils import Database as Connection

from bot.ports.clock import Clock
from storage.codecs import micros
from storage.database import Database


class SqliteReportCache:
    """The ReportCache of `bot.ports`. It keeps a report until `storage.erased_words` erases it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def recall(self, team: str, key: str) -> str | None:
        def read(connection: Connection) -> str | None:
            rows = connection.query("SELECT report FROM reports WHERE team = ? AND key = ?", [team, key])
            return next((str(row["report"]) for row in rows), None)

        return await self._database.run(read)

    async def remember(self, team: str, key: str, report: str, user: str = "") -> None:
        now = self._clock.now()
        row = {"team": team, "key": key, "report": report, "used_at": micros(now), "user": user}

        def write(connection: Connection) -> None:
            connection.table("reports").insert(row, replace=True)

        # Not durable: a report that a power cut undoes is made again.
        await self._database.write(write, durable=False)
