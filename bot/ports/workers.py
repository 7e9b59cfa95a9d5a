"""What the core needs from the processes that check, repair and convert files outside of the bot's own process."""

from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol


class WorkKind(StrEnum):
    """A kind of work with places of its own, so that one kind never waits for another."""

    SMALL_CHECK = "small check"
    CHECK = "check"
    CONVERSION = "conversion"


class Worker(Protocol):
    """One process that works for one file. Both methods raise TooMuchWork if the process ended."""

    async def send(self, *parts: bytes) -> None:
        """Send the parts as one message; returns when the process has room for it."""
        ...

    async def receive(self) -> bytes:
        """Return the next message of the process."""
        ...


class Workers(Protocol):
    """Lends processes."""

    def worker(self, kind: WorkKind, person: str) -> AbstractAsyncContextManager[Worker]:
        """Wait for a place among work of this kind, and lend a process for the block; persons take turns.

        A block that ends with an error ends its process, also in the middle of its work. Raises TooMuchWork.
        """
        ...
