"""The roles that people have, and to whom a role is given."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

EVERYONE: Final = "everyone"  # each full member of the workspace


class Role(StrEnum):
    """What a person is to the bot; each role may also do what the roles after it may."""

    OWNER = "owner"
    APPROVER = "approver"
    TUNER = "tuner"
    ASKER = "asker"

    @property
    def rank(self) -> int:
        """Return 1 for the role that may do the least, more for those that may do more."""
        return len(Role) - list(Role).index(self)


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """A role, and who has it: the id of a person, a user group or a channel, or EVERYONE.

    `given_by` and `given_at` are empty for a role that the settings name.
    """

    role: Role
    grantee: str
    given_by: str = ""
    given_at: datetime | None = None


def is_grantee(text: str) -> bool:
    """Return whether this is EVERYONE or an id of Slack's, of a person, a user group or a channel."""
    return text == EVERYONE or re.fullmatch(r"[UWSCG][A-Z0-9]{2,}", text) is not None


def is_person(grantee: str) -> bool:
    return grantee.startswith(("U", "W"))


def is_group(grantee: str) -> bool:
    """Return whether it is the id of a user group, see https://docs.slack.dev/reference/objects/usergroup-object."""
    return grantee.startswith("S")


def is_channel(grantee: str) -> bool:
    return grantee.startswith(("C", "G"))


def refusal(role: Role, grantee: str) -> str:
    """Return why this role cannot be given to this grantee, empty if it can."""
    if not is_grantee(grantee):
        return "A role is given to a person, a user group, a channel, or everyone."
    if role is Role.OWNER and not (is_person(grantee) or is_group(grantee)):
        return "Owners are people or user groups."
    if role is Role.APPROVER and grantee == EVERYONE:
        return "Not everyone can be an approver: then nobody needs an approval."
    return ""
