# ruff: noqa: ASYNC240  # these tests read small files between their awaits

import asyncio
import sqlite3
import stat
import threading
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database as Connection

from bot.domain.jobs import TuningJob
from bot.errors import StorageError
from bot.ports.job_store import Change
from bot.ports.notifier import NoticeKind
from storage.audit_log import SqliteAuditLog
from storage.backup import copy_database
from storage.conversations import SqliteChatStore
from storage.database import Database
from storage.jobs import SqliteJobStore
from storage.outbox import SqliteOutbox
from tests.support.builders import START, TEAM, job
from tests.support.clock import FixedClock


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found


async def test_commits_reach_the_disk_and_readers_do_not_wait(on_disk: Database) -> None:
    async def pragma(name: str) -> object:
        return await on_disk.run(lambda connection: connection.execute(f"PRAGMA {name}").fetchone()[0])

    assert await pragma("journal_mode") == "wal"
    assert await pragma("synchronous") == 2
    assert await pragma("foreign_keys") == 1
    assert await pragma("busy_timeout") == 2000


async def test_file_of_conversations_is_private_to_its_owner(on_disk: Database, path: Path) -> None:
    await SqliteJobStore(on_disk).submit(job("k1"), [])
    copy_database(path, path.with_name("copy.db"))
    for name in ("tunebot.db", "tunebot.db-wal", "copy.db"):
        assert stat.S_IMODE(path.with_name(name).stat().st_mode) == 0o600, name


async def test_another_name_of_the_same_file_is_refused_too(on_disk: Database, path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    with pytest.raises(StorageError, match="Another Tunebot is already using"):
        await Database(link).open()


async def test_closed_database_says_so_and_can_be_opened_again(path: Path) -> None:
    database = Database(path)
    jobs = SqliteJobStore(database)
    with pytest.raises(StorageError, match="The database is closed"):
        await jobs.job("k1")
    await database.open()
    await jobs.submit(job("k1"), [])
    with pytest.raises(StorageError, match="open already"):
        await database.open()
    await database.close()
    await database.close()
    with pytest.raises(StorageError, match="The database is closed"):
        await jobs.submit(job("k2"), [])
    await database.open()
    assert await jobs.job("k1") == job("k1")
    await database.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["tunebot.db", "tunebot.db.lock"]


async def test_close_finishes_what_was_asked_for_before(path: Path) -> None:
    database = Database(path)
    await database.open()
    jobs = SqliteJobStore(database)
    writes = [asyncio.ensure_future(jobs.submit(job(f"k{number}"), [])) for number in range(20)]
    await asyncio.sleep(0)
    await database.close()
    assert all(await asyncio.gather(*writes))
    assert count(path, "jobs") == 20


async def test_write_whose_caller_is_cancelled_is_carried_out_wholly(database: Database) -> None:
    jobs = SqliteJobStore(database)
    await jobs.submit(job("k1"), [])
    begun, go_on = threading.Event(), threading.Event()

    def slow(found: object) -> Change:
        begun.set()
        assert go_on.wait(10)
        return Change(replace(job("k1"), card="1700.1"), notices=[NoticeKind.ENDED])

    caller = asyncio.ensure_future(jobs.change("k1", slow))
    await asyncio.to_thread(begun.wait, 10)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    assert await jobs.job("k1") == replace(job("k1"), card="1700.1")
    assert len(await SqliteOutbox(database, FixedClock(START)).due(START)) == 1


async def test_file_locked_by_another_program_is_a_clear_refusal_and_ends_with_the_lock(
    on_disk: Database, path: Path
) -> None:
    jobs = SqliteJobStore(on_disk)
    await on_disk.run(lambda connection: connection.execute("PRAGMA busy_timeout = 50").fetchone())
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=r"locked by another program\. Close the other program"):
            await jobs.submit(job("k1"), [])
        assert await jobs.job("k1") is None
    assert await jobs.submit(job("k1"), [])


async def test_calls_right_after_one_that_waited_for_a_lock_in_vain_wait_less(
    on_disk: Database, path: Path
) -> None:
    def patience(connection: Connection) -> int:
        return int(connection.execute("PRAGMA busy_timeout").fetchone()[0])

    assert await on_disk.run(patience) == 2000
    await on_disk.run(lambda connection: connection.execute("PRAGMA busy_timeout = 50").fetchone())
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            await SqliteJobStore(on_disk).submit(job("k1"), [])
        assert await on_disk.run(patience) == 250


async def test_nobody_writes_between_the_reading_and_the_writing_of_a_change(
    on_disk: Database, path: Path
) -> None:
    jobs = SqliteJobStore(on_disk)
    await jobs.submit(job("k1"), [])

    def meet_another_writer(found: TuningJob) -> Change:
        with (
            closing(sqlite3.connect(path, timeout=0)) as shell,
            pytest.raises(sqlite3.OperationalError, match="lock"),
        ):
            shell.execute("UPDATE jobs SET card = 'theirs'")
        return Change(replace(found, card="ours"))

    await jobs.change("k1", meet_another_writer)
    assert await jobs.job("k1") == replace(job("k1"), card="ours")


async def test_full_database_refuses_the_whole_change_and_goes_on_when_there_is_room(database: Database) -> None:
    jobs = SqliteJobStore(database)

    async def limit(pages: int) -> None:
        await database.run(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone())

    pages = await database.run(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    await limit(pages + 20)
    acknowledged: list[str] = []

    async def fill() -> None:
        for number in range(10_000):
            await jobs.submit(job(f"k{number}"), [NoticeKind.CARD])
            acknowledged.append(f"k{number}")

    with pytest.raises(StorageError, match=r"no room left .* Free space"):
        await fill()
    stored = [found.key for found in await jobs.jobs(TEAM, limit=10_000)]
    assert sorted(stored) == sorted(acknowledged)
    due = await SqliteOutbox(database, FixedClock(START)).due(START)
    assert [notice.job for notice in due] == acknowledged
    await limit(pages + 1000)
    assert await jobs.submit(job("afterwards"), [])


@pytest.mark.parametrize(
    "content", [b"hello", b"{}\n" * 5000, b"\x89PNG\r\n\x1a\n" + bytes(4096)], ids=["tiny", "jsonl", "picture"]
)
async def test_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"tunebot\.db is not an SQLite database\. Nothing was changed"):
        await Database(path).open()
    assert path.read_bytes() == content


async def test_damaged_database_is_refused_and_left_as_it_is(path: Path) -> None:
    database = Database(path)
    await database.open()
    jobs = SqliteJobStore(database)
    for number in range(200):
        await jobs.submit(job(f"k{number}"), [])
    await database.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"tunebot\.db is damaged.*Nothing was changed"):
        await Database(path).open()
    assert path.read_bytes() == content


async def test_database_of_another_program_is_refused_and_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url)")
    content = path.read_bytes()
    with pytest.raises(StorageError, match="belongs to another program"):
        await Database(path).open()
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["missing/tunebot.db", "."])
async def test_path_that_cannot_be_a_file_is_a_clear_refusal(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match=r"cannot be opened: (No such file or directory|Is a directory)"):
        await Database(tmp_path / name).open()


async def test_refused_open_lets_go_of_the_file(path: Path) -> None:
    path.write_bytes(b"not a database")
    database = Database(path)
    with pytest.raises(StorageError):
        await database.open()
    path.unlink()
    await database.open()
    await database.close()


async def test_every_search_uses_an_index(database: Database, clock: FixedClock) -> None:
    jobs, outbox = SqliteJobStore(database), SqliteOutbox(database, clock)
    chats, journal = SqliteChatStore(database, clock), SqliteAuditLog(database, clock)
    asked: list[tuple[str, Any]] = []
    place = job("k1").place
    with ExitStack() as stack:
        await database.run(
            lambda connection: stack.enter_context(
                connection.tracer(lambda sql, values: asked.append((sql, values)))
            )
        )
        await jobs.submit(job("k1"), [NoticeKind.CARD])
        await jobs.proposal(TEAM, "P1")
        await jobs.with_name(TEAM, "k1")
        await jobs.jobs(TEAM)
        await jobs.open_jobs()
        await jobs.change("k1", lambda found: Change(replace(found, card="17.1"), notices=[NoticeKind.ENDED]))
        await jobs.snapshots("k1")
        for notice in await outbox.due(START):
            await outbox.sent(notice)
        await chats.bound(place)
        await chats.conversation(place)
        await journal.first_time("Ev1")
    ours = [(sql, values) for sql, values in asked if sql.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")]
    assert len(ours) > 12

    def plans(connection: Connection) -> list[tuple[str, list[str]]]:
        return [
            (sql, [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values or ())])
            for sql, values in ours
        ]

    for sql, plan in await database.run(plans):
        scans = [step for step in plan if step.startswith("SCAN") and "USING" not in step]
        assert not [step for step in scans if "sqlite_master" not in step], (sql, plan)
