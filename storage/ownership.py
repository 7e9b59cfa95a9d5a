"""One process owns the database: two would poll, post and pay side by side.

Who owns it is a lock that SQLite itself holds on an empty file beside the database, so it works on every system
that SQLite runs on, and the operating system lets go of it however the process ends. The database's own file
stays readable to others, for `tunebot backup` and for the sqlite3 shell.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StorageError
from storage.sqlite_errors import primary_code, translated_sqlite_errors

# Long enough for a process that is just being killed to be gone.
_PATIENCE = 0.5


class Ownership:
    """The lock on PATH.lock, held from the constructor to `release`. Raises StorageError if it is taken."""

    def __init__(self, path: Path) -> None:
        lock = path.with_name(path.name + ".lock")
        with translated_sqlite_errors(f"the lock {lock}"):
            self._connection = sqlite3.connect(lock, timeout=_PATIENCE, isolation_level=None)
            try:
                # Otherwise SQLite puts a journal beside this file too, for writes that never come.
                self._connection.execute("PRAGMA journal_mode = MEMORY")
                self._connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error as error:
                self._connection.close()
                if primary_code(error) == sqlite3.SQLITE_BUSY:
                    raise StorageError(
                        f"Another Tunebot is already using the database {path}.",
                        "Stop that one first, or set TUNEBOT_DB to another file.",
                    ) from error
                raise

    def release(self) -> None:
        with closing(self._connection):
            self._connection.execute("ROLLBACK")
