from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.audit import SqliteJournal
from storage.conversations import SqliteChatStore
from storage.database import Database
from storage.jobs import SqliteJobStore
from storage.outbox import SqliteOutbox
from tests.storage.samples import StoppedClock


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    database = Database(":memory:")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def jobs(database: Database) -> SqliteJobStore:
    return SqliteJobStore(database)


@pytest.fixture
def outbox(database: Database, clock: StoppedClock) -> SqliteOutbox:
    return SqliteOutbox(database, clock)


@pytest.fixture
def chats(database: Database, clock: StoppedClock) -> SqliteChatStore:
    return SqliteChatStore(database, clock)


@pytest.fixture
def journal(database: Database, clock: StoppedClock) -> SqliteJournal:
    return SqliteJournal(database, clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tunebot.db"


@pytest.fixture
async def on_disk(path: Path) -> AsyncIterator[Database]:
    database = Database(path)
    await database.open()
    yield database
    await database.close()
