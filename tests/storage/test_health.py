"""The health check reads whether the database works and how long the oldest notice has waited."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import StorageError
from bot.ports.notifier import NoticeKind
from storage.database import Database
from storage.health import DatabaseHealth
from storage.jobs import SqliteJobStore
from tests.support.builders import job


async def test_database_that_works_has_no_problem_and_a_closed_one_has_one(database: Database) -> None:
    health = DatabaseHealth(database)
    assert await health.problem() == ""
    await database.close()
    assert await health.problem() == "The database is closed."


async def test_a_write_that_failed_is_a_problem_until_one_succeeds_and_a_restart_is_not_asked_for(
    database: Database,
) -> None:
    health = DatabaseHealth(database)
    [pages] = await database.run(lambda connection: connection.execute("PRAGMA page_count").fetchone())
    # The file may not grow any more, which SQLite tells as it tells a full disk.
    await database.run(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    large = "INSERT INTO installation VALUES (hex(zeroblob(100000)))"
    with pytest.raises(StorageError, match="no room left"):
        await database.write(lambda connection: connection.execute(large))
    assert health.write_problem() == "There is no room left to save to the database."
    with pytest.raises(ZeroDivisionError):
        await database.write(lambda _: 1 // 0)
    assert health.write_problem(), "an error of another kind says nothing of the disk"
    assert await health.problem() == "", "it can be read, and this tries to write once more"
    assert health.write_problem() == ""


async def test_waiting_counts_unsent_notices_and_the_age_of_the_oldest(
    database: Database, jobs: SqliteJobStore
) -> None:
    health = DatabaseHealth(database)
    later = datetime.now(UTC) + timedelta(days=1)
    assert await health.waiting(later) == (0, 0.0)
    await jobs.submit(job("k1"), [NoticeKind.CARD])
    await jobs.submit(job("k2"), [NoticeKind.CARD])
    number, seconds = await health.waiting(later)
    assert number == 2
    # SQLite's own clock writes when a notice began to wait, in whole seconds.
    assert timedelta(hours=23) < timedelta(seconds=seconds) < timedelta(hours=25)
