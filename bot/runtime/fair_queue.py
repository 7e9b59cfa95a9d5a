"""Lets some works run at the same time and the others wait, so that nobody with many works delays the others.

Those who wait are served in turns, one work of each person, in the order in which they came.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class QueueFull(Exception):
    """As many works wait as the queue may hold."""


class FairQueue:
    """At most `at_once` works run, `most_each` of one person; at most `most_waiting` wait.

    Only who waits is kept, no work and no data.
    """

    def __init__(self, at_once: int, most_each: int, most_waiting: int) -> None:
        self._at_once = at_once
        self._most_each = most_each
        self._most_waiting = most_waiting
        self._running: Counter[str] = Counter()
        # The next person to be served comes first. A person without waiting works is not kept.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        """How many works wait."""
        return sum(map(len, self._waiting.values()))

    def must_wait(self, person: str) -> bool:
        """Return whether a work of this person that comes now must wait, or is refused."""
        return self._running.total() >= self._at_once or self._running[person] >= self._most_each

    @asynccontextmanager
    async def turn(self, person: str) -> AsyncIterator[None]:
        """Wait until it is this person's turn, and hold one of the places inside the block. Raises QueueFull."""
        if self.must_wait(person):
            await self._wait(person)
        else:
            self._running[person] += 1
        try:
            yield
        finally:
            self._leave(person)

    async def _wait(self, person: str) -> None:
        if self.waiting >= self._most_waiting:
            raise QueueFull
        called = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(person, deque()).append(called)
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():
                # It was called and cancelled at the same moment, and has a place already.
                self._leave(person)
            else:
                self._remove(person, called)
            raise

    def _leave(self, person: str) -> None:
        self._running[person] -= 1
        self._running += Counter()  # This drops the people who have no running work.
        self._call_next()

    def _call_next(self) -> None:
        """Give the free places to the next people, who then wait for their next turn behind all others."""
        while any(self._call(person) for person in list(self._waiting)):
            pass

    def _call(self, person: str) -> bool:
        """Call the next work of this person. Returns whether one was called."""
        if self.must_wait(person):
            return False
        works = self._waiting.pop(person)
        called = works.popleft()
        if works:
            self._waiting[person] = works
        # A cancelled work stays in the queue until its task runs again.
        if not called.done():
            self._running[person] += 1
            called.set_result(None)
        return True

    def _remove(self, person: str, called: asyncio.Future[None]) -> None:
        works = self._waiting.get(person)
        if works is not None and called in works:
            works.remove(called)
            if not works:
                del self._waiting[person]
