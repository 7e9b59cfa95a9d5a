"""What SQLite refuses, in words a person can act on. The one place that knows SQLite's result codes.

Only the states of the world are translated: a busy, full, broken or foreign file. A constraint or a statement
that fails is a mistake of ours and stays the sqlite3 error that it is, so that it is logged with its trace.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from bot.errors import StorageError

_NOTHING_LOST = "Everything saved before is still there."

# By SQLite's primary result code, see https://www.sqlite.org/rescode.html.
_WORDS = {
    sqlite3.SQLITE_BUSY: (
        "{subject} is locked by another program.",
        "Close whatever else has the file open, then try again. " + _NOTHING_LOST,
    ),
    sqlite3.SQLITE_LOCKED: (
        "{subject} is locked by another program.",
        "Close whatever else has the file open, then try again. " + _NOTHING_LOST,
    ),
    sqlite3.SQLITE_FULL: (
        "There is no room left to save to {subject}.",
        "Free space on its disk, then try again. " + _NOTHING_LOST,
    ),
    sqlite3.SQLITE_IOERR: (
        "The disk refused to read or save {subject}.",
        "Check the disk's free space, quota and health, then try again. " + _NOTHING_LOST,
    ),
    sqlite3.SQLITE_READONLY: (
        "{subject} cannot be written.",
        "Give the user that runs Tunebot write access to the file and its folder.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "{subject} cannot be opened.",
        "Check that the folder exists and that the user that runs Tunebot may write to it.",
    ),
    sqlite3.SQLITE_PERM: (
        "{subject} cannot be opened.",
        "Give the user that runs Tunebot read and write access to the file and its folder.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "{subject} is damaged.",
        "Nothing was changed. Keep a copy of the file and put a backup in its place.",
    ),
    sqlite3.SQLITE_NOTADB: (
        "{subject} is not an SQLite database.",
        "Nothing was changed. Name another file, or put a backup in its place.",
    ),
}


@contextmanager
def translated_sqlite_errors(subject: str = "the database") -> Iterator[None]:
    """Turn SQLite's refusals inside the block into StorageErrors; `subject` names the file where that helps."""
    try:
        yield
    except sqlite3.Error as error:
        words = _WORDS.get(primary_code(error))
        if words is None:
            raise
        message, hint = words
        text = message.format(subject=subject)
        raise StorageError(text[0].upper() + text[1:], hint) from error


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without the byte that only says which step failed; -1 where SQLite was not asked."""
    code: int = getattr(error, "sqlite_errorcode", -1)
    return code if code < 0 else code & 0xFF
