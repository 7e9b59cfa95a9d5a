"""How the roles are stored that owners give in Slack. A write is committed when its method returns."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.place import Requester
from bot.domain.roles import Role, RoleGrant


class RoleStore(Protocol):
    """Stores roles; each change is written to the audit log in the same transaction."""

    async def grants(self, team: str) -> Sequence[RoleGrant]:
        """Return the workspace's roles, oldest first. Raises StorageError."""
        ...

    async def give(self, requester: Requester, role: Role, grantee: str) -> bool:
        """Store the role that this person gives; returns whether it is new. Raises StorageError."""
        ...

    async def take(self, requester: Requester, role: Role, grantee: str) -> bool:
        """Delete the role, which this person takes away; returns whether it was there. Raises StorageError."""
        ...
