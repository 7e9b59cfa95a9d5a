"""Decides what a person may do here, from their role: owner, approver, tuner, asker, or none.

A role comes from the settings, or from an owner who gave it in Slack: to a person, a user group, a channel, or
everyone. Administrators of the Slack workspace are always owners. Who is no full member of the workspace, such as
a guest, may do nothing unless they themselves, or a user group of theirs, were given a role. Where Slack does not
say who somebody is, the answer is no. Which jobs a person sees is decided by `bot.people.job_access`.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from bot.domain.place import Requester
from bot.domain.roles import EVERYONE, Role, RoleGrant, is_channel, is_group, is_person, refusal
from bot.errors import BadArgument, Forbidden
from bot.ports.stores import RoleStore
from bot.ports.workspace_members import WorkspaceMembers


class Deed(StrEnum):
    """What a person may do, as a verb for the refusal. The owner of a job may do those of OWN_JOB to it."""

    ASK = "ask a model"
    TUNE = "tune a model"
    START_ALONE = "start a tuning without an approval"
    APPROVE = "approve a tuning"
    CANCEL = "cancel it"
    DELETE = "delete it"
    SHARE = "share it"
    USE = "use it in another channel than its own"
    CORRECTIONS = "see the corrections of its answers"
    SEE_SPEND = "see what all tunings cost"
    SET_BUDGET = "set budgets"
    SEE_AUDIT = "read the audit log"
    MANAGE_ROLES = "give and take roles"
    SWITCH_FEEDBACK = "switch feedback on or off"
    FORGET_OTHER = "erase what another person left behind"


OWN_JOB: Final = frozenset({Deed.CANCEL, Deed.DELETE, Deed.SHARE, Deed.USE, Deed.CORRECTIONS})

# The least role that may do each deed; ASK is also open to people without a role while no asker is named.
LEAST_ROLE: Final[Mapping[Deed, Role]] = {
    Deed.ASK: Role.ASKER,
    Deed.TUNE: Role.TUNER,
    Deed.START_ALONE: Role.TUNER,
    Deed.APPROVE: Role.APPROVER,
    Deed.CANCEL: Role.APPROVER,
    Deed.DELETE: Role.APPROVER,
    Deed.SHARE: Role.APPROVER,
    Deed.USE: Role.APPROVER,
    Deed.CORRECTIONS: Role.APPROVER,
    Deed.SEE_SPEND: Role.APPROVER,
    Deed.SET_BUDGET: Role.OWNER,
    Deed.SEE_AUDIT: Role.OWNER,
    Deed.MANAGE_ROLES: Role.OWNER,
    Deed.SWITCH_FEEDBACK: Role.OWNER,
    Deed.FORGET_OTHER: Role.OWNER,
}

_WHO: Final[Mapping[Role, str]] = {
    Role.OWNER: "owners and administrators of this workspace",
    Role.APPROVER: "approvers, owners and administrators of this workspace",
    Role.TUNER: "tuners, approvers, owners and administrators of this workspace",
    Role.ASKER: "people with a role, and administrators of this workspace",
}


class Roles:
    """Answers whether a person may do a deed, and gives and takes roles."""

    def __init__(
        self,
        members: WorkspaceMembers,
        store: RoleStore,
        named: Sequence[RoleGrant] = (),
        *,
        start_alone: Role = Role.TUNER,
    ) -> None:
        """`named` are the roles of the settings; `start_alone` is the least role that needs no approval."""
        self._members = members
        self._store = store
        self._named = tuple(named)
        self._least = {**LEAST_ROLE, Deed.START_ALONE: start_alone}
        self._given: dict[str, tuple[RoleGrant, ...]] = {}

    async def may(self, requester: Requester, deed: Deed) -> bool:
        """Return whether the person may do this here, to a job that is not theirs. Raises StorageError."""
        if deed is Deed.ASK and not await self._asker_named(requester.team):
            return await self.belongs(requester)
        role = await self.role(requester)
        return role is not None and role.rank >= self._least[deed].rank

    async def check(self, requester: Requester, deed: Deed) -> None:
        """Raises Forbidden, which says who may do it, if the person may not do this here; StorageError."""
        if not await self.may(requester, deed):
            who = _WHO[self._least[deed]]
            if deed is Deed.ASK and not await self._asker_named(requester.team):
                who = "full members of this workspace and people with a role"
            raise Forbidden(
                f"Only {who} may {deed}. You have no such role here.",
                "Ask one of them, or for the role itself: /tune roles shows who has which.",
            )

    async def _asker_named(self, team: str) -> bool:
        return any(grant.role is Role.ASKER for grant in await self.grants(team))

    async def answered(self, requester: Requester, *channels: str) -> bool:
        """Return whether Slack says now all that decides which role the person has here and what they see there.

        Raises StorageError.
        """
        named = {grant.grantee for grant in await self.grants(requester.team)}
        places = {name for name in named if is_group(name) or name == requester.place.channel}
        return await self._members.answers(requester.user, sorted(places | set(channels)))

    async def role(self, requester: Requester) -> Role | None:
        """Return the role of the person here that may do the most, None if they have none. Raises StorageError."""
        if not await self._known(requester):
            return None
        if await self._members.is_admin(requester.user):
            return Role.OWNER
        grants = await self.grants(requester.team)
        for role in Role:
            if await self._has(requester, [grant.grantee for grant in grants if grant.role is role]):
                return role
        return None

    async def belongs(self, requester: Requester) -> bool:
        """Return whether the bot serves this person: a full member of the workspace, or one with a role."""
        if not await self._known(requester):
            return False
        if await self._members.is_full_member(requester.user):
            return True
        grants = await self.grants(requester.team)
        return await self._in_person(requester.user, [grant.grantee for grant in grants])

    async def _known(self, requester: Requester) -> bool:
        """Return whether the person is of the workspace now: somebody with a role may have left the company."""
        return requester.present or await self._members.is_member(requester.user)

    async def _has(self, requester: Requester, grantees: Sequence[str]) -> bool:
        if await self._in_person(requester.user, grantees):
            return True
        if not await self._members.is_full_member(requester.user):
            return False
        channel = requester.place.channel
        return EVERYONE in grantees or (
            channel in filter(is_channel, grantees) and await self.is_in(requester, channel)
        )

    async def is_in(self, requester: Requester, channel: str) -> bool:
        """Return whether the person can read this channel, by the request itself or by Slack's word."""
        if requester.present and channel == requester.place.channel:
            return True
        return await self._members.can_read(requester.user, channel)

    async def _in_person(self, user: str, grantees: Sequence[str]) -> bool:
        """Return whether the person is one of them, or in a user group that is."""
        if user in filter(is_person, grantees):
            return True
        for group in filter(is_group, dict.fromkeys(grantees)):
            if user in await self._members.group_members(group):
                return True
        return False

    async def people(self, team: str, *roles: Role) -> Sequence[str]:
        """Return the people who have one of the roles themselves or by a user group, in the order of the roles.

        Those who have it by a channel, and the administrators, are not listed. Raises StorageError.
        """
        found: list[str] = []
        for grant in await self.grants(team):
            if grant.role in roles and is_person(grant.grantee):
                found.append(grant.grantee)
            elif grant.role in roles and is_group(grant.grantee):
                found += sorted(await self._members.group_members(grant.grantee))
        return list(dict.fromkeys(found))

    async def grants(self, team: str) -> Sequence[RoleGrant]:
        """Return all roles of the workspace, those of the settings first. Raises StorageError."""
        if team not in self._given:
            self._given[team] = tuple(await self._store.grants(team))
        return (*self._named, *self._given[team])

    async def give(self, requester: Requester, role: Role, grantee: str) -> bool:
        """Give the role; returns whether it is new. Raises Forbidden, BadArgument, StorageError."""
        await self.check(requester, Deed.MANAGE_ROLES)
        if reason := refusal(role, grantee):
            raise BadArgument(reason, "Write /tune roles give ROLE @person, @group, #channel or everyone.")
        if any((one.role, one.grantee) == (role, grantee) for one in self._named):
            return False
        given = await self._store.give(requester, role, grantee)
        self._given.pop(requester.team, None)
        return given

    async def take(self, requester: Requester, role: Role, grantee: str) -> None:
        """Take the role away. Raises Forbidden, BadArgument if it was not given in Slack, StorageError."""
        await self.check(requester, Deed.MANAGE_ROLES)
        if any((one.role, one.grantee) == (role, grantee) for one in self._named):
            raise BadArgument(
                "The settings of the bot name this role.", "The person who runs the bot can remove it there."
            )
        taken = await self._store.take(requester, role, grantee)
        self._given.pop(requester.team, None)
        if not taken:
            raise BadArgument(f"The role {role} was not given there.", "/tune roles shows who has which role.")
