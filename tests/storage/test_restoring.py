"""A copy takes the database's place whole, what was there stays, and nothing but a database of ours is taken."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.runtime.clocks import SYSTEM_CLOCK
from storage import open_stores
from storage.backup import copy_database
from storage.restoring import restore_database

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


async def database_at(path: Path, note: str) -> Path:
    """A database with one value that a test can find again."""
    async with open_stores(path, SYSTEM_CLOCK) as stores:
        await stores.database.write(lambda db: db.execute("CREATE TABLE IF NOT EXISTS note (said)"))
        await stores.database.write(lambda db: db.execute("DELETE FROM note"))
        await stores.database.write(lambda db: db.execute("INSERT INTO note VALUES (?)", [note]))
    return path


def note_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT said FROM note").fetchone()[0])


def named(folder: Path, pattern: str) -> list[str]:
    return [each.name for each in folder.glob(pattern)]


async def test_a_copy_is_put_in_place_and_the_earlier_database_is_kept(tmp_path: Path) -> None:
    path, copy = await database_at(tmp_path / "tunebot.db", "old"), tmp_path / "copy.db"
    copy_database(path, copy)
    await database_at(path, "new")
    kept = restore_database(copy, path, NOW)
    assert kept == tmp_path / "tunebot.db.before-20261127T120000Z"
    assert (note_of(path), note_of(kept), note_of(copy)) == ("old", "new", "old")
    async with open_stores(path, SYSTEM_CLOCK) as stores:
        assert await stores.jobs.open_jobs() == []
    assert path.stat().st_mode & 0o077 == 0


async def test_where_there_was_none_the_copy_is_the_first(tmp_path: Path) -> None:
    copy = await database_at(tmp_path / "copy.db", "old")
    assert restore_database(copy, tmp_path / "tunebot.db", NOW) is None
    assert note_of(tmp_path / "tunebot.db") == "old"


async def test_while_a_bot_runs_nothing_is_replaced(tmp_path: Path) -> None:
    path, copy = await database_at(tmp_path / "tunebot.db", "new"), tmp_path / "copy.db"
    copy_database(path, copy)
    async with open_stores(path, SYSTEM_CLOCK):
        with pytest.raises(StorageError, match="Another Tunebot"):
            restore_database(copy, path, NOW)
        assert named(tmp_path, "copy.db*") == ["copy.db"], "a copy is one file, also once it was read"
    assert note_of(path) == "new"


async def test_what_is_no_whole_database_of_ours_is_refused(tmp_path: Path) -> None:
    path = await database_at(tmp_path / "tunebot.db", "new")
    (tmp_path / "text.db").write_text("no database " * 1_000)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE other (a)")
    for name in ("text.db", "other.db", "absent.db", "tunebot.db"):
        with pytest.raises(StorageError):
            restore_database(tmp_path / name, path, NOW)
    assert note_of(path) == "new"
    assert not any(".before-" in name for name in os.listdir(tmp_path))


async def test_a_file_that_is_mostly_empty_shrinks_at_the_next_start(tmp_path: Path) -> None:
    path = await database_at(tmp_path / "tunebot.db", "new")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE filler (a)")
        connection.executemany("INSERT INTO filler VALUES (?)", [("x" * 4_000,)] * 6_000)
        connection.execute("DROP TABLE filler")
        connection.commit()
    large = path.stat().st_size
    async with open_stores(path, SYSTEM_CLOCK):
        pass
    assert path.stat().st_size < large / 4
    assert note_of(path) == "new"
