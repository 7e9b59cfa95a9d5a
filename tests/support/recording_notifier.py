"""A Notifier in place of Slack: it records what is delivered, and raises the errors that a test sets."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bot.delivery.outbox_sender import OutboxSender
from bot.domain.jobs import Snapshot, TuningJob
from bot.domain.place import Place
from bot.ports.notifier import UNLIMITED, Delivered, Notice, PostAttempt, SendCapacity


@dataclass
class RecordingNotifier:
    """A Notifier that records each delivery; a test sets what the next deliveries raise.

    `unconfirmed` holds the attempt that each delivery came with, `at_once` how many ran when it started.
    """

    delivered: list[tuple[str, str, str]] = field(default_factory=list)
    problems: list[Exception] = field(default_factory=list)
    gate: asyncio.Event | None = None
    space: SendCapacity = UNLIMITED
    unconfirmed: list[PostAttempt | None] = field(default_factory=list)
    tries: int = 0
    at_once: list[int] = field(default_factory=list)
    _running: int = 0
    _arrived: int = 0
    _arrival: asyncio.Event = field(default_factory=asyncio.Event)

    def capacity(self) -> SendCapacity:
        return self.space

    async def deliver(
        self,
        notice: Notice,
        job: TuningJob,
        snapshots: Sequence[Snapshot],
        record_attempt: Callable[[Place], Awaitable[None]],
    ) -> Delivered:
        self.tries += 1
        self._running += 1
        self.at_once.append(self._running)
        try:
            return await self._deliver(notice, job, record_attempt)
        finally:
            self._running -= 1

    def forget(self) -> None:
        """Forget every delivery so far."""
        self.delivered.clear()
        self.unconfirmed.clear()
        self.at_once.clear()
        self.tries = self._arrived = 0

    async def arrived(self, deliveries: int) -> None:
        """Wait until so many deliveries have recorded their attempts."""
        while self._arrived < deliveries:
            self._arrival.clear()
            await self._arrival.wait()

    async def _deliver(
        self, notice: Notice, job: TuningJob, record_attempt: Callable[[Place], Awaitable[None]]
    ) -> Delivered:
        self.unconfirmed.append(notice.unconfirmed)
        if notice.unconfirmed is None and not notice.edits:
            await record_attempt(job.place)
        self._arrived += 1
        self._arrival.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.problems:
            raise self.problems.pop(0)
        self.delivered.append((str(notice.kind), job.name, job.card))
        return Delivered(job.place, job.card or f"ts of {job.name}")


async def send_once(sender: OutboxSender) -> None:
    """Begin what is due and wait until it is marked."""
    await sender.send_due()
    await sender.settle()
