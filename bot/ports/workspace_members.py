"""What Slack says of the people of the workspace: which channels they can read, which groups they
are in, and who administers it."""

from collections.abc import Iterable
from typing import Final, Protocol


class WorkspaceMembers(Protocol):
    """Asks who may read a channel and who is an administrator. Where Slack does not say, the answer is no."""

    async def can_read(self, user: str, channel: str) -> bool:
        """Return whether the person can read the channel or is in that direct message. Never raises."""
        ...

    async def is_public(self, channel: str) -> bool:
        """Return whether each full member of the workspace can read the channel. Never raises."""
        ...

    async def is_external(self, channel: str) -> bool:
        """Return whether people of another company may read the channel. Never raises; unknown is yes."""
        ...

    async def is_full_member(self, user: str) -> bool:
        """Return whether the person is of the workspace, and neither a guest nor a bot. Never raises."""
        ...

    async def is_member(self, user: str) -> bool:
        """Return whether the person is of the workspace now, also as a guest, and not a bot. Never raises."""
        ...

    async def group_members(self, group: str) -> frozenset[str]:
        """Return the people in this user group, none where Slack does not say. Never raises."""
        ...

    async def is_admin(self, user: str) -> bool:
        """Return whether the person is an administrator or an owner of the workspace. Never raises."""
        ...

    async def answers(self, user: str, places: Iterable[str]) -> bool:
        """Return whether Slack says now who the person is, and who is in each of these channels and groups.

        Only then did Slack itself say what the other methods return as false or empty. Never raises.
        """
        ...


class UnknownMembers:
    """Answers no to everything, as where Slack says nothing."""

    async def can_read(self, user: str, channel: str) -> bool:
        return False

    async def is_public(self, channel: str) -> bool:
        return False

    async def is_external(self, channel: str) -> bool:
        return True

    async def is_full_member(self, user: str) -> bool:
        return False

    async def is_member(self, user: str) -> bool:
        return False

    async def group_members(self, group: str) -> frozenset[str]:
        return frozenset()

    async def is_admin(self, user: str) -> bool:
        return False

    async def answers(self, user: str, places: Iterable[str]) -> bool:
        return False


UNKNOWN_MEMBERS: Final = UnknownMembers()
