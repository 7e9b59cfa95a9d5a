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
    """One process that works for one file."""

    async def send(self, *parts: bytes) -> None:
        """Send the parts as one message, as soon as the process has room for it.

        Raises TooMuchWork if the process ended.
        """
        ...

    async def receive(self) -> bytes:
        """Return the next message of the process. Raises TooMuchWork if the process ended."""
        ...


class Workers(Protocol):
    """The processes that work for files, one at a time each."""

    def worker(self, kind: WorkKind, person: str) -> AbstractAsyncContextManager[Worker]:
        """Return a context manager that waits for a place among work of this kind and gives a process.

        Persons take turns. A block that ends with an error ends its process, also in the middle of its work.
        Raises TooMuchWork.
        """
        ...
