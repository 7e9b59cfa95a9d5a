"""The bot's metrics for Prometheus, in a registry of their own.

Nothing here decides or sends anything. Labels are states, kinds and statuses, never names of people or jobs.
"""

import collections
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic, perf_counter
from typing import Final

import httpx
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from bot.domain.jobs import OpenJob, Snapshot, TuningJob
from bot.domain.place import Place
from bot.errors import RetryLater
from bot.ports.notifier import Delivered, Notice, Notifier, SendCapacity

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_ACK_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 3.0)
_REQUESTS: Final = (0, 1, 2, 5, 10, 20, 50, 100, 1_000, 10_000)

# The number of requests of the current polling round; tasks that a round starts inherit it.
_ROUND: ContextVar[list[int] | None] = ContextVar("round", default=None)


class Metrics:
    """All metrics of one process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._rounds = Histogram(
            "tunebot_polling_round_seconds", "Rounds of polling, by length.", buckets=_SECONDS, registry=registry
        )
        self._overruns = Counter(
            "tunebot_polling_overruns", "Rounds that took longer than their interval.", registry=registry
        )
        self._round_requests = Histogram(
            "tunebot_polling_round_requests",
            "Requests to Google in a round.",
            buckets=_REQUESTS,
            registry=registry,
        )
        self._open_jobs = Gauge(
            "tunebot_open_jobs", "Jobs that have not ended.", ["backend", "state"], registry=registry
        )
        self._pending = Gauge(
            "tunebot_outbox_pending", "Notices that are not sent to Slack yet.", registry=registry
        )
        self._oldest = Gauge("tunebot_outbox_oldest_seconds", "The age of the oldest of them.", registry=registry)
        self._notices = Counter(
            "tunebot_notices",
            "Deliveries of notices to Slack: sent, again (retried later) or failed (given up).",
            ["kind", "outcome"],
            registry=registry,
        )
        self._acks = Histogram(
            "tunebot_acknowledgement_seconds",
            "Slack's requests, by the time until they were acknowledged.",
            buckets=_ACK_SECONDS,
            registry=registry,
        )
        self._asked = Counter("tunebot_google_requests", "Requests sent to Google.", registry=registry)
        self._answers = Counter(
            "tunebot_google_answers", "Google's answers, by HTTP status.", ["status"], registry=registry
        )
        self._connected = Gauge(
            "tunebot_slack_connected", "1 while Slack can reach the bot, else 0.", registry=registry
        )
        self._sockets = Counter("tunebot_slack_sockets", "Sockets opened to Slack.", registry=registry)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format, see CONTENT_TYPE."""
        return generate_latest(self._registry)

    @contextmanager
    def round(self, interval: float) -> Iterator[Callable[[], float]]:
        """Measure a polling round; yields a function that returns the seconds so far."""
        began, requests = perf_counter(), [0]
        token = _ROUND.set(requests)
        try:
            yield lambda: perf_counter() - began
        finally:
            _ROUND.reset(token)
            seconds = perf_counter() - began
            self._rounds.observe(seconds)
            self._round_requests.observe(requests[0])
            if seconds > interval:
                self._overruns.inc()

    def open_jobs(self, jobs: Sequence[OpenJob]) -> None:
        """Set how many jobs are open now."""
        self._open_jobs.clear()
        for (backend, state), number in collections.Counter((job.backend, job.state) for job in jobs).items():
            self._open_jobs.labels(backend, state.value).set(number)

    def waiting(self, pending: int, oldest_seconds: float) -> None:
        """Set how many notices wait in the outbox, and for how long the oldest has waited."""
        self._pending.set(pending)
        self._oldest.set(oldest_seconds)

    def count_notice(self, kind: str, outcome: str) -> None:
        self._notices.labels(kind, outcome).inc()

    def acknowledged(self, seconds: float) -> None:
        self._acks.observe(seconds)

    def connected(self, now: bool) -> None:
        self._connected.set(now)

    def socket_opened(self) -> None:
        self._sockets.inc()

    @property
    def google_hooks(self) -> dict[str, list[Callable[..., Awaitable[None]]]]:
        """Return httpx event hooks that count requests to Google and its answers."""
        return {"request": [self._google_asked], "response": [self._google_answered]}

    async def _google_asked(self, _: httpx.Request) -> None:
        self._asked.inc()
        if (requests := _ROUND.get()) is not None:
            requests[0] += 1

    async def _google_answered(self, response: httpx.Response) -> None:
        self._answers.labels(str(response.status_code)).inc()


class MeasuredNotifier:
    """A Notifier that counts its deliveries; `spoke` gets the start time of each successful one."""

    def __init__(self, notifier: Notifier, metrics: Metrics, spoke: Callable[[float], None] | None) -> None:
        self._notifier = notifier
        self._metrics = metrics
        self._spoke = spoke

    def capacity(self) -> SendCapacity:
        return self._notifier.capacity()

    async def deliver(
        self,
        notice: Notice,
        job: TuningJob,
        snapshots: Sequence[Snapshot],
        record_attempt: Callable[[Place], Awaitable[None]],
    ) -> Delivered | None:
        """See Notifier."""
        began = monotonic()
        try:
            delivered = await self._notifier.deliver(notice, job, snapshots, record_attempt)
        except RetryLater:
            self._metrics.count_notice(notice.kind.value, "again")
            raise
        self._metrics.count_notice(notice.kind.value, "sent")
        if self._spoke is not None:
            self._spoke(began)
        return delivered
