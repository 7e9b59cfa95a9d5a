"""A pending modal is stored until its work ends, and a report until nobody used it for long."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.datasets import FieldMapping
from bot.domain.jobs import Hyperparameters
from bot.domain.place import Place
from bot.domain.requests import ModalWork, PendingModal, StartRequest
from storage.database import Database
from storage.erased_words import SqliteErasure
from storage.file_checks import SqlitePendingModals, SqliteReportCache
from tests.support.builders import OTHER_TEAM, TEAM
from tests.support.clock import FixedClock

REQUEST = StartRequest(
    backend="vertex",
    name="capitals",
    hyperparameters=Hyperparameters(epochs=3, learning_rate_multiplier=0.5),
    file="slack:F1",
    validation_share=0.1,
    mapping=FieldMapping("question", "answer"),
)


def pending_modal(view: str, team: str = TEAM) -> PendingModal:
    return PendingModal(ModalWork.REPAIR, view, Place(team, "C1", "1.5"), "U1", REQUEST, attempts=1)


async def test_what_was_begun_is_left_for_the_next_process_oldest_first(path: Path, clock: FixedClock) -> None:
    database = Database(path)
    await database.open()
    for view in ("V2", "V1"):
        await SqlitePendingModals(database, clock).add(pending_modal(view))
        clock.advance(seconds=1)
    await database.close()
    await database.open()
    assert await SqlitePendingModals(database, clock).unfinished() == [pending_modal("V2"), pending_modal("V1")]
    await database.close()


async def test_what_has_ended_is_not_left_and_another_workspaces_view_is_another(
    database: Database, clock: FixedClock
) -> None:
    pending_modals = SqlitePendingModals(database, clock)
    for each in (pending_modal("V1"), pending_modal("V1", OTHER_TEAM), pending_modal("V2")):
        await pending_modals.add(each)
    await pending_modals.remove(pending_modal("V1"))
    assert await pending_modals.unfinished() == [pending_modal("V1", OTHER_TEAM), pending_modal("V2")]


async def test_one_view_has_one_row_the_newest(database: Database, clock: FixedClock) -> None:
    pending_modals = SqlitePendingModals(database, clock)
    await pending_modals.add(pending_modal("V1"))
    newer = PendingModal(ModalWork.CHECK, "V1", Place(TEAM, "C1"), "U1", StartRequest())
    await pending_modals.add(newer)
    assert await pending_modals.unfinished() == [newer]


async def test_row_that_cannot_be_read_does_not_hide_the_others(
    database: Database, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    pending_modals = SqlitePendingModals(database, clock)
    await pending_modals.add(pending_modal("V1"))
    await pending_modals.add(pending_modal("V2"))
    await database.write(
        lambda connection: connection.execute("UPDATE pending_modals SET request = '{' WHERE view = 'V1'")
    )
    assert await pending_modals.unfinished() == [pending_modal("V2")]
    assert "the modal of U1 cannot be read" in caplog.text


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
