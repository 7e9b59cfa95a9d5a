from bot.domain.place import Place, Requester
from bot.domain.roles import Role, RoleGrant
from storage.database import Database
from storage.roles import SqliteRoles
from tests.support.builders import OTHER_TEAM, START, TEAM
from tests.support.clock import FixedClock

ADA = Requester("U0ADA", Place(TEAM, "C0A"))


async def test_roles_of_one_workspace_are_given_once_and_taken_once(database: Database, clock: FixedClock) -> None:
    roles = SqliteRoles(database, clock)
    assert await roles.give(ADA, Role.TUNER, "S0GROUP")
    clock.advance(seconds=1)
    assert not await roles.give(ADA, Role.TUNER, "S0GROUP")
    assert await roles.grants(TEAM) == [RoleGrant(Role.TUNER, "S0GROUP", "U0ADA", START)]
    assert await roles.grants(OTHER_TEAM) == []
    assert not await roles.take(Requester("U0ADA", Place(OTHER_TEAM, "C0A")), Role.TUNER, "S0GROUP")
    assert await roles.take(ADA, Role.TUNER, "S0GROUP")
    assert not await roles.take(ADA, Role.TUNER, "S0GROUP")
    assert await roles.grants(TEAM) == []
