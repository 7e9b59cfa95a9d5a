"""Asks Google to cancel the jobs that a person cancelled, once a minute until they have ended.

The job's row says `cancelled_by` before Google is asked, so a crash cannot lose the request. Cancelling is best
effort at Google (google/cloud/aiplatform/v1/genai_tuning_service.proto, `CancelTuningJob`), its answer may be
lost, and a request that is refused now may succeed after an administrator changed a permission. In all these cases
the request is repeated, and the card shows Google's error. The time of the last request is kept in memory only, so
the first poll after a start repeats it at once.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from bot.domain.jobs import TuningJob
from bot.errors import BotError, NotAuthenticated, PermissionDenied
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.clock import Clock
from bot.ports.job_store import JobStore
from bot.tuning.transitions import cancellation_unconfirmed

logger = logging.getLogger(__name__)

ASKED_AGAIN_AFTER: Final = timedelta(minutes=1)
_UNREADABLE: Final = BotError("Its answer could not be read.")


class Cancellations:
    """Sends cancellations to Google and keeps the error of the last request of each job."""

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
        """Return a sentence on why Google has not confirmed the cancellation, empty if nothing failed."""
        return self._problems.get(key, "")

    async def ask(self, job: TuningJob) -> None:
        """Ask Google to cancel a job that is marked as cancelled, unless it was asked within the last minute.

        Writes an error of Google's to the job instead of raising it: the request will be repeated.
        Raises StorageError.
        """
        if not self._due(job.key):
            return
        # Set before the call, so that a second click during the call does not send a second request.
        self._asked[job.key] = self._clock.now()
        try:
            await offered_backend(self._backends, job.backend).cancel(job)
        except BotError as error:
            logger.warning("the cancellation of %s is unconfirmed: %s", job.key, error)
            await self._record(job.key, _problem(error))
        except Exception:
            logger.exception("the cancellation of %s failed unexpectedly", job.key)
            await self._record(job.key, _problem(_UNREADABLE))
        else:
            await self._record(job.key, "")

    async def ask_again(self, jobs: Sequence[TuningJob], limit: int) -> None:
        """Repeat the requests that are due, at most `limit`, longest waiting first. Raises StorageError."""
        never = datetime.min.replace(tzinfo=UTC)
        due = sorted((job.key for job in jobs if self._due(job.key)), key=lambda key: self._asked.get(key, never))
        if due:
            # The rows may have changed while Google was polled.
            newest = await self._jobs.with_keys(due[:limit])
            await asyncio.gather(*(self.ask(job) for job in newest if job.cancelled_by and not job.state.ended))

    def forget(self, key: str) -> None:
        """Delete what is kept in memory about a job that has ended."""
        self._asked.pop(key, None)
        self._problems.pop(key, None)

    def _due(self, key: str) -> bool:
        last = self._asked.get(key)
        # After the clock was set back, one request comes too early instead of hours too late.
        return last is None or not timedelta() <= self._clock.now() - last < ASKED_AGAIN_AFTER

    async def _record(self, key: str, problem: str) -> None:
        before = self.problem(key)
        if problem == before:
            return
        self._problems[key] = problem
        await self._jobs.change(key, partial(cancellation_unconfirmed, problem=problem, before=before))
        self._wake_sender()


def _problem(error: BotError) -> str:
    """Return Google's reason as sentences. A hint for an administrator stays; the bot itself retries."""
    reason = error.message if error.message.endswith((".", "!", "?", "…")) else f"{error.message}."
    hint = f" {error.hint}" if isinstance(error, PermissionDenied | NotAuthenticated) else ""
    return f"Google has not confirmed the cancellation: {reason}{hint} I ask again every minute."
