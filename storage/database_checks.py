"""The checks of the database for `tunebot doctor`: its folder, its schema, and whether a bot uses it.

They change nothing and take no lock, so they may run beside the bot.
"""

import asyncio
import os
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

from sqlite_utils import Database as Connection

from bot.errors import StorageError
from bot.ports.diagnosis import Check, Diagnosis, failed, good, limited
from storage.migrations import read_schema
from storage.sqlite_errors import translated_sqlite_errors


def database_checks(database: str) -> list[Check]:
    """Return the checks of the database file `database`, which need not exist yet."""
    path = Path(os.path.abspath(database))
    return [
        Check("database.file", "Database", partial(asyncio.to_thread, _file, path)),
        Check("database.schema", "Schema", partial(asyncio.to_thread, _schema, path), needs="database.file"),
    ]


def _file(path: Path) -> Diagnosis:
    folder = path.parent
    if not folder.is_dir():
        return failed(f"There is no folder {folder}.", f"mkdir -p {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return failed(f"The user {os.getuid()} may not write to {folder}.", f"sudo chown {os.getuid()} {folder}")
    if not path.exists():
        return good(f"{path} will be created at the first start.")
    if not os.access(path, os.R_OK | os.W_OK):
        return failed(f"The user {os.getuid()} may not write to {path}.", f"sudo chown {os.getuid()} {path}")
    return good(f"{path}, {path.stat().st_size / 1024**2:,.1f} MB.")


def _schema(path: Path) -> Diagnosis:
    if not path.exists() or not path.stat().st_size:
        return good("A new database gets the newest schema.")
    try:
        with translated_sqlite_errors(f"the database {path}"), closing(_reading(path)) as raw:
            schema = read_schema(Connection(raw, execute_plugins=False))
            damage = [row[0] for row in raw.execute("PRAGMA quick_check(1)")]
    except StorageError as error:
        return failed(error.message, "Keep a copy of the file and put a backup in its place: tunebot restore COPY")
    if damage != ["ok"]:
        return failed(
            f"{path} is damaged: {damage[0].splitlines()[-1]}.",
            "Keep a copy of the file and put a backup in its place: tunebot restore COPY",
        )
    if schema.foreign:
        return failed(f"{path} belongs to another program.", "Set TUNEBOT_DB to a file of Tunebot's own.")
    if schema.unknown:
        return failed(
            f"{path} was written by a newer Tunebot ({schema.unknown[-1]}).",
            f"Start that version, or put the copy in its place that it made: ls {path}.schema-*",
        )
    if schema.pending:
        newest = schema.number + len(schema.pending)
        return limited(
            f"{path} has schema {schema.number}; the next start brings it to {newest}.",
            f"Nothing to do: the start first copies it to {path.name}.schema-{schema.number}.",
        )
    return good(f"Schema {schema.number}, the newest, and the file is not damaged.")


def _reading(path: Path) -> sqlite3.Connection:
    # mode=rw, not ro: a reader of a WAL database must write to its shared memory file.
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=2.0)
