"""Sharing a tuning: who sees it then, who is told, and what it does not open."""

import pytest

from bot.domain.place import Place, Requester
from bot.domain.roles import EVERYONE, Role, RoleGrant
from bot.errors import BadArgument, Forbidden
from bot.people.job_access import JobAccess
from bot.people.roles import Roles
from bot.tuning.sharing import Sharing
from tests.support.harness import ASKED_BY_ADA, PLACE, TEAM, Harness
from tests.support.workspace_people import FullMembers

LAB, DIRECT = "C0LAB", "D0WITHBOT"


class Members(FullMembers):
    """Ada and Bob read the lab's channel; the channel where Ada tunes is private."""

    async def can_read(self, user: str, channel: str) -> bool:
        return channel == LAB and user in (ASKED_BY_ADA.user, "U0BOB", "U0APPROVER")

    async def is_full_member(self, user: str) -> bool:
        return user != "U0GUEST"


def parts(harness: Harness) -> tuple[JobAccess, Sharing]:
    members = Members()
    roles = Roles(members, harness.stores.roles, [RoleGrant(Role.APPROVER, "U0APPROVER")])
    access = JobAccess(harness.jobs, members, roles)
    return access, Sharing(harness.jobs, access, harness.clock, lambda: None)


def at(user: str, channel: str = "C0OTHER") -> Requester:
    return Requester(user, Place(TEAM, channel))


# With whom it is shared, who comes, where from; then whether they see it, may ask it there, may use it there.
TABLE = [
    ("U0BOB", at("U0BOB"), "see"),
    ("U0BOB", at("U0BOB", DIRECT), "see ask"),
    ("U0BOB", at("U0CARL", DIRECT), ""),
    (LAB, at("U0BOB"), "see"),
    (LAB, at("U0BOB", LAB), "see ask use"),
    (LAB, at("U0BOB", DIRECT), "see ask"),
    (LAB, at("U0CARL"), ""),
    (EVERYONE, at("U0CARL"), "see ask"),
    (EVERYONE, at("U0GUEST"), ""),
    (EVERYONE, at("U0GUEST", LAB), ""),
    (EVERYONE, Requester("U0CARL", Place("T0OTHER", LAB)), ""),
]


@pytest.mark.parametrize(("target", "who", "expected"), TABLE)
async def test_a_shared_tuning_is_seen_and_asked_as_the_table_says(
    harness: Harness, target: str, who: Requester, expected: str
) -> None:
    access, sharing = parts(harness)
    made = await harness.tuned("capitals")
    job = (await sharing.add(ASKED_BY_ADA, made, target)).job
    may = {
        "see": await access.may_see(who, job),
        "ask": await access.may_ask(who, job),
        "use": await access.may_use(who, job),
    }
    assert " ".join(name for name, yes in may.items() if yes) == expected
    assert [each.key for each in await access.listed(who, 10)] == ([job.key] if may["see"] else [])
    assert await access.count(who) == int(may["see"])
    assert bool(await access.find(who, "capitals")) is may["see"]

    after = (await sharing.remove(ASKED_BY_ADA, job, target)).job
    assert not await access.may_see(who, after)
    assert await access.listed(who, 10) == []


async def test_who_shares_is_written_down_and_another_than_the_owner_is_told_of(harness: Harness) -> None:
    _, sharing = parts(harness)
    job = await harness.tuned("capitals")
    await sharing.add(ASKED_BY_ADA, job, "U0BOB")
    assert "shared" not in await harness.due()
    shared = await sharing.set(at("U0APPROVER", PLACE.channel), await harness.newest(job), [LAB, LAB, EVERYONE])
    assert (shared.added, shared.removed) == ((LAB, EVERYONE), ("U0BOB",))
    assert shared.job.shared_with == (LAB, EVERYONE)
    assert "shared" in await harness.due()
    acts = await harness.database.run(
        lambda db: list(db.query("SELECT user, action, result FROM audit WHERE action LIKE '%share' ORDER BY id"))
    )
    assert [tuple(act.values()) for act in acts] == [
        (ASKED_BY_ADA.user, "share", "U0BOB"),
        ("U0APPROVER", "share", LAB),
        ("U0APPROVER", "share", EVERYONE),
        ("U0APPROVER", "unshare", "U0BOB"),
    ]


async def test_only_the_owner_and_approvers_share_and_only_where_they_can_read(harness: Harness) -> None:
    _, sharing = parts(harness)
    job = await harness.tuned("capitals")
    with pytest.raises(Forbidden, match="may share it"):
        await sharing.add(at("U0BOB", PLACE.channel), job, "U0BOB")
    with pytest.raises(BadArgument, match="cannot read that channel"):
        await sharing.add(ASKED_BY_ADA, job, "C0UNKNOWN")
    with pytest.raises(BadArgument, match="no full member"):
        await sharing.add(ASKED_BY_ADA, job, "U0GUEST")
    with pytest.raises(BadArgument, match="a person, a channel, or everyone"):
        await sharing.add(ASKED_BY_ADA, job, "S0GROUP")
    with pytest.raises(BadArgument, match="not shared there"):
        await sharing.remove(ASKED_BY_ADA, job, "U0BOB")
    assert (await harness.newest(job)).shared_with == ()
