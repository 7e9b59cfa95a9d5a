"""The memory of what was found in training files."""

from datetime import timedelta
from pathlib import Path

from storage.database import Database
from storage.erased_words import SqliteErasure
from storage.report_cache import SqliteReportCache
from tests.support.clock import FixedClock


async def test_a_report_is_recalled_by_its_team_and_key_only(tmp_path: Path) -> None:
    database = Database(tmp_path / "tunebot.db")
    await database.open()
    memory = SqliteReportCache(database, FixedClock())
    await memory.remember("T1", "key", "old")
    await memory.remember("T1", "key", "new")

    assert await memory.recall("T1", "key") == "new"
    assert await memory.recall("T2", "key") is None
    assert await memory.recall("T1", "other") is None
    await database.close()


async def test_reports_that_nobody_used_for_long_are_dropped(tmp_path: Path) -> None:
    database, clock = Database(tmp_path / "tunebot.db"), FixedClock()
    await database.open()
    memory = SqliteReportCache(database, clock)
    await memory.remember("T1", "old", "report")
    clock.advance(days=91)
    await memory.remember("T1", "new", "report")
    await SqliteErasure(database, clock).expire(None, clock.now() - timedelta(days=90))

    assert await memory.recall("T1", "old") is None
    assert await memory.recall("T1", "new") == "report"
    await database.close()
