"""Erases what the bot keeps of a person's words, when that person or an owner asks for it."""

from bot.domain.place import Requester
from bot.people.roles import Deed, Roles
from bot.ports.erasure import Erased, ErasureStore
from bot.ports.feedback import FeedbackStore


class Forgetting:
    """The use case of `/tune forget`."""

    def __init__(self, roles: Roles, erasure: ErasureStore, feedback: FeedbackStore) -> None:
        self._roles = roles
        self._erasure = erasure
        self._feedback = feedback

    async def check(self, requester: Requester, user: str) -> None:
        """Raises Forbidden if the person may not erase what this user left behind, StorageError."""
        if user != requester.user:
            await self._roles.check(requester, Deed.FORGET_OTHER)

    async def forget(self, requester: Requester, user: str) -> Erased:
        """Erase the user's conversations, feedback and file reports. Raises Forbidden, StorageError.

        Both steps may be repeated after a crash between them. The audit log is written with the last one.
        """
        await self.check(requester, user)
        await self._feedback.forget_person(requester.team, user)
        return await self._erasure.forget(requester, user)
