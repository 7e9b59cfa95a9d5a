"""Puts a copy of the database in its place, while no bot runs, and keeps what was there before.

However the process dies, the place holds the database of before or the copy, complete: the copy is written beside
it first, and one rename puts it there. What was there before is copied to a new name before that.
"""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database as Connection

from bot.errors import StorageError
from storage.backup import copy_database
from storage.file_lock import FileLock
from storage.migrations import read_schema
from storage.sqlite_errors import translated_sqlite_errors


def restore_database(copy: Path, target: Path, now: datetime) -> Path | None:
    """Put `copy` in the place of `target`; returns where the earlier database is kept, None if there was none.

    Blocks. Raises StorageError, after which `target` is as before.
    """
    _check(copy)
    if target.exists() and target.samefile(copy):
        raise StorageError(f"{copy} is the database itself.", "Name the copy.")
    lock = FileLock(target)
    try:
        kept = None
        if target.exists() and target.stat().st_size:
            kept = target.with_name(f"{target.name}.before-{now:%Y%m%dT%H%M%SZ}")
            copy_database(target, kept)
            _empty_write_ahead_log(target)
        partial = target.with_name(target.name + ".restored")
        partial.unlink(missing_ok=True)
        copy_database(copy, partial)
        # A write-ahead log of the earlier database must never be applied to the copy.
        for ending in ("-wal", "-shm"):
            target.with_name(target.name + ending).unlink(missing_ok=True)
        partial.replace(target)
        return kept
    except OSError as error:
        raise StorageError(
            f"{target} cannot be replaced: {error.strerror}.", "Check that its folder can be written."
        ) from error
    finally:
        lock.release()


def _check(copy: Path) -> None:
    """Raise StorageError unless the file is a whole database of a Tunebot, and none newer than this one."""
    if not copy.is_file():
        raise StorageError(f"There is no file {copy}.", "Name a copy that `tunebot backup` made.")
    with (
        translated_sqlite_errors(f"the copy {copy}"),
        closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as raw,
    ):
        damage = [row[0] for row in raw.execute("PRAGMA quick_check(1)")]
        schema = read_schema(Connection(raw, execute_plugins=False))
    if damage != ["ok"]:
        raise StorageError(f"{copy} is damaged: {damage[0].splitlines()[-1]}.", "Name another copy.")
    if schema.foreign or not schema.number:
        raise StorageError(f"{copy} is not a database of Tunebot's.", "Name a copy that `tunebot backup` made.")
    if schema.unknown:
        raise StorageError(
            f"{copy} was written by a newer Tunebot ({schema.unknown[-1]}).", "Install that version, or newer."
        )


def _empty_write_ahead_log(path: Path) -> None:
    with translated_sqlite_errors(f"the database {path}"), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
