"""What the bot keeps of people's words, to erase it when a person asks, or when it is old."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.place import Requester


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was erased: turns of conversations, reports on files, and reports that wait for a start."""

    turns: int = 0
    reports: int = 0
    proposals: int = 0


class ErasureStore(Protocol):
    """Erases what people wrote. Each method is one transaction."""

    async def forget(self, requester: Requester, user: str) -> Erased:
        """Erase the person's conversations and file reports; returns how much that was.

        Writes to the audit log who asked for it. Raises StorageError.
        """
        ...

    async def expire(self, conversations: datetime | None, reports: datetime | None) -> Erased:
        """Erase the turns and reports from before these times, where None keeps them; returns how much that was.

        Raises StorageError.
        """
        ...

    async def any_ended(self, before: datetime) -> bool:
        """Return whether a job of any workspace ended before this. Raises StorageError."""
        ...
