"""Owns the one connection to SQLite, on a thread of its own, so that the event loop never waits for a disk.

Callers pass whole synchronous functions, so no other task can run statements inside a transaction, which an
`await` in it would allow. This module knows no tables.

In WAL mode others can read while we write. With `synchronous=FULL` a commit reaches the disk before it returns,
which costs a fraction of a millisecond: a job's row is committed before Google is called and paid, and with
NORMAL, which SQLite recommends for WAL, a power cut could undo that commit.
Source: https://www.sqlite.org/pragma.html#pragma_synchronous and https://www.sqlite.org/wal.html.
"""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database as Connection

from bot.errors import StorageError
from bot.runtime.logs import log_event
from storage.backup import copy_connection
from storage.file_lock import FileLock
from storage.migrations import migrate, read_schema
from storage.sqlite_errors import primary_code, translated_sqlite_errors, translation

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MEMORY = ":memory:"
# How long a call waits for another program's lock, from when it was made: the calls behind the first
# one have waited already. A person must have an answer within the three seconds that Slack gives.
_BUSY_SECONDS = 2.0
_AT_ONCE_SECONDS = 0.05
# One request of a person makes several calls. After a call that waited without success, those
# of the next moments wait less, so that the time of all of them together stays short.
_STILL_LOCKED_SECONDS = 1.0
_BUSY_SECONDS_WHILE_LOCKED = 0.25
# A file of 16 MB of which a quarter is empty is written anew.
_SHRINK_PAGES = 4_096
_SHRINK_SHARE = 0.25

_after_commit: ContextVar[list[Callable[[], None]]] = ContextVar("after_commit")


class Database:
    """Runs functions on Tunebot's SQLite file; the path `:memory:` is for tests.

    Any task may call `run` and `write` at any time; the calls run in their order. A task that is cancelled while
    it waits gets no result, but its function runs completely or not at all.
    """

    def __init__(self, path: str | Path) -> None:
        # Resolved, so that two names of one file use the same lock.
        self._path = None if str(path) == _MEMORY else Path(path).resolve()
        self._thread: ThreadPoolExecutor | None = None
        self._lock: FileLock | None = None
        self._connection: Connection | None = None
        self._busy_seconds = _BUSY_SECONDS
        self._found_locked_at = float("-inf")
        self._write_problem = ""

    @property
    def write_problem(self) -> str:
        """Why the newest transaction could not be written, as where the disk is full; empty if it was."""
        return self._write_problem

    async def open(self) -> None:
        """Lock the file for this process, check it and migrate it to the newest schema. Raises StorageError.

        Before a migration the file is copied to PATH.schema-N, where N is the number of its schema.
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
        """Run the calls that were made before, then close and unlock the file; a second call does nothing."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
        finally:
            thread.shutdown(wait=False)

    async def run(self, read: Callable[[Connection], T]) -> T:
        """Run a function that only reads, on the database's thread; returns its result. Raises StorageError."""
        return await self._call(lambda: read(self._opened()))

    async def write(self, change: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run a function in one transaction, which is rolled back if it raises; returns its result.

        Raises StorageError. With `durable=False` a power cut may undo the commit until a durable one follows; the
        end of the process does not.
        """

        def transact() -> T:
            connection = self._opened()
            try:
                with transaction(connection, durable=durable):
                    result = change(connection)
            except sqlite3.Error as error:
                if (found := translation(error)) is not None:
                    self._write_problem = found.message
                raise
            self._write_problem = ""
            return result

        return await self._call(transact)

    async def _call(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise StorageError("The database is closed.", "Tunebot is stopping; try again when it is back.")
        called_at = time.monotonic()

        def work_in_time() -> T:
            self._limit_wait(time.monotonic() - called_at)
            try:
                return work()
            except sqlite3.Error as error:
                if primary_code(error) == sqlite3.SQLITE_BUSY:
                    self._found_locked_at = time.monotonic()
                raise

        # What is logged on that thread has the ids of the request, too.
        context = copy_context()
        with translated_sqlite_errors():
            return await asyncio.get_running_loop().run_in_executor(self._thread, context.run, work_in_time)

    def _limit_wait(self, waited: float) -> None:
        """Let SQLite wait for a lock only for what is left of the call's time."""
        left = _BUSY_SECONDS if waited < _AT_ONCE_SECONDS else max(0.0, _BUSY_SECONDS - waited)
        if time.monotonic() - self._found_locked_at < _STILL_LOCKED_SECONDS:
            left = min(left, _BUSY_SECONDS_WHILE_LOCKED)
        if left != self._busy_seconds and self._connection is not None:
            self._connection.execute(f"PRAGMA busy_timeout = {left * 1000:.0f}")
            self._busy_seconds = left

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
        self._lock = FileLock(self._path)
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
            with transaction(connection):
                migrate(connection)
        _shrink(connection)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        lock, self._lock = self._lock, None
        try:
            if connection is not None:
                connection.close()
        finally:
            if lock is not None:
                lock.release()


@contextmanager
def transaction(connection: Connection, *, durable: bool = True) -> Iterator[None]:
    """Run what is in the block in one transaction, which is rolled back if it raises."""
    # IMMEDIATE, because sqlite-utils' atomic() begins a deferred transaction: one that reads and then writes fails
    # at once, without the busy timeout, if another connection wrote in between
    # (https://www.sqlite.org/lang_transaction.html). Inside ours, every atomic() becomes a savepoint.
    if not durable:
        connection.execute("PRAGMA synchronous = NORMAL")
    later: list[Callable[[], None]] = []
    token = _after_commit.set(later)
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    finally:
        _after_commit.reset(token)
        if not durable:
            connection.execute("PRAGMA synchronous = FULL")
    for act in later:
        act()


def after_commit(act: Callable[[], None]) -> None:
    """Call this once the transaction of this block is committed, and never if it is rolled back."""
    _after_commit.get().append(act)


def _shrink(connection: Connection) -> None:
    """Give empty pages back to the disk where they are many; at a start nobody waits for another statement.

    Source: https://www.sqlite.org/lang_vacuum.html. A disk without space for a second file is no reason to stop.
    """
    [(pages,), (empty,)] = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count")
    )
    if pages < _SHRINK_PAGES or empty < pages * _SHRINK_SHARE:
        return
    try:
        connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        logger.warning("the database could not be shrunk: %s", error)
    else:
        log_event(logger, "database.shrunk", pages=pages, empty_pages=empty)


def _create_private(path: Path) -> None:
    # The file holds conversations, and with the usual umask SQLite would create it readable to every user. SQLite
    # gives its -wal and -shm files the same permissions: https://www.sqlite.org/wal.html.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(
            f"The database {path} cannot be opened: {error.strerror}.",
            "Check that the folder exists and that the user that runs Tunebot may write to it.",
        ) from error


def _connect(path: str | Path) -> Connection:
    raw = sqlite3.connect(path, timeout=_BUSY_SECONDS)
    # Plugins of sqlite-utils that are installed on this machine must not change our connection.
    connection = Connection(raw, execute_plugins=False)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    # macOS needs it to reach the disk with FULL; other systems ignore it:
    # https://www.sqlite.org/pragma.html#pragma_fullfsync.
    connection.execute("PRAGMA fullfsync = ON")
    return connection
