"""How often Slack may be asked: one post a second in a channel, fifty edits a minute in the workspace, and nothing
of a method while Slack asked for a pause with Retry-After.

Whoever answers a person waits for the pace; the sender asks for room first, so that it never waits in the way of
a person and always sends what is most urgent when there is room. It knows no messages.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aiolimiter import AsyncLimiter

from bot.ports.notifier import SendCapacity

_LANES_KEPT: Final = 100
_BURST: Final = 5


class Method(StrEnum):
    """What Slack counts apart."""

    POST = "chat.postMessage"
    EDIT = "chat.update"


@dataclass(slots=True)
class _Lane:
    """One channel's posts. `waiting` counts those under way, too."""

    limiter: AsyncLimiter
    waiting: int = 0

    @property
    def resting(self) -> bool:
        return self.waiting > 0 or not self.limiter.has_capacity()


@dataclass(slots=True)
class RateLimits:
    """The limits of one workspace; other numbers are for tests.

    A bucket that holds fifty and leaks fifty a minute would let through a hundred in its first minute. So edits
    come in bursts of five at most, and in the rest of any minute only as many as make 49 together.
    """

    post_seconds: float = 1.0
    edits: int = 50
    edit_seconds: float = 60.0
    _lanes: dict[str, _Lane] = field(default_factory=dict)
    _paused: dict[Method, float] = field(default_factory=dict)
    _edits: AsyncLimiter = field(init=False)
    _editing: int = 0

    def __post_init__(self) -> None:
        self._edits = AsyncLimiter(_BURST, self.edit_seconds * _BURST / (self.edits - 1 - _BURST))

    def capacity(self) -> SendCapacity:
        """What may be sent now without waiting and without taking a person's turn."""
        edits = 0
        if not self._editing and not self._left(Method.EDIT):
            edits = next((most for most in range(_BURST, 0, -1) if self._edits.has_capacity(most)), 0)
        resting = frozenset(channel for channel, lane in self._lanes.items() if lane.resting)
        return SendCapacity(posts=not self._left(Method.POST), edits=edits, paused_channels=resting)

    @asynccontextmanager
    async def posting(self, channel: str) -> AsyncIterator[None]:
        """Wait for the channel's turn; the block sends one post."""
        lane = self._lane(channel)
        lane.waiting += 1
        try:
            await self._pause_over(Method.POST)
            await lane.limiter.acquire()
            began = _now()
            yield
            await self._rest(lane, began)
        finally:
            lane.waiting -= 1

    @asynccontextmanager
    async def whispering(self, channel: str) -> AsyncIterator[None]:
        """The block shows one person something: Slack's limit for that is wide, so it only makes others wait."""
        lane = self._lane(channel)
        lane.waiting += 1
        try:
            began = _now() - self.post_seconds
            yield
            await self._rest(lane, began)
        finally:
            lane.waiting -= 1

    async def _rest(self, lane: _Lane, began: float) -> None:
        """The second counts from the answer: when Slack counted a message that was under way is not known."""
        spent = min(1.0, (_now() - began) / self.post_seconds)
        if lane.limiter.has_capacity(spent):
            await lane.limiter.acquire(spent)

    @asynccontextmanager
    async def editing(self) -> AsyncIterator[None]:
        """Wait for the workspace's turn; the block sends one edit."""
        self._editing += 1
        try:
            await self._pause_over(Method.EDIT)
            await self._edits.acquire()
        finally:
            self._editing -= 1
        yield

    def pause(self, method: Method, seconds: float) -> None:
        """Slack answered with Retry-After: nothing of this method before that."""
        self._paused[method] = max(self._paused.get(method, -math.inf), _now() + seconds)

    async def _pause_over(self, method: Method) -> None:
        while left := self._left(method):  # noqa: ASYNC110 - what ends it is the time
            await asyncio.sleep(left)

    def _left(self, method: Method) -> float:
        return max(0.0, self._paused.get(method, -math.inf) - _now())

    def _lane(self, channel: str) -> _Lane:
        if channel not in self._lanes:
            if len(self._lanes) >= _LANES_KEPT:
                # A lane at rest knows nothing that a new one would not know.
                self._lanes = {name: lane for name, lane in self._lanes.items() if lane.resting}
            self._lanes[channel] = _Lane(AsyncLimiter(1, self.post_seconds))
        return self._lanes[channel]


def _now() -> float:
    return asyncio.get_running_loop().time()
