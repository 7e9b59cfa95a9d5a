import asyncio
from datetime import timedelta

from storage.audit_log import SqliteAuditLog
from storage.codecs import moment
from storage.database import Database
from tests.support.builders import START, TEAM
from tests.support.clock import FixedClock


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


async def test_audit_log_says_who_did_what_when(
    journal: SqliteAuditLog, database: Database, clock: FixedClock
) -> None:
    await journal.record(TEAM, "U0ADA", "start", "next-number")
    clock.advance(seconds=5)
    await journal.record(TEAM, "U0BOB", "cancel", "next-number")
    rows = await database.run(lambda connection: list(connection.query("SELECT * FROM audit ORDER BY id")))
    assert [(row["team"], row["user"], row["action"], row["subject"], moment(row["at"])) for row in rows] == [
        (TEAM, "U0ADA", "start", "next-number", START),
        (TEAM, "U0BOB", "cancel", "next-number", START + timedelta(seconds=5)),
    ]
