"""How the database fares, for whoever watches the bot: whether it can be read, and what waits in it."""

from datetime import datetime

from sqlite_utils import Database as Connection

from bot.errors import StorageError
from storage.codecs import micros
from storage.database import Database


class DatabaseHealth:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def problem(self) -> str:
        """Why the database cannot be read, or nothing."""

        def read(connection: Connection) -> None:
            # A real table: what SQLite can answer out of its own head says nothing of the file.
            connection.execute("SELECT count(*) FROM jobs WHERE state = 'running'").fetchone()

        try:
            await self._database.run(read)
        except StorageError as error:
            return error.message
        return ""

    async def waiting(self, now: datetime) -> tuple[int, float]:
        """How many notices Slack was not told yet, and for how many seconds the oldest has waited."""

        def read(connection: Connection) -> tuple[int, int | None]:
            asked = "SELECT count(*), min(since) FROM outbox WHERE state = 'pending'"
            number, since = connection.execute(asked).fetchone()
            return number, since

        number, since = await self._database.run(read)
        return number, 0.0 if since is None else max(0.0, (micros(now) - since) / 1_000_000)
