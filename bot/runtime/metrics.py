"""The bot's metrics for Prometheus, in a registry of their own.

Nothing here decides or sends anything. Labels are states, kinds and statuses, never names of people or jobs.
"""

import collections
import platform
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, perf_counter
from typing import Final

import httpx
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric

from bot.domain.jobs import JobState, OpenJob, Snapshot, TuningJob
from bot.domain.place import Place
from bot.errors import RetryLater
from bot.ports.notifier import Delivered, Notice, NoticeKind, Notifier, SendCapacity
from bot.runtime.google_calls import CALLS, call_name

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_ACK_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 3.0)
_REQUESTS: Final = (0, 1, 2, 5, 10, 20, 50, 100, 1_000, 10_000)

# The number of requests of the current polling round; tasks that a round starts inherit it.
_ROUND: ContextVar[list[int] | None] = ContextVar("round", default=None)


BACKUP_OUTCOMES: Final = ("made", "failed")
QUESTION_OUTCOMES: Final = ("accepted", "answered", "settled")
NOTICE_OUTCOMES: Final = ("sent", "again")
SLACK_METHODS: Final = ("auth.test", "apps.connections.open", "chat.postMessage", "chat.update", "views.open")
_BEGAN: Final = "tunebot.began"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name without `_total`, its type, its meaning, its labels."""

    name: str
    type: str
    meaning: str
    labels: tuple[str, ...]


class Metrics:
    """All metrics of one process. Every series whose labels are known beforehand is there from the start."""

    def __init__(self, version: str = "", backends: Sequence[str] = ()) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build = Gauge("tunebot_build_info", "1, with the version.", ["version", "python"], registry=registry)
        build.labels(version, platform.python_version()).set(1)
        self._rounds = Histogram(
            "tunebot_polling_round_duration_seconds",
            "Rounds of polling, by length.",
            buckets=_SECONDS,
            registry=registry,
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
        self._last_round = Gauge(
            "tunebot_polling_last_success_timestamp_seconds",
            "When the last round without an error ended; 0 before the first one.",
            registry=registry,
        )
        self._open_jobs = Gauge(
            "tunebot_open_jobs", "Jobs that have not ended.", ["backend", "state"], registry=registry
        )
        self._ended = Counter(
            "tunebot_jobs_ended", "Jobs that ended, by outcome.", ["backend", "outcome"], registry=registry
        )
        self._billed = Counter(
            "tunebot_billed_tokens", "Tokens that Google says it trained on.", ["backend"], registry=registry
        )
        self._questions = Counter(
            "tunebot_questions",
            "Questions: accepted, answered by a model, settled (posted or given up).",
            ["outcome"],
            registry=registry,
        )
        self._first_words = Histogram(
            "tunebot_first_word_duration_seconds",
            "Questions, by the time until the first word of the answer was in Slack.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._pending = Gauge(
            "tunebot_outbox_pending", "Notices that are not sent to Slack yet.", registry=registry
        )
        self._oldest = Gauge(
            "tunebot_outbox_oldest_age_seconds", "The age of the oldest of them.", registry=registry
        )
        self._notices = Counter(
            "tunebot_notices",
            "Deliveries of notices to Slack: sent, or again (retried later).",
            ["kind", "outcome"],
            registry=registry,
        )
        self._acks = Histogram(
            "tunebot_acknowledgement_duration_seconds",
            "Slack's requests, by the time until they were acknowledged.",
            buckets=_ACK_SECONDS,
            registry=registry,
        )
        self._answers = Counter(
            "tunebot_google_requests",
            "Requests to Google, by API, method and HTTP status; none where no answer came.",
            ["api", "method", "status"],
            registry=registry,
        )
        self._latencies = Histogram(
            "tunebot_google_request_duration_seconds",
            "Google's answers, by the time until their headers came.",
            ["api"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._slack_calls = Counter(
            "tunebot_slack_calls",
            "Calls of Slack's Web API, by method and Slack's error; empty where there was none.",
            ["method", "error"],
            registry=registry,
        )
        self._connected = Gauge(
            "tunebot_slack_connected", "1 while Slack can reach the bot, else 0.", registry=registry
        )
        self._sockets = Counter("tunebot_slack_sockets", "Sockets opened to Slack.", registry=registry)
        self._backups = Counter(
            "tunebot_backups",
            "Copies of the database on the schedule of TUNEBOT_BACKUP_TO: made, or failed.",
            ["outcome"],
            registry=registry,
        )
        self._backends = tuple(backends)
        self._begin_series()

    def _begin_series(self) -> None:
        """Make each series whose labels are known, so that it is 0 and not absent before the first event."""
        for backend in self._backends:
            self._billed.labels(backend)
            for state in (state for state in JobState if state.ended):
                self._ended.labels(backend, state.value)
        self.open_jobs(())
        for outcome in QUESTION_OUTCOMES:
            self._questions.labels(outcome)
        for kind in NoticeKind:
            for outcome in NOTICE_OUTCOMES:
                self._notices.labels(kind.value, outcome)
        for api, method in CALLS:
            self._answers.labels(api, method, "200")
            self._latencies.labels(api)
        for outcome in BACKUP_OUTCOMES:
            self._backups.labels(outcome)
        for called in SLACK_METHODS:
            self._slack_calls.labels(called, "")

    def families(self) -> list[Family]:
        """Return each metric by its name, its type and its meaning, without those of the process itself."""
        return [
            Family(found.name, found.type, found.documentation, tuple(_labels_of(found)))
            for found in self._registry.collect()
            if found.name.startswith("tunebot_")
        ]

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

    def polled(self, at: datetime) -> None:
        """Note when a round ended without an error."""
        self._last_round.set(at.timestamp())

    def open_jobs(self, jobs: Sequence[OpenJob]) -> None:
        """Set how many jobs are open now."""
        self._open_jobs.clear()
        for backend in self._backends:
            for state in (state for state in JobState if not state.ended):
                self._open_jobs.labels(backend, state.value)
        for (backend, state), number in collections.Counter((job.backend, job.state) for job in jobs).items():
            self._open_jobs.labels(backend, state.value).set(number)

    def waiting(self, pending: int, oldest_seconds: float) -> None:
        """Set how many notices wait in the outbox, and for how long the oldest has waited."""
        self._pending.set(pending)
        self._oldest.set(oldest_seconds)

    def transition(self, before: TuningJob | None, after: TuningJob) -> None:
        """Count the end of a job between these two rows, and the tokens that Google then says it trained on."""
        if after.state.ended and (before is None or before.state is not after.state):
            self._ended.labels(after.backend, after.state.value).inc()
        known = before.data_stats.billable_tokens if before is not None and before.data_stats else 0
        now = after.data_stats.billable_tokens if after.data_stats else 0
        if now and now > known:
            self._billed.labels(after.backend).inc(now - known)

    def question(self, outcome: str) -> None:
        """Count a question; `outcome` is one of QUESTION_OUTCOMES."""
        self._questions.labels(outcome).inc()

    def first_word(self, seconds: float) -> None:
        """Measure the time from a question to the first word of its answer in Slack."""
        self._first_words.observe(seconds)

    def slack_call(self, method: str, error: str) -> None:
        """Count a call of Slack's Web API; `error` is Slack's code, empty for none."""
        self._slack_calls.labels(method, error).inc()

    def count_notice(self, kind: str, outcome: str) -> None:
        self._notices.labels(kind, outcome).inc()

    def backup(self, made: bool) -> None:
        """Count a copy of the database that was made on schedule, or that failed."""
        self._backups.labels(BACKUP_OUTCOMES[not made]).inc()

    def acknowledged(self, seconds: float) -> None:
        self._acks.observe(seconds)

    def connected(self, now: bool) -> None:
        self._connected.set(now)

    def socket_opened(self) -> None:
        self._sockets.inc()

    @property
    def google_hooks(self) -> dict[str, list[Callable[..., Awaitable[None]]]]:
        """Return event hooks that count requests to Google and its answers: httpx's two, and `error`."""
        return {
            "request": [self._google_asked],
            "response": [self._google_answered],
            "error": [self._google_silent],
        }

    async def _google_asked(self, request: httpx.Request) -> None:
        request.extensions[_BEGAN] = perf_counter()
        if (requests := _ROUND.get()) is not None:
            requests[0] += 1

    async def _google_answered(self, response: httpx.Response) -> None:
        request = response.request
        api, method = call_name(request.method, request.url.path)
        self._answers.labels(api, method, str(response.status_code)).inc()
        if (began := request.extensions.get(_BEGAN)) is not None:
            self._latencies.labels(api).observe(perf_counter() - began)

    async def _google_silent(self, request: httpx.Request) -> None:
        self._answers.labels(*call_name(request.method, request.url.path), "none").inc()


def _labels_of(family: Metric) -> list[str]:
    """Return the labels of a family, without those that a histogram's own series have."""
    return sorted({name for sample in family.samples for name in sample.labels} - {"le"})


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
