"""The queue of the bot: a start waits here until Google may be asked to run it, and starts in its turn.

Google runs about one tuning of a project at a time. Whether a start waits is decided in the transaction that
writes its row, and a turn is taken in one transaction too, so however the process dies each job has one place and
starts once. A start that Google refuses because too many tunings run goes back to its place.

`StartRetries` measures when a start that Google has not carried out is tried again, and for how long it was tried.
Its time is monotonic, so that no change of the clock ends a start. The time between two failed tries is kept in
the job's row, so a restart of the bot does not begin the limit anew; it only makes the next try come sooner.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.domain.approval import Approval
from bot.domain.backoff import Backoff
from bot.domain.jobs import Failure, JobState, TuningJob
from bot.errors import Outdated, OverBudget, StorageError, TooManyTunings, UserError
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.clock import Clock
from bot.ports.job_store import Change, JobStore, Standing
from bot.ports.notifier import NoticeKind
from bot.ports.stores import BY_BOT, AuditEntry
from bot.spending.budget_check import check_start

# How long no start is sent after Google refused one because too many tunings run, which may be those of others.
REFUSED_BACKOFF: Final = Backoff(first=30.0, longest=600.0)
# So many that wait are checked at once. One that cannot be started now keeps its place, and the others do not wait
# for it: where none of them can be started, the next ones are checked, up to the limit.
_CHECKED: Final = 20
_MOST_CHECKED: Final = 200
RETRY_BACKOFF: Final = Backoff(first=2.0, longest=120.0)
# A time between two tries counts at most as this share of the limit: a machine that slept tried nothing.
_LARGEST_SHARE: Final = 5


def admit(job: TuningJob, standing: Standing, approval: Approval | None, at_once: int, now: datetime) -> TuningJob:
    """Return the new job as it begins: it waits for its approval, or behind others, or for one that runs.

    Raises OverBudget.
    """
    check_start(job, standing.budgets, standing.month)
    if approval is not None:
        return replace(job, state=JobState.AWAITING_APPROVAL, approval=approval)
    if standing.waiting or (at_once and standing.running >= at_once):
        return replace(job, state=JobState.WAITING, waits_since=now)
    return job


def take_turn(job: TuningJob, checked: TuningJob, standing: Standing, now: datetime) -> Change | None:
    """Begin the start of a job that waited, or end it if a budget was lowered so far; None for any other job.

    `checked` is the job at the prices of this moment. What still waits for a turn or an approval takes nothing of
    the budget here: it comes later.
    """
    if job.state is not JobState.WAITING:
        return None
    job = replace(job, spec=checked.spec)
    others = [each for each in standing.month if each.key != job.key and not each.state.in_bot]
    try:
        check_start(job, standing.budgets, others)
    except OverBudget:
        # The card is read by others, who need not know the amounts.
        failure = Failure(
            0,
            "While it waited for its turn, a budget of this month became too small for it, so I do not send it to "
            "Google.",
            "See /tune budget. Owners and administrators of this workspace can raise it.",
            passing=True,
        )
        ended = replace(job, state=JobState.FAILED, failure=failure, ended_at=now, problem="")
        act = AuditEntry(BY_BOT, "end a start over its budget", now, job.place.channel)
        return Change(ended, notices=(NoticeKind.CARD, NoticeKind.ENDED), acts=(act,))
    return Change(replace(job, state=JobState.SUBMITTING, problem=""), notices=(NoticeKind.CARD,))


def end_unsent(job: TuningJob, error: UserError, now: datetime) -> Change | None:
    """End a start that may not be made any more; None for one that was sent, cancelled, or waits for approval."""
    if not job.unsent or job.cancelled_by or job.state is JobState.AWAITING_APPROVAL:
        return None
    again = isinstance(error, Outdated)
    failure = Failure(
        0,
        f"I do not send it to Google, by a check right before its start. {error.message}",
        error.hint if again else "Somebody who may tune can start it again with /tune.",
        passing=again,
    )
    ended = replace(job, state=JobState.FAILED, failure=failure, ended_at=now, problem="", search=None)
    act = AuditEntry(BY_BOT, "end a start that may not be made any more", now, job.place.channel)
    return Change(ended, notices=(NoticeKind.CARD, NoticeKind.ENDED), acts=(act,))


def step_after(error: UserError, now: datetime) -> Callable[[TuningJob], Change | None]:
    """Return what follows from an error of the check of a start that was not sent."""
    return partial(hold, error=error) if error.passing else partial(end_unsent, error=error, now=now)


def hold(job: TuningJob, error: UserError) -> Change | None:
    """Let a start wait, and write why; None for one that is no longer to be sent, or that says so already.

    One that an earlier process began takes its place in the queue again, so that it takes nobody's turn meanwhile.
    """
    if not job.unsent or job.cancelled_by or job.state is JobState.AWAITING_APPROVAL:
        return None
    # It may stay for hours where another start got the turn, so it says when it was true.
    words = "I did not send it to Google at my last try, and I try it again by myself."
    after = replace(
        job,
        state=JobState.WAITING,
        waits_since=job.waits_since or job.created_at,
        problem=f"{words} The reason then: {error.message}",
    )
    return None if after == job else Change(after, notices=(NoticeKind.CARD,))


def wait_again(job: TuningJob, error: TooManyTunings, now: datetime) -> Change | None:
    """Put a start back into the queue that Google certainly did not carry out; None if it is open no longer.

    It keeps its place, and one that never waited is behind those that do.
    """
    if job.state is not JobState.SUBMITTING:
        return None
    if job.cancelled_by:
        after = replace(job, state=JobState.CANCELLED, create_sent_at=None, ended_at=now, problem="", search=None)
        return Change(after, notices=(NoticeKind.CARD, NoticeKind.ENDED))
    after = replace(
        job,
        state=JobState.WAITING,
        waits_since=job.waits_since or now,
        create_sent_at=None,
        resumes=0,
        search=None,
        problem=f"Google runs no further tuning now, and I try it again by myself. The reason: {error.message}",
    )
    return Change(after, notices=(NoticeKind.CARD,))


# Returns the job at the prices of this moment. Raises UserError, a passing one where the check cannot decide now.
CheckTurn = Callable[[TuningJob], Awaitable[TuningJob]]


@dataclass(frozen=True, slots=True)
class _Refused:
    """How often Google refused starts of a backend one after the other, and when the next one may be sent."""

    times: int
    until: float


class StartQueue:
    """Gives turns, and keeps in memory for which backends Google has said that it runs no further tuning."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        jobs: JobStore,
        clock: Clock,
        backoff: Backoff = REFUSED_BACKOFF,
    ) -> None:
        self._backends = backends
        self._jobs = jobs
        self._clock = clock
        self._backoff = backoff
        self._refused: dict[str, _Refused] = {}

    def refused(self, backend: str) -> None:
        """Send no start of this backend for a while, because Google runs no further tuning of the project."""
        times = self._refused[backend].times if backend in self._refused else 0
        pause = self._backoff.pause(times, self._backoff.longest)
        self._refused[backend] = _Refused(times + 1, self._clock.monotonic() + pause)

    def started(self, backend: str) -> None:
        """Google has taken a start of this backend, so the next one need not be held back."""
        self._refused.pop(backend, None)

    async def turns(self, check: CheckTurn, mark: Callable[[str], None]) -> Sequence[TuningJob]:
        """Begin or end the jobs whose turn it is, and return them; see `take_turn`.

        `check` says whether each may still start, `mark` gets each key before its row changes. After a refusal of
        Google's one start at a time is tried. What waits for a backend that is not offered any more ends, since
        it would never get a turn. Raises StorageError.
        """
        changed: list[TuningJob] = []
        for name in await self._jobs.waiting_backends():
            if name not in self._backends:
                for job in await self._jobs.next_turns(name, 0, _CHECKED):
                    await self._checked(job, self._check_offered, changed)
        for name, backend in self._backends.items():
            refused = self._refused.get(name)
            if refused is not None and self._clock.monotonic() < refused.until:
                continue
            at_once = backend.profile.tunings_at_once
            ready = await self._ready(name, at_once, check, changed)
            if refused is not None:
                ready = dict(list(ready.items())[:1])

            def step(job: TuningJob, standing: Standing, ready: Mapping[str, TuningJob] = ready) -> Change | None:
                mark(job.key)
                return take_turn(job, ready[job.key], standing, self._clock.now())

            if ready:
                changed += await self._jobs.take_turns(name, at_once, ready.keys(), step)
        return changed

    async def _check_offered(self, job: TuningJob) -> TuningJob:
        offered_backend(self._backends, job.backend)
        return job

    async def _ready(
        self, backend: str, at_once: int, check: CheckTurn, changed: list[TuningJob]
    ) -> dict[str, TuningJob]:
        """Return by key the first jobs in the queue that may start now, empty where no more may run."""
        seen: set[str] = set()
        while len(seen) < _MOST_CHECKED:
            waiting = await self._jobs.next_turns(backend, at_once, len(seen) + _CHECKED)
            waiting = [job for job in waiting if job.key not in seen]
            checked = await asyncio.gather(*(self._checked(job, check, changed) for job in waiting))
            ready = {job.key: job for job in checked if job is not None}
            if ready or not waiting:
                return ready
            seen |= {job.key for job in waiting}
        return {}

    async def _checked(self, job: TuningJob, check: CheckTurn, changed: list[TuningJob]) -> TuningJob | None:
        """Return the job as it may start; None for one that ends, and for one that cannot be judged now."""
        try:
            return await check(job)
        except StorageError:
            raise
        except UserError as error:
            step = step_after(error, self._clock.now())
            # Another check may have given it its turn meanwhile.
            waits = JobState.WAITING
            after = await self._jobs.change(job.key, lambda row: step(row) if row.state is waits else None)
            changed += [after] if after is not None and after != job else []
        return None


@dataclass(frozen=True, slots=True)
class _Tries:
    """How many tries failed in this process, when the last one did and when the next one is due."""

    failed: int
    last: float
    due: float


class StartRetries:
    """Keeps in memory which starts failed in this process; `limit` is the time after which a start is given up."""

    def __init__(self, clock: Clock, limit: timedelta, backoff: Backoff = RETRY_BACKOFF) -> None:
        self._clock = clock
        self._most = limit.total_seconds() / _LARGEST_SHARE
        self._backoff = backoff
        self._tries: dict[str, _Tries] = {}

    def tried(self, key: str) -> bool:
        """Return whether this process has tried this start and was refused."""
        return key in self._tries

    def due(self, key: str) -> bool:
        """Return whether the next try may begin."""
        tries = self._tries.get(key)
        return tries is None or self._clock.monotonic() >= tries.due

    def failed(self, key: str, at_least: float = 0.0) -> float:
        """Count a failed try; returns the seconds since the one before, 0 for the first of this process.

        `at_least` is a lower limit in seconds for the wait until the next try.
        """
        now = self._clock.monotonic()
        before = self._tries.get(key) or _Tries(0, now, now)
        longest = self._backoff.longest
        pause = self._backoff.pause(before.failed, longest, min(at_least, longest))
        self._tries[key] = replace(before, failed=before.failed + 1, last=now, due=now + pause)
        return min(now - before.last, self._most)

    def forget(self, key: str) -> None:
        """Delete what is kept about a start that Google has, or that has ended."""
        self._tries.pop(key, None)
