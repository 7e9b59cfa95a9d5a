"""Lets works on one thing run one after the other, in the order in which they came."""

import asyncio
from collections.abc import Hashable
from types import TracebackType
from typing import Self


class OrderedWork:
    """The works of each thing, such as the questions of a thread. A thing without works is not kept."""

    def __init__(self) -> None:
        self._last: dict[Hashable, asyncio.Event] = {}

    def busy(self, thing: Hashable) -> bool:
        """Return whether a work on this thing runs or waits."""
        return thing in self._last

    def join(self, thing: Hashable) -> "WorkTurn":
        """Take a turn behind all works on this thing that joined before."""
        return WorkTurn(self._last, thing)


class WorkTurn:
    """A work's turn. The next work's turn comes when the block of this one is left."""

    def __init__(self, last: dict[Hashable, asyncio.Event], thing: Hashable) -> None:
        self._last = last
        self._thing = thing
        self._before = last.get(thing)
        self._done = last[thing] = asyncio.Event()

    @property
    def must_wait(self) -> bool:
        """Return whether a work before this one is not done."""
        return self._before is not None and not self._before.is_set()

    async def wait(self) -> None:
        """Wait until the works before this one are done."""
        if self._before is not None:
            await self._before.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._last.get(self._thing) is self._done:
            del self._last[self._thing]
