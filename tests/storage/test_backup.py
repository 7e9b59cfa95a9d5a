# ruff: noqa: ASYNC240  # these tests read small files between their awaits

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.ports.notifier import NoticeKind
from storage.backup import copy_database
from storage.database import Database
from storage.jobs import SqliteJobStore
from tests.support.builders import job


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found


async def test_backup_made_while_jobs_are_written_is_consistent(
    on_disk: Database, path: Path, tmp_path: Path
) -> None:
    jobs = SqliteJobStore(on_disk)

    async def write(number: int) -> None:
        await jobs.submit(job(f"k{number}"), [NoticeKind.CARD])

    async with asyncio.TaskGroup() as tasks:
        for number in range(150):
            tasks.create_task(write(number))
        for number in range(3):
            tasks.create_task(asyncio.to_thread(copy_database, path, tmp_path / f"copy-{number}.db"))
    copy_database(path, tmp_path / "last.db")
    for number in range(3):
        copy = tmp_path / f"copy-{number}.db"
        assert count(copy, "jobs") == count(copy, "outbox")
    assert count(tmp_path / "last.db", "jobs") == 150
    assert not list(tmp_path.glob("*.part*"))

    restored = Database(tmp_path / "last.db")
    await restored.open()
    assert await SqliteJobStore(restored).job("k149") == job("k149")
    await restored.close()


@pytest.mark.usefixtures("on_disk")
async def test_backup_never_overwrites_and_says_what_is_wrong(path: Path) -> None:
    with pytest.raises(StorageError, match="already exists"):
        copy_database(path, path)
    with pytest.raises(StorageError, match="cannot be written: No such file or directory"):
        copy_database(path, path.parent / "missing" / "copy.db")
    with pytest.raises(StorageError, match="There is no database at"):
        copy_database(path.with_name("other.db"), path.with_name("copy.db"))
    text = path.with_name("notes.txt")
    text.write_text("These are notes and no database. " * 50)
    with pytest.raises(StorageError, match="not an SQLite database"):
        copy_database(text, path.with_name("copy.db"))
    assert not list(path.parent.glob("copy*"))
