"""Sends the outbox's notices to Slack: one sender, so that order and rate limits are kept in one place.

The text of a notice is built when it is sent, from the newest row of its job. The next notice is chosen only when
Slack's limits allow it, so an urgent one never waits behind others. One delivery at a time runs in a channel, a
few in all channels together. While every delivery fails, only one at a time tests whether Slack works again.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from bot.domain.backoff import DEFAULT_BACKOFF, Backoff
from bot.domain.jobs import TuningJob
from bot.domain.repeated_refusals import ENDS_AFTER
from bot.errors import BotError, RetryLater, Unconfirmed
from bot.ports.clock import Clock
from bot.ports.job_store import JobStore
from bot.ports.notifier import Notice, NoticeKind, Notifier, Outbox
from bot.runtime.clocks import SteadyTime

logger = logging.getLogger(__name__)

IDLE_SECONDS: Final = 1.0  # how often postponed notices are read when nothing wakes the sender
TICK_SECONDS: Final = 0.1  # the same while Slack's rate limits delay a notice
OLD_CARD_ENDS_AFTER: Final = timedelta(days=2)  # how long a card that stayed in a closed channel is tried
AT_ONCE: Final = 10  # deliveries that run at the same time in all channels together


class OutboxSender:
    """Sends notices from `start` to `stop`; `wake` makes it read the outbox at once."""

    def __init__(
        self,
        outbox: Outbox,
        jobs: JobStore,
        notifier: Notifier,
        clock: Clock,
        backoff: Backoff = DEFAULT_BACKOFF,
    ) -> None:
        self._outbox = outbox
        self._jobs = jobs
        self._notifier = notifier
        self._clock = clock
        self._steady = SteadyTime(clock)
        self._backoff = backoff
        self._news = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._deliveries: dict[str, asyncio.Task[None]] = {}
        self._editing: set[str] = set()  # the channels of running deliveries that edit a card
        self._failures = 0  # failed deliveries since the last success, of any notice
        self._paused_until = 0.0
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Read the outbox now, because a notice was written, and call those who listen."""
        self._news.set()
        for listener in self._listeners:
            listener()

    def call_when_woken(self, listener: Callable[[], None]) -> None:
        """Call this, too, whenever a notice was written. It returns at once and never raises."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Start sending, in a task of the running event loop."""
        self._task = asyncio.create_task(self._run(), name="sender")

    async def stop(self, seconds: float) -> None:
        """Start no delivery, wait for the running ones, and cancel them after `seconds`.

        The next process searches Slack for the posts of the cancelled ones.
        """
        self._stopping = True
        self._news.set()
        if self._task is not None:
            await self._task
        await self.settle(seconds)
        late = list(self._deliveries.values())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def settle(self, seconds: float | None = None) -> None:
        """Wait until no delivery runs, at most so many seconds."""
        if self._deliveries:
            await asyncio.wait(self._deliveries.values(), timeout=seconds)

    async def _run(self) -> None:
        while not self._stopping:
            self._news.clear()
            await self.send_due()
            try:
                await asyncio.wait_for(self._news.wait(), self._idle_seconds())
            except TimeoutError:
                continue

    def _idle_seconds(self) -> float:
        if (pause := self._paused_until - _now()) > 0:
            return pause
        capacity = self._notifier.capacity()
        limited = capacity.paused_channels or not capacity.edits or not capacity.posts
        return TICK_SECONDS if limited else IDLE_SECONDS

    async def send_due(self) -> None:
        """Start the deliveries that are due and that Slack's limits allow, in order; `settle` waits for them."""
        free = (1 if self._failures >= AT_ONCE else AT_ONCE) - len(self._deliveries)
        if self._stopping or free <= 0 or _now() < self._paused_until:
            return
        capacity = self._notifier.capacity()
        capacity = replace(capacity, edits=max(0, capacity.edits - len(self._editing)))
        busy = list(self._deliveries)
        try:
            notices = await self._outbox.due(self._clock.now(), capacity, busy=busy, limit=free, a_channel=1)
        except BotError as error:
            logger.error("the outbox could not be read: %s", error)
            self._note_failure()
            return
        for notice in notices:
            task = asyncio.create_task(self._deliver(notice), name=f"deliver {notice.kind} of {notice.job}")
            self._deliveries[notice.channel] = task
            if notice.edits:
                self._editing.add(notice.channel)
            task.add_done_callback(partial(self._ended, notice.channel))

    def _ended(self, channel: str, task: asyncio.Task[None]) -> None:
        del self._deliveries[channel]
        self._editing.discard(channel)
        self._news.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Only an error of the outbox itself arrives here: nothing was marked.
            logger.error("%s failed: %s", task.get_name(), error)
            self._note_failure()

    def _note_failure(self) -> None:
        self._failures += 1
        if self._failures >= AT_ONCE:
            pause = self._backoff.pause(self._failures - AT_ONCE, self._backoff.while_down)
            self._paused_until = _now() + pause

    async def _deliver(self, notice: Notice) -> None:
        job = await self._jobs.job(notice.job)
        if job is None:
            await self._outbox.give_up(notice, "its job is gone")
            return
        try:
            await self._send(notice, job)
        except RetryLater as error:
            await self._retry(notice, error)
        except BotError:
            raise
        except Exception:  # a card that cannot be built is a fault of ours and must not stop the others
            logger.exception("could not build or send %s of %s", notice.kind, notice.job)
            reason = "unexpected error, see the log"
            await self._postpone(notice, self._backoff.after_fault, reason, refused=False)
        else:
            self._failures = 0

    async def _retry(self, notice: Notice, error: RetryLater) -> None:
        old_card = notice.kind is NoticeKind.OLD_CARD
        ends_after = OLD_CARD_ENDS_AFTER if old_card else ENDS_AFTER
        if error.final and notice.refusals.end(self._steady.now(), ends_after):
            logger.warning("gave up a notice of %s: %s", notice.job, error)
            await self._outbox.give_up(notice, str(error))
            return
        logger.info("%s of %s waits: %s", notice.kind, notice.job, error)
        if not error.final:  # A channel that is gone says nothing about the others.
            self._note_failure()
        least = self._backoff.after_fault if old_card else error.seconds
        pause = self._backoff.pause(notice.attempts, self._backoff.longest, least=least)
        refused = not isinstance(error, Unconfirmed)
        await self._postpone(notice, pause, str(error), refused=refused, final=error.final)

    async def _send(self, notice: Notice, job: TuningJob) -> None:
        snapshots = await self._jobs.snapshots(job.key)
        record_attempt = partial(self._outbox.record_attempt, notice)
        delivered = await self._notifier.deliver(notice, job, snapshots, record_attempt)
        if notice.kind is NoticeKind.OLD_CARD and not job.state.ended:
            # The old card must show the job's end too, so its notice stays until then.
            await self._postpone(notice, self._backoff.after_fault, "the job is still open", refused=True)
        else:
            await self._outbox.sent(notice, delivered)

    async def _postpone(
        self, notice: Notice, seconds: float, reason: str, *, refused: bool, final: bool = False
    ) -> None:
        until = self._clock.now() + timedelta(seconds=seconds)
        await self._outbox.postpone(notice, until, reason, refused=refused, final=final)


def _now() -> float:
    return asyncio.get_running_loop().time()
