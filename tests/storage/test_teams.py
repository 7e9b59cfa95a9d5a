"""One workspace never sees another's rows."""

from datetime import timedelta

from bot.domain.chat import Conversation, ModelRef, Turn, TurnRole
from bot.domain.jobs import JobState
from bot.domain.place import Place
from storage.conversations import SqliteChatStore
from storage.database import Database
from storage.jobs import SqliteJobStore
from tests.storage.conftest import Keep
from tests.support.builders import OTHER_TEAM, START, TEAM, job, proposal

OURS = ModelRef("vertex", "projects/1/endpoints/2", "ours")
THEIRS = ModelRef("vertex", "projects/1/endpoints/3", "theirs")


async def test_proposal_of_one_workspace_is_not_found_from_another(jobs: SqliteJobStore) -> None:
    await jobs.add_proposal(proposal("P1", team=OTHER_TEAM))
    assert await jobs.proposal(TEAM, "P1") is None
    await jobs.add_proposal(proposal("P1", team=TEAM, name="ours"))
    assert await jobs.proposal(OTHER_TEAM, "P1") == proposal("P1", team=OTHER_TEAM)


async def test_two_workspaces_use_one_name_and_each_finds_its_own(jobs: SqliteJobStore) -> None:
    assert await jobs.submit(job("ours", "shared", state=JobState.SUCCEEDED), [])
    assert await jobs.submit(job("theirs", "SHARED", team=OTHER_TEAM, minutes=1), [])
    for team, key in ((TEAM, "ours"), (OTHER_TEAM, "theirs")):
        assert [named.key for named in await jobs.with_name(team, "Shared")] == [key]
        assert [listed.key for listed in await jobs.jobs(team)] == [key]
    assert await jobs.with_name("T0NOBODY", "shared") == []
    assert await jobs.jobs("T0NOBODY") == []


async def test_channels_of_the_same_id_answer_with_their_own_workspaces_model(chats: SqliteChatStore) -> None:
    ours, theirs = Place(TEAM, "C1"), Place(OTHER_TEAM, "C1")
    await chats.bind(ours, OURS, "U0ADA")
    assert await chats.bound(theirs) is None
    await chats.bind(theirs, OURS, "U0EVE")
    await chats.unbind(ours)
    assert await chats.bound(ours) is None
    assert await chats.bound(theirs) is not None


async def test_threads_of_the_same_ts_keep_their_own_workspaces_words(chats: SqliteChatStore, keep: Keep) -> None:
    ours, theirs = Place(TEAM, "C1", "1700.1"), Place(OTHER_TEAM, "C1", "1700.1")
    await keep(Conversation(ours, OURS, (Turn(TurnRole.USER, "our secret"),)))
    assert await chats.conversation(theirs) is None
    await keep(Conversation(theirs, THEIRS, (Turn(TurnRole.USER, "their secret"),)))
    assert await chats.conversation(ours) == Conversation(ours, OURS, (Turn(TurnRole.USER, "our secret"),))


async def test_every_table_of_a_workspaces_data_carries_the_team(database: Database) -> None:
    tables = await database.run(
        lambda connection: {
            table.name: {column.name for column in table.columns}
            for table in connection.tables
            if not table.name.startswith("_")
        }
    )
    assert len(tables) >= 9
    # Event ids are Slack's own and unique across workspaces. The id of the database is of no workspace.
    others = {name for name, columns in tables.items() if "team" not in columns}
    assert others == {"handled_deliveries", "installation"}


async def test_spending_of_one_workspace_has_no_job_of_another(jobs: SqliteJobStore) -> None:
    for key, team, minutes in (("ours", TEAM, 0), ("theirs", OTHER_TEAM, 1), ("later", TEAM, 10)):
        assert await jobs.submit(job(key, team=team, minutes=minutes), [])
    until = START + timedelta(minutes=10)
    assert [each.key for each in await jobs.started(TEAM, START, until)] == ["ours"]
    assert [each.key for each in await jobs.started(None, START, until)] == ["ours", "theirs"]
    assert [each.key for each in await jobs.started(TEAM, until, until + timedelta(1))] == ["later"]
