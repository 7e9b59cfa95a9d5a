"""Empties the outbox into Slack: one sender, so that order and limits are kept in one place.

What a notice says is rendered when it is sent, from the newest job. A job's notices go out in order, one after the
other; the reply that a job ended never goes before the card that it hangs under.
"""

import asyncio
import logging
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from bot.domain import TuningJob
from bot.errors import BotError, RetryLater, Undeliverable
from bot.ports import Change, Clock, JobStore, Notice, Notifier, Outbox

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0  # how often postponed notices are looked for when nothing wakes the sender
LONGEST_PAUSE = 300.0  # seconds between two tries while Slack keeps failing


class Sender:
    """Runs beside everything else from `start` to `stop`; `wake` makes it look at the outbox at once."""

    def __init__(self, outbox: Outbox, jobs: JobStore, notifier: Notifier, clock: Clock) -> None:
        self._outbox = outbox
        self._jobs = jobs
        self._notifier = notifier
        self._clock = clock
        self._news = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        self._news.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="sender")

    async def stop(self, seconds: float) -> None:
        """Send nothing new and let what is under way be marked: cut off in between, it would go out twice."""
        self._stopping = True
        self.wake()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)
            self._task.cancel()

    async def _run(self) -> None:
        while not self._stopping:
            self._news.clear()
            try:
                await self.send_due()
            except BotError as error:
                logger.error("the outbox could not be read: %s", error)
            try:
                await asyncio.wait_for(self._news.wait(), IDLE_SECONDS)
            except TimeoutError:
                continue

    async def send_due(self) -> None:
        """Send everything that is due now; channels side by side, each one in order."""
        by_channel: defaultdict[tuple[str, str], list[Notice]] = defaultdict(list)
        for notice in await self._outbox.due(self._clock.now()):
            job = await self._jobs.job(notice.job)
            if job is None:
                await self._outbox.give_up(notice, "its job is gone")
            else:
                by_channel[job.place.team, job.place.channel].append(notice)
        await asyncio.gather(*(self._send_in_order(notices) for notices in by_channel.values()))

    async def _send_in_order(self, notices: list[Notice]) -> None:
        held_back: set[str] = set()
        for notice in notices:
            if self._stopping:
                return
            if notice.job not in held_back and not await self._send(notice):
                held_back.add(notice.job)

    async def _send(self, notice: Notice) -> bool:
        """Send one notice; False if it must be tried again before anything else of its job."""
        job = await self._jobs.job(notice.job)
        if job is None:
            return True
        try:
            delivered = await self._notifier.deliver(notice.kind, job, await self._jobs.snapshots(job.key))
        except Undeliverable as error:
            logger.warning("gave up on telling %s: %s", notice.job, error)
            await self._outbox.give_up(notice, str(error))
            return True
        except RetryLater as error:
            pause = max(error.seconds, min(2.0**notice.attempts, LONGEST_PAUSE))
            await self._outbox.postpone(notice, self._clock.now() + timedelta(seconds=pause), str(error))
            return False
        except Exception:  # a card that cannot be drawn is a fault of ours; it must not silence all others
            logger.exception("could not render or send %s of %s", notice.kind, notice.job)
            later = self._clock.now() + timedelta(seconds=LONGEST_PAUSE)
            await self._outbox.postpone(notice, later, "unexpected error, see the log")
            return False

        def note(current: TuningJob) -> Change:
            return Change(replace(current, card=delivered.card, place=delivered.place))

        if (job.card, job.place) != (delivered.card, delivered.place):
            await self._jobs.change(job.key, note)
        await self._outbox.sent(notice)
        return True
