"""Who may do what: each role, each way in which it is given, each kind of person."""

from dataclasses import dataclass

import pytest

from bot.domain.place import Place, Requester
from bot.domain.roles import EVERYONE, Role, RoleGrant, refusal
from bot.errors import BadArgument, Forbidden
from bot.people.roles import Deed, Roles
from tests.support.builders import TEAM
from tests.support.harness import Harness
from tests.support.workspace_people import FullMembers

TUNERS, OWNERS = "S0TUNERS", "S0OWNERS"
LAB, HALL = "C0LAB", "C0HALL"


@dataclass(frozen=True)
class Members(FullMembers):
    """A workspace with an administrator, two user groups, and guests, of whom one is in a group."""

    async def is_full_member(self, user: str) -> bool:
        return user not in ("U0GUEST", "U0HELPER", "U0INVITED", "U0UNKNOWN")

    async def group_members(self, group: str) -> frozenset[str]:
        return frozenset({TUNERS: ("U0GINA", "U0HELPER"), OWNERS: ("U0OLGA",)}.get(group, ()))

    async def is_admin(self, user: str) -> bool:
        return user == "U0ADMIN"


NAMED = (
    RoleGrant(Role.OWNER, OWNERS),
    RoleGrant(Role.APPROVER, "U0APPROVER"),
    RoleGrant(Role.TUNER, TUNERS),
    RoleGrant(Role.TUNER, LAB),
    RoleGrant(Role.TUNER, "U0INVITED"),
)
ASKING = {Deed.ASK}
TUNING = {*ASKING, Deed.TUNE, Deed.START_ALONE}
APPROVING = {
    *TUNING,
    Deed.APPROVE,
    Deed.CANCEL,
    Deed.DELETE,
    Deed.SHARE,
    Deed.USE,
    Deed.CORRECTIONS,
    Deed.SEE_SPEND,
}

TABLE: list[tuple[str, str, set[Deed]]] = [
    ("U0ADMIN", HALL, set(Deed)),
    ("U0OLGA", HALL, set(Deed)),
    ("U0APPROVER", HALL, APPROVING),
    ("U0GINA", HALL, TUNING),
    ("U0BOB", LAB, TUNING),
    ("U0BOB", HALL, ASKING),
    ("U0BOB", "", ASKING),
    ("U0INVITED", HALL, TUNING),
    ("U0HELPER", HALL, TUNING),
    ("U0GUEST", HALL, set()),
    ("U0GUEST", LAB, set()),
    ("U0UNKNOWN", LAB, set()),
]


def at(user: str, channel: str = HALL) -> Requester:
    return Requester(user, Place(TEAM, channel))


@pytest.fixture
def roles(harness: Harness) -> Roles:
    return Roles(Members(), harness.stores.roles, NAMED)


@pytest.mark.parametrize(("user", "channel", "expected"), TABLE)
async def test_each_person_may_do_what_the_table_says(
    roles: Roles, user: str, channel: str, expected: set[Deed]
) -> None:
    assert {deed for deed in Deed if await roles.may(at(user, channel), deed)} == expected
    assert await roles.belongs(at(user, channel)) is (user not in ("U0GUEST", "U0UNKNOWN"))
    for deed in set(Deed) - expected:
        with pytest.raises(Forbidden, match=r"^Only .* may "):
            await roles.check(at(user, channel), deed)


async def test_the_people_of_a_role_are_those_named_and_those_of_its_groups(roles: Roles) -> None:
    assert await roles.people(TEAM, Role.APPROVER, Role.OWNER) == ["U0OLGA", "U0APPROVER"]
    assert await roles.people(TEAM, Role.TUNER) == ["U0GINA", "U0HELPER", "U0INVITED"]


async def test_without_a_named_role_members_ask_and_administrators_tune(harness: Harness) -> None:
    roles = Roles(Members(), harness.stores.roles)
    assert {deed for deed in Deed if await roles.may(at("U0BOB"), deed)} == ASKING
    assert {deed for deed in Deed if await roles.may(at("U0ADMIN"), deed)} == set(Deed)


async def test_once_an_asker_is_named_only_people_with_a_role_ask(harness: Harness) -> None:
    roles = Roles(Members(), harness.stores.roles, [*NAMED, RoleGrant(Role.ASKER, HALL)])
    assert await roles.may(at("U0BOB", HALL), Deed.ASK)
    assert not await roles.may(at("U0BOB", "C0OTHER"), Deed.ASK)
    assert await roles.may(at("U0BOB", LAB), Deed.ASK)
    assert not await roles.may(at("U0GUEST", HALL), Deed.ASK)


async def test_only_approvers_start_alone_where_the_settings_say_so(harness: Harness) -> None:
    roles = Roles(Members(), harness.stores.roles, NAMED, start_alone=Role.APPROVER)
    assert await roles.may(at("U0GINA"), Deed.TUNE)
    assert not await roles.may(at("U0GINA"), Deed.START_ALONE)
    assert await roles.may(at("U0APPROVER"), Deed.START_ALONE)


async def test_an_owner_gives_and_takes_roles_also_for_the_next_process(harness: Harness, roles: Roles) -> None:
    assert await roles.give(at("U0ADMIN"), Role.APPROVER, "U0BOB")
    assert not await roles.give(at("U0ADMIN"), Role.APPROVER, "U0BOB")
    assert await roles.may(at("U0BOB"), Deed.APPROVE)
    assert not await roles.may(Requester("U0BOB", Place("T0OTHER", HALL)), Deed.APPROVE)

    restarted = Roles(Members(), harness.stores.roles, NAMED)
    assert await restarted.may(at("U0BOB"), Deed.APPROVE)
    await restarted.take(at("U0OLGA"), Role.APPROVER, "U0BOB")
    assert not await restarted.may(at("U0BOB"), Deed.APPROVE)
    with pytest.raises(BadArgument, match="was not given there"):
        await restarted.take(at("U0OLGA"), Role.APPROVER, "U0BOB")

    rows = await harness.database.run(
        lambda db: list(db.query("SELECT user, action, subject, channel FROM audit ORDER BY id"))
    )
    assert rows == [
        {"user": "U0ADMIN", "action": "give a role", "subject": "approver U0BOB", "channel": HALL},
        {"user": "U0OLGA", "action": "take a role", "subject": "approver U0BOB", "channel": HALL},
    ]


async def test_nobody_else_gives_or_takes_a_role(roles: Roles) -> None:
    for user in ("U0APPROVER", "U0GINA", "U0BOB", "U0GUEST"):
        with pytest.raises(Forbidden, match="Only owners and administrators"):
            await roles.give(at(user), Role.TUNER, "U0BOB")
        with pytest.raises(Forbidden, match="Only owners and administrators"):
            await roles.take(at(user), Role.TUNER, TUNERS)


async def test_a_role_of_the_settings_stays_and_is_given_once(roles: Roles) -> None:
    assert not await roles.give(at("U0ADMIN"), Role.TUNER, TUNERS)
    with pytest.raises(BadArgument, match="settings"):
        await roles.take(at("U0ADMIN"), Role.TUNER, TUNERS)


@pytest.mark.parametrize(
    ("role", "grantee"),
    [(Role.OWNER, LAB), (Role.OWNER, EVERYONE), (Role.APPROVER, EVERYONE), (Role.TUNER, "ada")],
)
async def test_a_role_that_makes_no_sense_is_not_given(roles: Roles, role: Role, grantee: str) -> None:
    assert refusal(role, grantee)
    with pytest.raises(BadArgument):
        await roles.give(at("U0ADMIN"), role, grantee)
