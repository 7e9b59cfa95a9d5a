"""A database file with the newest schema, as a copy: the migrations take longer than most tests that need it."""

import os
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from sqlite_utils import Database as Connection

from storage.migrations import migrate


def write_ready_database(path: Path) -> Path:
    """Write the file as the first start of the bot leaves it, for its owner alone; one that exists is kept."""
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(_migrated())
    return path


@cache
def _migrated() -> bytes:
    with closing(sqlite3.connect(":memory:")) as raw:
        connection = Connection(raw, execute_plugins=False)
        migrate(connection)
        raw.commit()
        return raw.serialize()
