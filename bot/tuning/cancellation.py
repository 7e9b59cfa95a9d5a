"""Asks Google to stop the jobs that somebody wants stopped, again and again until they have ended.

The job's row is the promise: it is written before Google is asked, and whoever looks at the job next keeps it.
Google takes a cancellation at its best effort only, its answer may be lost, and what it refuses now it may take
once an administrator has helped. One way leads on from all of these: ask again, with Google's words on the card.
When this process asked last is remembered in memory only, so that the first look after a start asks at once.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from bot.domain.jobs import TuningJob
from bot.errors import BotError, NotAuthenticated, PermissionDenied
from bot.ports.backends import TuningBackend
from bot.ports.clock import Clock
from bot.ports.registry import offered_backend
from bot.ports.stores import JobStore
from bot.tuning.transitions import cancellation_unconfirmed

logger = logging.getLogger(__name__)

ASKED_AGAIN_AFTER: Final = timedelta(minutes=1)
_UNREADABLE: Final = BotError("Its answer could not be read.")


class Cancellations:
    """Sends cancellations to Google and remembers what it said to each."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        jobs: JobStore,
        clock: Clock,
        wake_sender: Callable[[], None],
    ) -> None:
        self._backends = backends
        self._jobs = jobs
        self._clock = clock
        self._wake_sender = wake_sender
        self._asked: dict[str, datetime] = {}
        self._problems: dict[str, str] = {}

    def problem(self, key: str) -> str:
        """Why Google has not confirmed the job's cancellation, in words for its card, or nothing."""
        return self._problems.get(key, "")

    async def ask(self, job: TuningJob) -> None:
        """Ask for a job that is marked, unless that was done within the last minute.

        What goes wrong is written to the job, not raised: it will be asked again.
        """
        if not self._due(job.key):
            return
        # Noted before the call: whoever comes while it is under way need not ask beside it.
        self._asked[job.key] = self._clock.now()
        try:
            await offered_backend(self._backends, job.backend).cancel(job)
        except BotError as error:
            logger.warning("the cancellation of %s is unconfirmed: %s", job.key, error)
            await self._note(job.key, _words(error))
        except Exception:
            logger.exception("the cancellation of %s failed unexpectedly", job.key)
            await self._note(job.key, _words(_UNREADABLE))
        else:
            await self._note(job.key, "")

    async def ask_again(self, seen: Sequence[TuningJob], most: int) -> None:
        """Ask for those of the jobs whose turn it is, at most so many at once; who waited longest comes first."""
        never = datetime.min.replace(tzinfo=UTC)
        due = sorted((job.key for job in seen if self._due(job.key)), key=lambda key: self._asked.get(key, never))
        if due:
            # Read anew, since the look at Google took its time.
            jobs = await self._jobs.with_keys(due[:most])
            await asyncio.gather(*(self.ask(job) for job in jobs if job.cancelled_by and not job.state.ended))

    def forget(self, key: str) -> None:
        """The job has ended."""
        self._asked.pop(key, None)
        self._problems.pop(key, None)

    def _due(self, key: str) -> bool:
        last = self._asked.get(key)
        # A clock that was set back asks too early once, instead of too late by as much.
        return last is None or not timedelta() <= self._clock.now() - last < ASKED_AGAIN_AFTER

    async def _note(self, key: str, problem: str) -> None:
        before = self.problem(key)
        if problem == before:
            return
        self._problems[key] = problem
        await self._jobs.change(key, partial(cancellation_unconfirmed, problem=problem, before=before))
        self._wake_sender()


def _words(error: BotError) -> str:
    """Google's reason; what an administrator can do stays, what a person should try is done without them."""
    reason = error.message if error.message.endswith((".", "!", "?", "…")) else f"{error.message}."
    hint = f" {error.hint}" if isinstance(error, PermissionDenied | NotAuthenticated) else ""
    return f"Google has not confirmed the cancellation: {reason}{hint} I ask again every minute."
