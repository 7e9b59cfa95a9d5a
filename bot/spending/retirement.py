"""Says when a model's base retires, and which of the notices before that is due.

A tuned model is served by its base, so it ends with it. The dates are those of the table of prices; Google may
move them, so a sentence that names one also names the date of the table.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import TuningJob
from bot.ports.clock import Clock
from bot.ports.diagnosis import Check, Diagnosis, good, limited, unknown
from bot.spending.estimate_text import day_text
from bot.spending.price_table import PriceTable

TOLD_BEFORE: Final = (120, 90, 60, 31, 14)  # days


@dataclass(frozen=True, slots=True)
class Retirement:
    """When a base model retires, by the table of `as_of`; `or_later` says that it is the earliest date."""

    base_model: str
    retires: date
    or_later: bool
    tuning_closes: date
    as_of: date

    def sentence(self, today: date) -> str:
        """Return both dates as plain sentences."""
        later = " or later" if self.or_later else ""
        when = "retired" if self.retires <= today and not self.or_later else "retires"
        closing = "closed" if self.tuning_closes <= today else "closes"
        return (
            f"{self.base_model} {when} on {day_text(self.retires)}{later}, and tuning on it {closing} on "
            f"{day_text(self.tuning_closes)} (by a table of {day_text(self.as_of)})."
        )


def retirement_of(base_model: str, prices: PriceTable) -> Retirement | None:
    """Return when the base model retires; None if the table has no date."""
    row = prices.row(base_model)
    if row.retires is None or row.tuning_closes is None:
        return None
    return Retirement(
        base_model.removeprefix("models/"), row.retires, row.or_later, row.tuning_closes, prices.as_of
    )


def utc_day(clock: Clock) -> date:
    """Return today's date in UTC, the day to which a date of the table is compared."""
    return clock.now().astimezone(UTC).date()


def base_of(job: TuningJob) -> str:
    """Return the base model that serves the job's model; empty if it is not known."""
    known = job.spec.estimate.base_model if job.spec.estimate else ""
    return known or ("" if "/" in job.spec.base_model else job.spec.base_model)


def due_notice(retirement: Retirement, today: date, told: int | None) -> int | None:
    """Return the notice that is due, as its number of days before; None if none is, or if it was told.

    One more than those of TOLD_BEFORE is due on the day on which tuning on the base model closes. Where several
    were missed, only the last of them is due. None is due after the day itself.
    """
    left = (retirement.retires - today).days
    closing = (retirement.retires - retirement.tuning_closes).days
    passed = [days for days in (*TOLD_BEFORE, closing) if 0 <= left <= days]
    if not passed or (told is not None and told <= min(passed)):
        return None
    return min(passed)


@dataclass(frozen=True, slots=True)
class Successor:
    """A base model on which to tune a job's file again, and its backend; `title` is empty for the job's own.

    `moves` says that Google can be asked to move the model there.
    """

    backend: str
    base_model: str
    title: str = ""
    moves: bool = False

    @property
    def text(self) -> str:
        """The base model, with the name of its system where that is another one than the job's."""
        return f"{self.base_model} ({self.title})" if self.title else self.base_model


def successor_of(
    job: TuningJob, profiles: Iterable[BackendProfile], prices: PriceTable, now: datetime
) -> Successor | None:
    """Return on what to tune in place of the job's base model, of its own backend first; None if nothing is known.

    A backend on which Google no longer trains has none.
    """
    offered = [profile for profile in profiles if profile.trains_today]
    for profile in sorted(offered, key=lambda profile: profile.name != job.backend):
        if base_model := prices.successor(profile.base_models, base_of(job), now):
            own = profile.name == job.backend
            moves = own and profile.moves_tuned_models and bool(job.tuned_model)
            return Successor(profile.name, base_model, "" if own else profile.title, moves)
    return None


def retirement_sentences(base_models: Sequence[str], prices: PriceTable, today: date) -> list[str]:
    """Return a sentence for each of these base models whose date is known, the first to retire first."""
    known = [found for name in base_models if (found := retirement_of(name, prices)) is not None]
    return [found.sentence(today) for found in sorted(known, key=lambda found: found.retires)]


def closed_sentence(base_model: str, prices: PriceTable, today: date) -> str:
    """Return a sentence if tuning on the base model has closed by the table's dates; empty if not."""
    found = retirement_of(base_model, prices)
    return found.sentence(today) if found is not None and found.tuning_closes <= today else ""


def retirement_check(base_models: Sequence[str], prices: PriceTable, today: Callable[[], date]) -> Check:
    """Return the check of when the offered base models retire."""

    async def run() -> Diagnosis:
        known = [found for name in base_models if (found := retirement_of(name, prices)) is not None]
        closed = [found for found in known if found.tuning_closes <= today()]
        if not known:
            return unknown("The table of prices has no date for any of the base models.", _TABLE)
        fact = " ".join(retirement_sentences(base_models, prices, today()))
        if closed:
            names = ", ".join(found.base_model for found in closed)
            return limited(fact, f"Leave {names} out of TUNEBOT_BASE_MODELS.")
        return good(fact)

    return Check("google.retirement", "Retirement", run)


_TABLE: Final = "tunebot prices > my-prices.toml; add `retires = ...`; set TUNEBOT_PRICES=my-prices.toml"
