"""A consistent copy of a database that may be in use, by SQLite's own backup.

It reads through a connection of its own: in WAL mode a reader neither waits for the writer nor makes it wait, so
the copy can also be made by another process than the one that owns the database.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StorageError
from storage.sqlite_errors import translated_sqlite_errors


def copy_database(source: Path, target: Path) -> None:
    """Write a copy of `source` as it stands now to the new file `target`. Blocks. Raises StorageError."""
    if target.exists():
        raise StorageError(f"{target} already exists.", "Name a new file, so that no older copy is lost.")
    if not source.is_file():
        raise StorageError(f"There is no database at {source}.", "Set TUNEBOT_DB to the file that Tunebot uses.")
    with translated_sqlite_errors(f"the database {source}"):
        # mode=rw, not ro: a reader of a WAL database has to take part in its shared memory file.
        opened = sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)
    with closing(opened):
        copy_connection(opened, target)


def copy_connection(source: sqlite3.Connection, target: Path) -> None:
    """Write a copy of what `source` sees to `target`, replacing it only once the copy is whole."""
    partial = target.with_name(target.name + ".part")
    try:
        partial.unlink(missing_ok=True)
        # The copy holds conversations, like the database itself.
        partial.touch(mode=0o600)
        try:
            with translated_sqlite_errors(f"the copy {target}"), closing(sqlite3.connect(partial)) as copy:
                # All pages in one step: a copy made in several would begin again whenever somebody writes.
                source.backup(copy, pages=-1)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"The copy {target} cannot be written: {error.strerror}.",
            "Name a file in a folder that can be written.",
        ) from error
