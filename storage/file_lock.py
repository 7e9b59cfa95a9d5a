"""Locks the database file for one process."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StorageError
from storage.sqlite_errors import primary_code, translated_sqlite_errors

# A process that is being killed needs a moment until the operating system releases its lock.
_LOCK_SECONDS = 0.5


class FileLock:
    """Locks PATH.lock from the constructor to `release`, because two processes would both poll, post and pay.

    SQLite itself holds the lock, on an empty file beside the database: that works on every system that SQLite
    runs on, and the operating system releases it however the process ends. The database's own file stays readable
    to others, for `tunebot backup` and for the sqlite3 shell. Raises StorageError if another process has the lock.
    """

    def __init__(self, path: Path) -> None:
        lock = path.with_name(path.name + ".lock")
        with translated_sqlite_errors(f"the lock {lock}"):
            self._connection = sqlite3.connect(lock, timeout=_LOCK_SECONDS, isolation_level=None)
            try:
                # In this mode SQLite creates no journal file for the lock file, which is never written.
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
        """Let another process use the database."""
        with closing(self._connection):
            self._connection.execute("ROLLBACK")
