"""Every error of sqlite3 becomes a StorageError or stays what it is, for a reason that stands here."""

import sqlite3
from collections.abc import Iterator

import pytest

from bot.errors import StorageError
from storage.sqlite_errors import translated_sqlite_errors

MISTAKE = "a mistake of ours: the log must show its traceback"
NOT_RAISED = "sqlite3 does not raise it for what the bot does"

# The result codes that become a StorageError, by the class that sqlite3 raises for them.
TRANSLATED = {
    "SQLITE_BUSY": sqlite3.OperationalError,
    "SQLITE_CANTOPEN": sqlite3.OperationalError,
    "SQLITE_CORRUPT": sqlite3.DatabaseError,
    "SQLITE_FULL": sqlite3.OperationalError,
    "SQLITE_IOERR": sqlite3.OperationalError,
    "SQLITE_LOCKED": sqlite3.OperationalError,
    "SQLITE_NOLFS": sqlite3.DatabaseError,
    "SQLITE_NOMEM": sqlite3.OperationalError,
    "SQLITE_NOTADB": sqlite3.DatabaseError,
    "SQLITE_PERM": sqlite3.OperationalError,
    "SQLITE_PROTOCOL": sqlite3.OperationalError,
    "SQLITE_READONLY": sqlite3.OperationalError,
}
UNTRANSLATED = {
    "SQLITE_ABORT": "a statement was rolled back inside itself, which no statement of ours does",
    "SQLITE_AUTH": "no authorizer is set",
    "SQLITE_CONSTRAINT": MISTAKE,
    "SQLITE_DONE": NOT_RAISED,
    "SQLITE_EMPTY": NOT_RAISED,
    "SQLITE_ERROR": MISTAKE,
    "SQLITE_FORMAT": NOT_RAISED,
    "SQLITE_INTERNAL": NOT_RAISED,
    "SQLITE_INTERRUPT": "no statement is interrupted",
    "SQLITE_MISMATCH": MISTAKE,
    "SQLITE_MISUSE": MISTAKE,
    "SQLITE_NOTFOUND": NOT_RAISED,
    "SQLITE_NOTICE": NOT_RAISED,
    "SQLITE_OK": NOT_RAISED,
    "SQLITE_RANGE": MISTAKE,
    "SQLITE_ROW": NOT_RAISED,
    "SQLITE_SCHEMA": "SQLite prepares the statement again by itself",
    "SQLITE_TOOBIG": "a text of more than a gigabyte: " + MISTAKE,
    "SQLITE_WARNING": NOT_RAISED,
}
# Classes whose errors carry no result code of SQLite's, because Python's module raises them.
WITHOUT_CODE = {
    sqlite3.Warning: "not raised since Python 3.11",
    sqlite3.Error: "the base of the others",
    sqlite3.DataError: MISTAKE,
    sqlite3.DatabaseError: MISTAKE,
    sqlite3.IntegrityError: MISTAKE,
    sqlite3.InterfaceError: MISTAKE,
    sqlite3.InternalError: MISTAKE,
    sqlite3.NotSupportedError: MISTAKE,
    sqlite3.OperationalError: MISTAKE,
    sqlite3.ProgrammingError: MISTAKE,
}
# What sqlite3 also names SQLITE_...: authorizer actions, limits and database settings, not result codes. All
# result codes are smaller than 256 and come from https://www.sqlite.org/rescode.html.
RESULT_CODES = [
    "OK",
    "ERROR",
    "INTERNAL",
    "PERM",
    "ABORT",
    "BUSY",
    "LOCKED",
    "NOMEM",
    "READONLY",
    "INTERRUPT",
    "IOERR",
    "CORRUPT",
    "NOTFOUND",
    "FULL",
    "CANTOPEN",
    "PROTOCOL",
    "EMPTY",
    "SCHEMA",
    "TOOBIG",
    "CONSTRAINT",
    "MISMATCH",
    "MISUSE",
    "NOLFS",
    "AUTH",
    "FORMAT",
    "RANGE",
    "NOTADB",
    "NOTICE",
    "WARNING",
    "ROW",
    "DONE",
]


def classes(module: object, *bases: type[BaseException]) -> Iterator[type[BaseException]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, bases):
            yield value


def failing(error_class: type[sqlite3.Error], code: int) -> sqlite3.Error:
    error = error_class("it failed")
    error.sqlite_errorcode = code
    return error


def test_every_result_code_is_translated_or_has_a_reason() -> None:
    assert {f"SQLITE_{name}" for name in RESULT_CODES} == set(TRANSLATED) | set(UNTRANSLATED)
    assert not set(TRANSLATED) & set(UNTRANSLATED)
    # An extended code, such as SQLITE_BUSY_SNAPSHOT, belongs to the primary code in its low byte.
    primary = {getattr(sqlite3, name) for name in (*TRANSLATED, *UNTRANSLATED) if hasattr(sqlite3, name)}
    longer = tuple(f"SQLITE_{name}_" for name in RESULT_CODES)
    extended = [value for name, value in vars(sqlite3).items() if name.startswith(longer) and value > 255]
    assert len(extended) > 40
    assert {value & 0xFF for value in extended} <= primary


def test_every_class_of_sqlite3_is_known() -> None:
    assert set(classes(sqlite3, sqlite3.Error, sqlite3.Warning)) == set(WITHOUT_CODE)
    assert set(TRANSLATED.values()) <= set(WITHOUT_CODE)


@pytest.mark.parametrize("name", TRANSLATED)
@pytest.mark.parametrize("step", [0, 3])
def test_error_that_an_administrator_can_correct_says_what_to_do(name: str, step: int) -> None:
    error = failing(TRANSLATED[name], getattr(sqlite3, name) | step << 8)
    with pytest.raises(StorageError) as caught, translated_sqlite_errors("the database /x.db"):
        raise error
    assert "he database /x.db" in caught.value.message
    assert caught.value.hint
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("name", [name for name in UNTRANSLATED if hasattr(sqlite3, name)])
def test_error_that_is_our_mistake_stays_as_it_is(name: str) -> None:
    error = failing(sqlite3.DatabaseError, getattr(sqlite3, name))
    with pytest.raises(sqlite3.DatabaseError) as caught, translated_sqlite_errors():
        raise error
    assert caught.value is error


@pytest.mark.parametrize("error_class", WITHOUT_CODE)
def test_error_without_a_result_code_stays_as_it_is(error_class: type[Exception]) -> None:
    with pytest.raises(error_class) as caught, translated_sqlite_errors():
        raise error_class("it failed")
    assert type(caught.value) is error_class
