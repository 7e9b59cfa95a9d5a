# ruff: noqa: ASYNC240  # these tests read small files between their awaits

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlite_utils

from bot.domain.chat import Question
from bot.domain.jobs import TuningJob
from bot.domain.place import Place
from bot.domain.requests import ModalWork, PendingModal, StartRequest
from bot.errors import StorageError
from bot.ports.notifier import NoticeKind
from bot.ports.questions import LivePost, OpenQuestion
from storage.audit_log import SqliteAuditLog
from storage.codecs import micros
from storage.database import Database
from storage.file_checks import SqlitePendingModals
from storage.job_rows import job_row
from storage.jobs import SqliteJobStore
from storage.migrations import migrations, read_schema
from storage.outbox import SqliteOutbox
from storage.question_rows import question_row
from storage.questions import SqliteQuestions
from tests.support.builders import START, TEAM, job
from tests.support.clock import FixedClock


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A file of schema 2, with a job in it."""
    path = tmp_path / "tunebot.db"
    with sqlite_utils.Database(path) as db:
        migrations.apply(db, stop_before="m003_conversations")
        row = job_row(job("k1"))
        db.table("jobs").insert({name: row[name] for name in db.table("jobs").columns_dict})
    return path


def migrated(key: str) -> TuningJob:
    """The job as its migrated row reads: its deadline starts at its creation, and so does what was sent."""
    return replace(job(key), moved_at=job(key).created_at, create_sent_at=job(key).created_at)


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_every_migration_is_numbered_in_order_and_says_why() -> None:
    with sqlite_utils.Database(memory=True) as empty:
        steps = migrations.pending(empty)
    # Numbers may be left out: what is stored and compared is each step's whole name.
    numbers = [int(step.name.removeprefix("m").partition("_")[0]) for step in steps]
    assert numbers == sorted(set(numbers))
    for number, step in zip(numbers, steps, strict=True):
        assert step.name.startswith(f"m{number:03}_")
        assert step.fn.__doc__


async def test_new_file_needs_no_backup(tmp_path: Path) -> None:
    database = Database(tmp_path / "tunebot.db")
    await database.open()
    schema = await database.run(read_schema)
    await database.close()
    assert schema.number > 0
    assert not schema.pending
    assert not list(tmp_path.glob("*.schema-*"))


async def test_older_schema_is_copied_beside_and_brought_up_to_date(older: Path) -> None:
    database = Database(older)
    await database.open()
    assert await SqliteJobStore(database).job("k1") == migrated("k1")
    await database.close()
    assert {"conversations", "audit"} <= tables(older)

    copy = older.with_name("tunebot.db.schema-2")
    assert "conversations" not in tables(copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT key FROM jobs").fetchall() == [("k1",)]

    # The copy is whole: put in the database's place, it is brought up to date again.
    restored = Database(copy)
    await restored.open()
    assert await SqliteJobStore(restored).job("k1") == migrated("k1")
    await restored.close()


async def test_newest_schema_is_opened_again_without_a_copy(older: Path) -> None:
    for _ in range(2):
        database = Database(older)
        await database.open()
        await database.close()
    assert [file.name for file in older.parent.glob("*.schema-*")] == ["tunebot.db.schema-2"]


async def test_upgrade_that_fails_half_way_is_undone_whole(older: Path) -> None:
    # m003 succeeds, then m004 meets a table that it wants to make.
    with closing(sqlite3.connect(older)) as connection:
        connection.execute("CREATE TABLE audit (mine)")
    with pytest.raises(sqlite3.OperationalError, match="audit"):
        await Database(older).open()
    assert "conversations" not in tables(older)
    with sqlite_utils.Database(older) as db:
        assert read_schema(db).number == 2

    with closing(sqlite3.connect(older)) as connection:
        connection.execute("DROP TABLE audit")
    database = Database(older)
    await database.open()
    assert await SqliteJobStore(database).job("k1") == migrated("k1")
    await database.close()


async def test_newer_schema_is_refused_and_left_as_it_is(older: Path) -> None:
    database = Database(older)
    await database.open()
    await database.close()
    with sqlite_utils.Database(older) as db:
        db.table(migrations.migrations_table).insert(
            {"migration_set": "tunebot", "name": "m999_votes", "applied_at": "2030-01-01 00:00:00+00:00"}
        )
    before = older.read_bytes()
    with pytest.raises(StorageError, match=r"written by a newer Tunebot \(m999_votes\)\. Nothing was changed"):
        await Database(older).open()
    assert older.read_bytes() == before


async def test_rows_of_the_old_names_are_found_under_the_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "tunebot.db"
    with sqlite_utils.Database(path) as db:
        migrations.apply(db, stop_before="m011_pending_modals")
        row = job_row(job("k1")) | {"trouble": "Google does not answer."}
        db.table("jobs").insert({name: row[name] for name in db.table("jobs").columns_dict})
        db.table("outbox").insert({"team": TEAM, "job": "k1", "kind": "card", "channel": "C0GENERAL", "turn": 1})
        db.table("seen").insert({"key": "Ev1", "seen_at": micros(START)})
        db.table("errands").insert(
            {
                "team": TEAM,
                "view": "V1",
                "kind": "check",
                "channel": "C1",
                "thread": "",
                "user": "U1",
                "request": '{"backend": "vertex", "name": "capitals"}',
                "attempts": 1,
                "begun_at": 7,
            }
        )

    database, clock = Database(path), FixedClock(START)
    await database.open()
    modal = PendingModal(
        ModalWork.CHECK, "V1", Place(TEAM, "C1"), "U1", StartRequest(backend="vertex", name="capitals"), attempts=1
    )
    modals = SqlitePendingModals(database, clock)
    assert await modals.unfinished() == [modal]
    await modals.remove(modal)
    assert await modals.unfinished() == []
    assert not await SqliteAuditLog(database, clock).first_time("Ev1")
    (notice,) = await SqliteOutbox(database, clock).due(START)
    assert (notice.job, notice.kind, notice.edits) == ("k1", NoticeKind.CARD, False)
    problems = await database.run(lambda connection: list(connection.query("SELECT problem FROM jobs")))
    assert problems == [{"problem": "Google does not answer."}]
    await database.close()


async def test_a_name_of_an_older_row_is_found_as_people_type_it(tmp_path: Path) -> None:
    path = tmp_path / "tunebot.db"
    with sqlite_utils.Database(path) as db:
        migrations.apply(db, stop_before="m018_names_as_typed")
        old = job("k1")
        row = job_row(replace(old, spec=replace(old.spec, name="Bob’s \u202e`model`")))
        row["folded_name"] = "bob’s \u202e`model`"
        db.table("jobs").insert({name: row[name] for name in db.table("jobs").columns_dict})
    database = Database(path)
    await database.open()
    (found,) = await SqliteJobStore(database).with_name(TEAM, "Bob's 'model'")
    assert found.key == "k1"
    await database.close()


async def test_a_question_of_an_older_schema_is_not_private(tmp_path: Path) -> None:
    path = tmp_path / "tunebot.db"
    question = Question("k1", Place(TEAM, "C1"), "U1", "seven", quoted=True)
    with sqlite_utils.Database(path) as db:
        migrations.apply(db, stop_before="m033_private_answers")
        row = question_row(OpenQuestion(question, START))
        db.table("questions").insert(
            {name: row[name] for name in db.table("questions").columns_dict if name in row}
        )
    database = Database(path)
    await database.open()
    (opened,) = await SqliteQuestions(database, FixedClock(START)).open_questions()
    assert opened.question == question
    await database.close()


async def test_the_message_of_an_unfinished_answer_of_an_older_schema_is_its_first_one(tmp_path: Path) -> None:
    path = tmp_path / "tunebot.db"
    question = Question("k1", Place(TEAM, "C1", "1700.1"), "U1", "seven")
    with sqlite_utils.Database(path) as db:
        migrations.apply(db, stop_before="m035_live_messages")
        row = question_row(OpenQuestion(question, START))
        live = {"live_at": 1_000_000, "live_channel": "C1", "live_thread": "1700.1", "live_ts": "1700.2"}
        db.table("questions").insert(row | {"key": "k0"})
        db.table("questions").insert(row | live)
    database = Database(path)
    await database.open()
    none, opened = await SqliteQuestions(database, FixedClock(START)).open_questions()
    assert none.live == ()
    assert opened.live == (LivePost(question.place, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "1700.2"),)
    await database.close()
