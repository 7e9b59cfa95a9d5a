import asyncio
import io
import logging
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database as Connection

from bot.domain.place import Place, Requester
from bot.errors import StorageError
from bot.ports.stores import BY_TERMINAL, AuditEntry
from bot.runtime.logs import RedactingFormatter, bind_request
from storage.audit_log import SqliteAuditLog, append_entry, append_from_outside
from storage.codecs import moment
from storage.database import Database
from tests.support.builders import START, TEAM
from tests.support.clock import FixedClock

ASKED_BY_ADA = Requester("U0ADA", Place(TEAM, "C0A"))
ASKED_BY_BOB = Requester("U0BOB", Place(TEAM, "C0B"))


async def test_repeated_delivery_is_told_from_a_new_one(journal: SqliteAuditLog) -> None:
    assert await journal.first_time("Ev1")
    assert not await journal.first_time("Ev1")
    assert await journal.first_time("Ev2")


async def test_of_many_deliveries_at_once_one_is_the_first(journal: SqliteAuditLog) -> None:
    answers = await asyncio.gather(*(journal.first_time("Ev1") for _ in range(50)))
    assert sum(answers) == 1


async def test_key_is_remembered_for_a_week_and_then_let_go(
    journal: SqliteAuditLog, clock: FixedClock, database: Database
) -> None:
    await journal.first_time("old")
    clock.advance(timedelta(days=7) - timedelta(microseconds=1))
    assert not await journal.first_time("old")
    clock.advance(microseconds=1)
    assert await journal.first_time("other")
    rows = await database.run(lambda connection: list(connection.query("SELECT key FROM handled_deliveries")))
    keys = [row["key"] for row in rows]
    assert keys == ["other"]
    assert await journal.first_time("old")


async def test_writes_after_a_first_time_reach_the_disk_again(journal: SqliteAuditLog, database: Database) -> None:
    await journal.first_time("Ev1")
    full = await database.run(lambda connection: connection.execute("PRAGMA synchronous").fetchone()[0])
    assert full == 2


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What the audit log writes to the bot's log, as an operator reads it."""
    text = io.StringIO()
    handler, logger = logging.StreamHandler(text), logging.getLogger("storage.audit_log")
    handler.setFormatter(RedactingFormatter([]))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield text
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


async def test_a_line_of_the_log_on_an_entry_has_the_request_in_which_it_happened_and_no_text(
    journal: SqliteAuditLog, said: io.StringIO
) -> None:
    bind_request(request="trigger1")
    try:
        await journal.record(ASKED_BY_ADA, "share", "tb-1", result="a text")
    finally:
        bind_request()
    assert said.getvalue().partition("audit.entry ")[2] == (
        f"action=share user=U0ADA team={TEAM} channel=C0A subject=tb-1 request=trigger1\n"
    )


ACT = AuditEntry("U0ADA", "use", START, "C0A")
LATE_CHECKS = (
    "CREATE TABLE parents (id INTEGER PRIMARY KEY); "
    "CREATE TABLE children (parent REFERENCES parents DEFERRABLE INITIALLY DEFERRED)"
)


async def test_an_entry_is_logged_after_its_commit_and_never_if_it_is_rolled_back(
    database: Database, journal: SqliteAuditLog, said: io.StringIO
) -> None:
    def fails_later(connection: Connection) -> None:
        append_entry(connection, TEAM, ACT, "e1")
        raise ValueError("later")

    def fails_at_the_commit(connection: Connection) -> None:
        append_entry(connection, TEAM, ACT, "e2")
        connection.execute("INSERT INTO children VALUES (1)")

    def succeeds(connection: Connection) -> str:
        append_entry(connection, TEAM, ACT, "e3")
        return said.getvalue()

    await database.run(lambda connection: connection.executescript(LATE_CHECKS))
    with pytest.raises(ValueError, match="later"):
        await database.write(fails_later)
    with pytest.raises(sqlite3.IntegrityError):
        await database.write(fails_at_the_commit)
    assert said.getvalue() == ""
    assert await journal.lines(TEAM) == []
    assert await database.write(succeeds) == "", "the transaction has not ended"
    assert [line.subject for line in await journal.lines(TEAM)] == ["e3"]
    assert said.getvalue().count("audit.entry") == said.getvalue().count("subject=e3") == 1


async def test_audit_log_says_who_did_what_when(
    journal: SqliteAuditLog, database: Database, clock: FixedClock
) -> None:
    await journal.record(ASKED_BY_ADA, "start", "next-number")
    clock.advance(seconds=5)
    await journal.record(ASKED_BY_BOB, "cancel", "next-number", result="refused")
    newest, oldest = await journal.lines(TEAM)
    assert (newest.subject, newest.act.result, oldest.act.at) == ("next-number", "refused", START)
    assert await journal.lines(TEAM, 1) == await journal.lines(None, 1) == [newest]
    assert await journal.lines("T0OTHER") == []
    rows = await database.run(lambda connection: list(connection.query("SELECT * FROM audit ORDER BY id")))
    later = START + timedelta(seconds=5)
    assert [
        [moment(row["at"]), *(value for name, value in row.items() if name not in ("id", "at"))] for row in rows
    ] == [
        [START, TEAM, "U0ADA", "start", "next-number", "C0A", ""],
        [later, TEAM, "U0BOB", "cancel", "next-number", "C0B", "refused"],
    ]


async def test_another_process_adds_an_act_while_the_bot_uses_the_database(
    journal: SqliteAuditLog, database: Database, tmp_path: Path, said: io.StringIO
) -> None:
    await journal.record(ASKED_BY_ADA, "use", "e")
    path = await database.run(lambda db: db.execute("PRAGMA database_list").fetchall()[0][2])
    act = AuditEntry(BY_TERMINAL, "delete a left-over file", START, result="2")
    await asyncio.to_thread(append_from_outside, Path(path), TEAM, act, "tb-1")
    lines = await journal.lines(TEAM)
    assert {line.act.user for line in lines} == {"U0ADA", BY_TERMINAL}
    assert said.getvalue().count("audit.entry") == 2
    with pytest.raises(StorageError):
        append_from_outside(tmp_path / "nowhere.db", TEAM, act, "tb-1")
    assert said.getvalue().count("audit.entry") == 2, "what was not written is not logged"
