from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from bot.domain.chat import Conversation
from storage import conversations
from storage.audit_log import SqliteAuditLog
from storage.conversations import SqliteChatStore
from storage.database import Database
from storage.jobs import SqliteJobStore
from storage.outbox import SqliteOutbox
from storage.questions import SqliteQuestions
from tests.support.builders import START
from tests.support.clock import FixedClock
from tests.support.ready_database import write_ready_database

Keep = Callable[[Conversation], Awaitable[None]]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(write_ready_database(tmp_path / "ready.db"))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def jobs(database: Database) -> SqliteJobStore:
    return SqliteJobStore(database)


@pytest.fixture
def outbox(database: Database, clock: FixedClock) -> SqliteOutbox:
    return SqliteOutbox(database, clock)


@pytest.fixture
def chats(database: Database, clock: FixedClock) -> SqliteChatStore:
    return SqliteChatStore(database, clock)


@pytest.fixture
def journal(database: Database, clock: FixedClock) -> SqliteAuditLog:
    return SqliteAuditLog(database, clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tunebot.db"


@pytest.fixture
async def on_disk(path: Path) -> AsyncIterator[Database]:
    database = Database(path)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def keep(database: Database, clock: FixedClock) -> Keep:
    """Append turns to their thread, as a settled question does."""

    async def append(conversation: Conversation) -> None:
        now = clock.now()
        await database.write(lambda connection: conversations.append_turns(connection, conversation, now))

    return append


@pytest.fixture
def questions(database: Database, clock: FixedClock) -> SqliteQuestions:
    return SqliteQuestions(database, clock)
