"""Errands last until they are ended, whichever process began them."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.data import FieldMapping
from bot.domain.jobs import Hyperparameters
from bot.domain.place import Place
from bot.domain.requests import Errand, ErrandKind, StartRequest
from storage.database import Database
from storage.errands import SqliteErrands
from tests.storage.samples import OTHER_TEAM, TEAM, StoppedClock

REQUEST = StartRequest(
    backend="vertex",
    name="capitals",
    hyperparameters=Hyperparameters(epochs=3, learning_rate_multiplier=0.5),
    file="slack:F1",
    validation_share=0.1,
    mapping=FieldMapping("question", "answer"),
)


def errand(view: str, team: str = TEAM) -> Errand:
    return Errand(ErrandKind.REPAIR, view, Place(team, "C1", "1.5"), "U1", REQUEST, attempts=1)


async def test_what_was_begun_is_left_for_the_next_process_oldest_first(path: Path, clock: StoppedClock) -> None:
    database = Database(path)
    await database.open()
    for view in ("V2", "V1"):
        await SqliteErrands(database, clock).begin(errand(view))
        clock.advance(timedelta(seconds=1))
    await database.close()
    await database.open()
    assert await SqliteErrands(database, clock).left() == [errand("V2"), errand("V1")]
    await database.close()


async def test_what_has_ended_is_not_left_and_another_workspaces_view_is_another(
    database: Database, clock: StoppedClock
) -> None:
    errands = SqliteErrands(database, clock)
    for each in (errand("V1"), errand("V1", OTHER_TEAM), errand("V2")):
        await errands.begin(each)
    await errands.end(errand("V1"))
    assert await errands.left() == [errand("V1", OTHER_TEAM), errand("V2")]


async def test_one_view_has_one_errand_the_newest(database: Database, clock: StoppedClock) -> None:
    errands = SqliteErrands(database, clock)
    await errands.begin(errand("V1"))
    newer = Errand(ErrandKind.CHECK, "V1", Place(TEAM, "C1"), "U1", StartRequest())
    await errands.begin(newer)
    assert await errands.left() == [newer]


async def test_one_that_cannot_be_read_keeps_no_other_from_being_told(
    database: Database, clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    errands = SqliteErrands(database, clock)
    await errands.begin(errand("V1"))
    await errands.begin(errand("V2"))
    await database.write(
        lambda connection: connection.execute("UPDATE errands SET request = '{' WHERE view = 'V1'")
    )
    assert await errands.left() == [errand("V2")]
    assert "what U1 watched cannot be taken up" in caplog.text
