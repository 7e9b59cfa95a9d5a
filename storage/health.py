"""Answers the health check: whether the database can be read and written, and how many notices wait in it."""

from contextlib import suppress
from datetime import datetime
from typing import Final

from sqlite_utils import Database as Connection

from bot.errors import StorageError
from storage.codecs import micros
from storage.database import Database

_NO_CHANGE: Final = "UPDATE installation SET id = id"


class DatabaseHealth:
    """Reads the state of the database; it changes no value."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def problem(self) -> str:
        """Return why the database cannot be read, or an empty text if it can.

        Where the newest write failed, this tries one more, for `write_problem` to say when that is over.
        """

        def read(connection: Connection) -> None:
            # It reads a table: SQLite would answer a query without one without reading the file.
            connection.execute("SELECT count(*) FROM jobs WHERE state = 'running'").fetchone()

        try:
            await self._database.run(read)
        except StorageError as error:
            return error.message
        if self._database.write_problem:
            with suppress(StorageError):
                await self._database.write(lambda connection: connection.execute(_NO_CHANGE))
        return ""

    def write_problem(self) -> str:
        """Return why the newest write failed, or an empty text if it did not. Does not wait.

        No restart makes room on a disk, so this is no part of `problem`.
        """
        return self._database.write_problem

    async def waiting(self, now: datetime) -> tuple[int, float]:
        """Return how many notices were not sent yet, and for how many seconds the oldest has waited."""

        def read(connection: Connection) -> tuple[int, int | None]:
            query = "SELECT count(*), min(since) FROM outbox WHERE state = 'pending' AND kind <> 'old_card'"
            number, since = connection.execute(query).fetchone()
            return number, since

        number, since = await self._database.run(read)
        return number, 0.0 if since is None else max(0.0, (micros(now) - since) / 1_000_000)
