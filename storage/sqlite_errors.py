"""Translates SQLite's errors into StorageErrors. No other module knows SQLite's result codes.

It translates what an administrator can correct: a file that is locked, full, damaged or not ours. A failed
constraint or statement is a mistake of ours and stays a sqlite3 error, so that the log shows its traceback.
Source: https://www.sqlite.org/rescode.html.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from bot.errors import StorageError

_NOTHING_LOST = "Everything that was saved before is still there."

# The message and the hint for each primary result code that is translated.
_TRANSLATIONS = {
    sqlite3.SQLITE_BUSY: (
        "{subject} is locked by another program.",
        "Close the other program that has the file open, then try again. " + _NOTHING_LOST,
    ),
    sqlite3.SQLITE_LOCKED: (
        "{subject} is locked by another program.",
        "Close the other program that has the file open, then try again. " + _NOTHING_LOST,
    ),
    # Two processes recovered or locked the WAL file at the same moment.
    sqlite3.SQLITE_PROTOCOL: (
        "{subject} is locked by another program.",
        "Close the other program that has the file open, then try again. " + _NOTHING_LOST,
    ),
    sqlite3.SQLITE_NOMEM: (
        "There is not enough memory to use {subject}.",
        "Give Tunebot more memory, then try again. " + _NOTHING_LOST,
    ),
    # The disk cannot hold a file of this size.
    sqlite3.SQLITE_NOLFS: (
        "There is no room left to save to {subject}.",
        "Move the database to a disk that takes larger files. " + _NOTHING_LOST,
    ),
    sqlite3.SQLITE_FULL: (
        "There is no room left to save to {subject}.",
        "Free space on its disk, then try again. " + _NOTHING_LOST,
    ),
    sqlite3.SQLITE_IOERR: (
        "The disk could not read or save {subject}.",
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
    """Raise StorageError for SQLite's errors in the block; `subject` names the file in its message."""
    try:
        yield
    except sqlite3.Error as error:
        if (found := translation(error, subject)) is None:
            raise
        raise found from error


def translation(error: sqlite3.Error, subject: str = "the database") -> StorageError | None:
    """Return the StorageError for what an administrator can correct, None for a mistake of ours."""
    if (texts := _TRANSLATIONS.get(primary_code(error))) is None:
        return None
    message, hint = texts
    text = message.format(subject=subject)
    return StorageError(text[0].upper() + text[1:], hint)


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, the low byte of the extended one; -1 for an error of Python's own."""
    code: int = getattr(error, "sqlite_errorcode", -1)
    return code if code < 0 else code & 0xFF
