"""The health check reads whether the database works and how long the oldest notice has waited."""

from datetime import UTC, datetime, timedelta

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
