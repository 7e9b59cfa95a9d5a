"""Slack's rate limits, off unless a test switches them on."""

import math
from collections import deque
from dataclasses import dataclass, field

from bot.sandbox.slack.call import Call

_POSTS = {"chat.postMessage", "chat.postEphemeral"}


@dataclass(slots=True)
class RateLimits:
    """Windows over the calls that were let through; a refused call does not count."""

    enabled: bool = False
    posts_per_second: float = 1.0
    post_burst: int = 1
    updates_per_minute: int = 50
    _posts: dict[str, deque[float]] = field(default_factory=dict, repr=False)
    _updates: deque[float] = field(default_factory=deque, repr=False)

    def retry_after(self, call: Call) -> int | None:
        """Return the whole seconds that this call must wait, None where it may go on."""
        if not self.enabled:
            return None
        now = call.workspace.now()
        if call.method in _POSTS:
            window = self._posts.setdefault(call.text("channel"), deque())
            return _count(window, now, self.post_burst, self.post_burst / self.posts_per_second)
        if call.method == "chat.update":
            return _count(self._updates, now, self.updates_per_minute, 60.0)
        return None


def _count(window: deque[float], now: float, most: int, seconds: float) -> int | None:
    while window and window[0] <= now - seconds:
        window.popleft()
    if len(window) >= most:
        return max(1, math.ceil(window[0] + seconds - now))
    window.append(now)
    return None
