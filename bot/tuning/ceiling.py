"""The limit of a running tuning: after so many hours or so much money it is cancelled by the bot itself.

What a tuning has cost so far is known only where Google says its epoch: the tokens of one pass, times the passes
so far, times the price. Google may choose far more passes than were estimated, which this limit ends.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from bot.domain.jobs import JobState, TuningJob
from bot.domain.operations import Operation
from bot.domain.spending import cost_of


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that a running tuning may take; None for no limit."""

    after: timedelta | None = None
    usd: Decimal | None = None

    def reached(self, job: TuningJob, seen: Operation, now: datetime) -> bool:
        """Return whether a job that Google runs has reached a limit. Time in Google's queue does not count."""
        if seen.state is not JobState.RUNNING:
            return False
        began = seen.started_at or job.started_at or job.create_sent_at
        if self.after is not None and began is not None and now - began >= self.after:
            return True
        cost = _cost_so_far(job, seen)
        return self.usd is not None and cost is not None and cost >= self.usd


NO_CEILING: Final = Ceiling()


def _cost_so_far(job: TuningJob, seen: Operation) -> Decimal | None:
    known, epoch = job.spec.estimate, seen.epoch or job.epoch
    if known is None or known.training_price is None or not epoch:
        return None
    return cost_of(known.tokens * epoch, known.training_price)
