"""The one connection to SQLite, on a thread of its own, so that the event loop never waits for a disk.

Work is handed over as whole plain functions: nothing of another task can come in between their statements, which
an `await` inside a transaction would allow. This module knows no tables.

WAL lets others read while we write. `synchronous=FULL` makes every commit reach the disk before it is
acknowledged, which costs a fraction of a millisecond: a job's row is committed before Google is called and paid,
and under NORMAL, SQLite's usual choice with WAL, a power cut could take that row back.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database as Connection

from bot.errors import StorageError
from storage.backup import copy_connection, copy_database
from storage.migrations import migrate, read_schema
from storage.ownership import Ownership
from storage.sqlite_errors import translated_sqlite_errors

T = TypeVar("T")

_MEMORY = ":memory:"
_BUSY_SECONDS = 5.0


class Database:
    """Tunebot's SQLite file; `:memory:` is for tests.

    `run` and `write` may be called from any task at once and are carried out in the order of the calls. A task
    that is cancelled while it waits gets no answer, but its function is carried out wholly or not at all.
    """

    def __init__(self, path: str | Path) -> None:
        # Resolved, so that two names of one file ask for the same lock.
        self._path = None if str(path) == _MEMORY else Path(path).resolve()
        self._thread: ThreadPoolExecutor | None = None
        self._ownership: Ownership | None = None
        self._connection: Connection | None = None

    async def open(self) -> None:
        """Take the file for this process, check it and bring it to the newest schema. Raises StorageError.

        A file whose schema is older is copied to PATH.schema-N, N being its schema's number, before it changes.
        """
        if self._thread is not None:
            raise StorageError("The database is open already.")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storage")
        try:
            await self._call(self._open)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was asked for, close the file and let go of it; closing twice is no error."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
        finally:
            thread.shutdown(wait=False)

    async def run(self, read: Callable[[Connection], T]) -> T:
        """Carry out a function that only reads, on the database's thread. Raises StorageError."""
        return await self._call(lambda: read(self._opened()))

    async def write(self, change: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Carry out a function in one transaction, undone whole if it raises. Raises StorageError.

        With `durable=False` the commit survives the process but not a power cut, unless a durable one follows.
        """

        def transact() -> T:
            connection = self._opened()
            with _transaction(connection, durable=durable):
                return change(connection)

        return await self._call(transact)

    async def backup(self, target: str | Path) -> None:
        """Write a consistent copy to a new file while everything goes on. Raises StorageError."""
        chosen, source = Path(target), self._path
        if source is not None:
            await asyncio.to_thread(copy_database, source, chosen)
        else:
            await self.run(lambda connection: copy_connection(connection.conn, chosen))

    async def _call(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise StorageError("The database is closed.", "Tunebot is stopping; try again when it is back.")
        with translated_sqlite_errors():
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _opened(self) -> Connection:
        if self._connection is None:
            raise StorageError("The database is closed.", "Tunebot is stopping; try again when it is back.")
        return self._connection

    def _open(self) -> None:
        if self._path is None:
            self._connection = _connect(_MEMORY)
            migrate(self._connection)
            return
        _create_private(self._path)
        self._ownership = Ownership(self._path)
        with translated_sqlite_errors(f"the database {self._path}"):
            self._connection = _connect(self._path)
            self._prepare(self._connection, self._path)

    def _prepare(self, connection: Connection, path: Path) -> None:
        damage = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
        if damage != ["ok"]:
            raise StorageError(
                f"The database {path} is damaged: {damage[0].splitlines()[-1]}.",
                "Nothing was changed. Keep a copy of the file and put a backup in its place.",
            )
        schema = read_schema(connection)
        if schema.foreign:
            raise StorageError(
                f"The database {path} belongs to another program.",
                "Nothing was changed. Set TUNEBOT_DB to a file of Tunebot's own.",
            )
        if schema.unknown:
            raise StorageError(
                f"The database {path} was written by a newer Tunebot ({schema.unknown[-1]}).",
                "Nothing was changed. Start that newer version, or put an older backup in its place.",
            )
        connection.enable_wal()
        if schema.pending:
            if schema.number:
                copy_connection(connection.conn, path.with_name(f"{path.name}.schema-{schema.number}"))
            with _transaction(connection):
                migrate(connection)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        ownership, self._ownership = self._ownership, None
        try:
            if connection is not None:
                connection.close()
        finally:
            if ownership is not None:
                ownership.release()


def _create_private(path: Path) -> None:
    # The file holds conversations. SQLite would create it readable to everyone under the usual umask; its side
    # files take over the database file's permissions.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(
            f"The database {path} cannot be opened: {error.strerror}.",
            "Check that the folder exists and that the user that runs Tunebot may write to it.",
        ) from error


def _connect(path: str | Path) -> Connection:
    raw = sqlite3.connect(path, timeout=_BUSY_SECONDS)
    # Plugins of sqlite-utils that happen to be installed have no business in here.
    connection = Connection(raw, execute_plugins=False)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    # On macOS only this makes FULL reach the disk itself; elsewhere it does nothing.
    connection.execute("PRAGMA fullfsync = ON")
    return connection


@contextmanager
def _transaction(connection: Connection, *, durable: bool = True) -> Iterator[None]:
    # IMMEDIATE, because sqlite-utils' own atomic() begins deferred: a transaction that reads and then writes
    # fails at once, whatever the busy timeout, if another connection wrote in between. Inside it, the atomic()
    # of every sqlite-utils method becomes a savepoint.
    if not durable:
        connection.execute("PRAGMA synchronous = NORMAL")
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    finally:
        if not durable:
            connection.execute("PRAGMA synchronous = FULL")
