"""Sharing a tuning: who sees it then, who is told, and what it does not open."""

import pytest

from bot.chat.home_page import HomePages
from bot.domain.chat import ChannelModel
from bot.domain.generation_settings import NO_SETTINGS
from bot.domain.place import Place, Requester
from bot.domain.roles import EVERYONE, Role, RoleGrant
from bot.errors import BadArgument, BotError, Forbidden, NoSuchJob
from bot.people.job_access import JobAccess
from bot.people.roles import Roles
from bot.tuning.sharing import Sharing
from handlers.assembly import UseCases
from tests.support.harness import ASKED_BY_ADA, PLACE, TEAM, Harness
from tests.support.workspace_people import FullMembers

LAB, DIRECT = "C0LAB", "D0WITHBOT"


class Members(FullMembers):
    """Ada and Bob read the lab's channel; the channel where Ada tunes is private. `gone` have left the company."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.external: set[str] = set()

    async def can_read(self, user: str, channel: str) -> bool:
        return channel == LAB and user in (ASKED_BY_ADA.user, "U0BOB", "U0APPROVER")

    async def is_full_member(self, user: str) -> bool:
        return user != "U0GUEST" and user not in self.gone

    async def is_member(self, user: str) -> bool:
        return user not in self.gone

    async def is_external(self, channel: str) -> bool:
        return channel in self.external


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
    approver = at("U0APPROVER", PLACE.channel)
    shared = await sharing.set(approver, await harness.newest(job), [LAB, LAB, EVERYONE], ["U0BOB"])
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


async def test_an_old_form_changes_only_what_was_changed_in_it(harness: Harness) -> None:
    """Two people have the form open: what one took back is not shared again by the other."""
    _, sharing = parts(harness)
    job = await harness.tuned("capitals")
    for target in (LAB, "U0BOB"):
        await sharing.add(ASKED_BY_ADA, job, target)
    shown = [LAB, "U0BOB"]
    await sharing.remove(ASKED_BY_ADA, await harness.newest(job), LAB)
    await sharing.add(ASKED_BY_ADA, await harness.newest(job), "U0CARL")
    approver = at("U0APPROVER", PLACE.channel)
    shared = await sharing.set(approver, await harness.newest(job), [LAB, EVERYONE], shown)
    assert shared.job.shared_with == ("U0CARL", EVERYONE)
    assert (shared.added, shared.removed) == ((EVERYONE,), ("U0BOB",))


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


def asking(harness: Harness, members: Members) -> UseCases:
    """Return the use cases of this workspace, in which everybody may tune and one person approves."""
    named = [RoleGrant(Role.TUNER, EVERYONE), RoleGrant(Role.APPROVER, "U0APPROVER")]
    return harness.process(members=members, named_roles=named)


async def told_of_the_end(harness: Harness) -> list[str]:
    query = "SELECT channel FROM outbox WHERE kind = 'model_unshared' AND state = 'pending'"
    return [str(row["channel"]) for row in await harness.database.run(lambda db: list(db.query(query)))]


@pytest.mark.parametrize("chosen_by", ["U0BOB", ASKED_BY_ADA.user])
async def test_a_channel_loses_the_model_that_is_no_longer_shared_with_it_and_is_told(
    harness: Harness, chosen_by: str
) -> None:
    """Also where its owner chose it there, who may use it anywhere: unsharing it there is the later word."""
    use = asking(harness, Members())
    job = (await use.sharing.add(ASKED_BY_ADA, await harness.tuned("capitals"), LAB)).job
    await use.chat.use_job(at(chosen_by, LAB), job)
    bob, thread = at("U0BOB", LAB), Requester("U0BOB", Place(TEAM, LAB, "1.1"))
    model = await use.chat.model_for(bob)
    await harness.keep(thread.place, "1", await use.chat.asking.ask(thread.place, "1", model))
    assert await use.chat.answers_in(thread)

    await use.sharing.remove(ASKED_BY_ADA, job, LAB)
    with pytest.raises(NoSuchJob, match="No model was chosen"):
        await use.chat.model_for(bob)
    with pytest.raises(NoSuchJob, match="cannot ask the model of this thread"):
        await use.chat.model_for(thread)
    with pytest.raises(NoSuchJob):
        await use.chat.check_ask(bob, model)
    assert not await use.chat.answers_in(thread)
    assert await told_of_the_end(harness) == [LAB]
    # Elsewhere it goes on, and a channel that chose another model keeps that one.
    await use.chat.use_job(ASKED_BY_ADA, job)
    other = await harness.tuned("rivers")
    await use.sharing.add(ASKED_BY_ADA, job, LAB)
    await use.chat.use_job(at(ASKED_BY_ADA.user, LAB), other)
    await use.sharing.remove(ASKED_BY_ADA, await harness.newest(job), LAB)
    assert (await use.chat.model_for(ASKED_BY_ADA)).name == "capitals"
    assert (await use.chat.model_for(bob)).name == "rivers"
    assert await told_of_the_end(harness) == [LAB]


# Who chose it in the lab, without that it is shared there, and who has left the company since.
LOST = [(ASKED_BY_ADA.user, ASKED_BY_ADA.user), ("U0APPROVER", "U0APPROVER")]


@pytest.mark.parametrize(("chosen_by", "leaves"), LOST)
async def test_a_model_that_somebody_chose_elsewhere_ends_there_with_their_right(
    harness: Harness, chosen_by: str, leaves: str
) -> None:
    members = Members()
    use = asking(harness, members)
    job = (await use.sharing.add(ASKED_BY_ADA, await harness.tuned("capitals"), "U0APPROVER")).job
    await use.chat.use_job(at(chosen_by, LAB), job)
    bob = at("U0BOB", LAB)
    model = await use.chat.model_for(bob)
    pages = HomePages(use.access, harness.chats)
    assert len((await pages.of(bob)).answering) == 1

    members.gone.add(leaves)
    with pytest.raises(NoSuchJob, match="may not be used here any more"):
        await use.chat.model_for(bob)
    with pytest.raises(BotError):
        await use.chat.check_ask(bob, model)
    shown = await use.chat.chosen(bob.place)
    assert shown is not None
    assert not shown.may_answer
    assert (await pages.of(bob)).answering == []
    assert (await use.answer_settings.of_channel(bob.place)).model is None
    assert (await use.answer_settings.of_channel(bob.place)).settings.generation == NO_SETTINGS
    members.gone.clear()
    assert await use.chat.model_for(bob) == model


async def test_what_was_chosen_in_direct_messages_ends_when_it_is_no_longer_shared(harness: Harness) -> None:
    use = asking(harness, Members())
    job = (await use.sharing.add(ASKED_BY_ADA, await harness.tuned("capitals"), "U0BOB")).job
    bob = at("U0BOB", DIRECT)
    await use.chat.use_job(bob, job)
    assert (await use.chat.model_for(bob)).name == "capitals"
    await use.sharing.remove(ASKED_BY_ADA, job, "U0BOB")
    with pytest.raises(NoSuchJob):
        await use.chat.model_for(bob)
    assert (await HomePages(use.access, harness.chats).of(bob)).answering == []


async def test_a_model_of_another_workspace_answers_for_nobody(harness: Harness) -> None:
    use = asking(harness, Members())
    job = await harness.tuned("capitals")
    chosen = await use.chat.use_job(ASKED_BY_ADA, job)
    there = ChannelModel(chosen, ASKED_BY_ADA.user, harness.clock.now())
    assert await use.access.still_answers(PLACE, there)
    assert not await use.access.still_answers(Place("T0OTHER", PLACE.channel), there)


@pytest.mark.parametrize("target", [LAB, EVERYONE])
async def test_a_shared_model_answers_no_more_where_another_company_has_come_to_read(
    harness: Harness, target: str
) -> None:
    members = Members()
    use = asking(harness, members)
    job = (await use.sharing.add(ASKED_BY_ADA, await harness.tuned("capitals"), target)).job
    bob = at("U0BOB", LAB)
    if target == LAB:
        await use.chat.use_job(bob, job)
    name = "" if target == LAB else "capitals"
    model = await use.chat.model_for(bob, name)
    members.external.add(LAB)
    with pytest.raises((Forbidden, NoSuchJob)):
        await use.chat.model_for(bob, name)
    with pytest.raises(Forbidden, match="People of another company may read this channel"):
        await use.chat.check_ask(bob, model)
    assert await use.access.may_ask(at("U0BOB", DIRECT), job)
    with pytest.raises(BadArgument, match="shared with another company"):
        await use.sharing.add(ASKED_BY_ADA, await harness.tuned("rivers"), LAB)
