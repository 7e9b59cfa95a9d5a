"""Gives places to persons in turn, so that a person with twenty files delays another one by one file at most."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairTurns:
    """Holds a number of places. Where they are taken, each person has a queue, and the queues take turns."""

    def __init__(self, places: int) -> None:
        self._free = places
        # The order of the keys is the order of the turns.
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return sum(map(len, self._queues.values()))

    @asynccontextmanager
    async def turn(self, person: str) -> AsyncIterator[None]:
        """Hold a place during the block, after a wait where none is free."""
        await self._take(person)
        try:
            yield
        finally:
            self._free += 1
            self._give()

    async def _take(self, person: str) -> None:
        if self._free and not self._queues:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(person, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # The place was given at the same moment, so it goes to the next person.
                self._free += 1
                self._give()
            else:
                self._leave(person, place)
            raise

    def _leave(self, person: str, place: asyncio.Future[None]) -> None:
        # `_give` may have removed the cancelled place already.
        queue = self._queues.get(person, deque())
        if place in queue:
            queue.remove(place)
        if not queue:
            self._queues.pop(person, None)

    def _give(self) -> None:
        while self._free and self._queues:
            person = next(iter(self._queues))
            queue = self._queues.pop(person)
            place = queue.popleft()
            if queue:
                self._queues[person] = queue  # The person goes to the end of the turns.
            if not place.cancelled():
                self._free -= 1
                place.set_result(None)
