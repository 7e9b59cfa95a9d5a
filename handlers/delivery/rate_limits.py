"""Keeps the bot within Slack's rate limits: one post a second in a channel, fifty edits a minute in the workspace.

While Slack asks for a pause with Retry-After, nothing of that method is sent
(docs.slack.dev/apis/web-api/rate-limits). Work for a waiting person waits for its turn here. The outbox sender
asks for the free capacity first, so that it never delays a person and always sends the most urgent notice.
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

_CHANNELS_KEPT: Final = 100
_BURST: Final = 5


class Method(StrEnum):
    """The methods that Slack counts separately."""

    POST = "chat.postMessage"
    EDIT = "chat.update"
    START_STREAM = "chat.startStream"
    APPEND_STREAM = "chat.appendStream"
    STOP_STREAM = "chat.stopStream"


@dataclass(slots=True)
class _Channel:
    """The limit of one channel; `waiting` counts the posts that wait and those that are being sent."""

    limiter: AsyncLimiter
    waiting: int = 0

    @property
    def busy(self) -> bool:
        return self.waiting > 0 or not self.limiter.has_capacity()


@dataclass(slots=True)
class RateLimits:
    """The limits of one workspace; tests pass other numbers.

    A bucket that holds fifty edits and leaks fifty a minute would let a hundred through in its first minute. So
    edits come in bursts of at most five, and the rate makes that 49 in any minute.
    """

    post_seconds: float = 1.0
    edits: int = 50
    edit_seconds: float = 60.0
    _channels: dict[str, _Channel] = field(default_factory=dict)
    _paused_until: dict[Method, float] = field(default_factory=dict)
    _edits: AsyncLimiter = field(init=False)
    _editing: int = 0

    def __post_init__(self) -> None:
        self._edits = AsyncLimiter(_BURST, self.edit_seconds * _BURST / (self.edits - 1 - _BURST))

    def capacity(self) -> SendCapacity:
        """Return what may be sent now without waiting and without delaying a person."""
        edits = 0
        if not self._editing and not self.pause_left(Method.EDIT):
            edits = next((most for most in range(_BURST, 0, -1) if self._edits.has_capacity(most)), 0)
        busy = frozenset(name for name, channel in self._channels.items() if channel.busy)
        return SendCapacity(not self.pause_left(Method.POST), edits, busy)

    @asynccontextmanager
    async def posting(self, channel: str) -> AsyncIterator[None]:
        """Wait for the channel's turn; the block sends one post."""
        limit = self._channel(channel)
        limit.waiting += 1
        try:
            await self._wait_for_turn(Method.POST, limit.limiter)
            began = _now()
            yield
            await self._count_until_now(limit, began)
        finally:
            limit.waiting -= 1

    @asynccontextmanager
    async def posting_ephemeral(self, channel: str) -> AsyncIterator[None]:
        """Send one ephemeral message in the block, without waiting: only later posts in the channel wait for it.

        chat.postEphemeral has a limit of its own (docs.slack.dev/reference/methods/chat.postEphemeral).
        """
        limit = self._channel(channel)
        limit.waiting += 1
        try:
            began = _now() - self.post_seconds
            yield
            await self._count_until_now(limit, began)
        finally:
            limit.waiting -= 1

    async def _count_until_now(self, limit: _Channel, began: float) -> None:
        """Start the channel's second at Slack's answer, since nobody knows when Slack counted the message."""
        spent = min(1.0, (_now() - began) / self.post_seconds)
        if limit.limiter.has_capacity(spent):
            await limit.limiter.acquire(spent)

    @asynccontextmanager
    async def editing(self) -> AsyncIterator[None]:
        """Wait for the workspace's turn; the block sends one edit."""
        self._editing += 1
        try:
            await self._wait_for_turn(Method.EDIT, self._edits)
        finally:
            self._editing -= 1
        yield

    def pause(self, method: Method, seconds: float) -> None:
        """Send nothing of this method for so many seconds, as Slack's Retry-After asks."""
        self._paused_until[method] = max(self._paused_until.get(method, -math.inf), _now() + seconds)

    async def _wait_for_turn(self, method: Method, limiter: AsyncLimiter) -> None:
        """Wait until no pause is left, then for the limiter, and again if Slack asked for a pause meanwhile."""
        while True:
            while left := self.pause_left(method):  # noqa: ASYNC110 - only time ends a pause
                await asyncio.sleep(left)
            await limiter.acquire()
            if not self.pause_left(method):
                return

    def pause_left(self, method: Method) -> float:
        """Return for how many seconds nothing of this method is sent."""
        return max(0.0, self._paused_until.get(method, -math.inf) - _now())

    def _channel(self, channel: str) -> _Channel:
        if channel not in self._channels:
            if len(self._channels) >= _CHANNELS_KEPT:
                # A channel that is not busy holds nothing that a new entry would not hold.
                self._channels = {name: limit for name, limit in self._channels.items() if limit.busy}
            self._channels[channel] = _Channel(AsyncLimiter(1, self.post_seconds))
        return self._channels[channel]


def _now() -> float:
    return asyncio.get_running_loop().time()
