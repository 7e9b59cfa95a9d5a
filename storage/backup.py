"""Copies a database that may be in use, with SQLite's backup API, so that the copy is consistent.

It reads through a connection of its own. In WAL mode a reader and the writer do not block each other, so another
process than the bot can make the copy. Source: https://www.sqlite.org/backup.html, https://www.sqlite.org/wal.html.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StorageError
from storage.sqlite_errors import translated_sqlite_errors


def copy_database(source: Path, target: Path) -> None:
    """Write a copy of the present state of `source` to the new file `target`. Blocks. Raises StorageError."""
    if target.exists():
        raise StorageError(f"{target} already exists.", "Name a new file, so that you keep the older copy.")
    if not source.is_file():
        raise StorageError(f"There is no database at {source}.", "Set TUNEBOT_DB to the file that Tunebot uses.")
    with translated_sqlite_errors(f"the database {source}"):
        # mode=rw, not ro: a reader of a WAL database must write to its shared memory file.
        opened = sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)
    with closing(opened):
        copy_connection(opened, target)


def copy_connection(source: sqlite3.Connection, target: Path) -> None:
    """Write a copy of the database of `source` to `target`, which is replaced only when the copy is complete.

    Blocks. Raises StorageError.
    """
    partial = target.with_name(target.name + ".part")
    try:
        partial.unlink(missing_ok=True)
        # The copy holds conversations, like the database itself.
        partial.touch(mode=0o600)
        try:
            with translated_sqlite_errors(f"the copy {target}"), closing(sqlite3.connect(partial)) as copy:
                # All pages in one step: with several steps, each write by another connection would start it again.
                source.backup(copy, pages=-1)
                # In WAL mode also a reader writes two more files beside it, which a read-only folder refuses.
                copy.execute("PRAGMA journal_mode = DELETE")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"The copy {target} cannot be written: {error.strerror}.",
            "Name a file in a folder that can be written.",
        ) from error


def copy_private(path: Path, folder: Path) -> None:
    """Copy a file into another folder under its own name, readable by this user alone. Blocks. Raises OSError."""
    partial = folder / f"{path.name}.part"
    partial.touch(mode=0o600)
    shutil.copyfile(path, partial)
    partial.replace(folder / path.name)
