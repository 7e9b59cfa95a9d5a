"""Adds up what tunings cost, by month, person and base model, and writes it as CSV.

A tuning counts in the month in which it was started, in UTC. Where Google says how many tokens it trained on, they
count; else the estimate does. What Google charges for a tuning that failed or was cancelled is not known, and is
never counted as nothing.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar

from bot.domain.jobs import JobState, TuningJob
from bot.domain.names import spreadsheet_cell
from bot.domain.spending import QuestionSum, about_text, cost_of, exact_text, sum_of
from bot.errors import BadArgument
from bot.spending.estimate_text import day_text

Key = TypeVar("Key")


class Basis(StrEnum):
    """What the amount of a tuning rests on."""

    GOOGLE = "tokens that Google counted"
    ESTIMATE = "estimate"
    UNKNOWN = "unknown"
    NOTHING = "nothing was started"


@dataclass(frozen=True, slots=True)
class Spend:
    """What one tuning cost, as far as it is known; `amount` is 0 unless the basis is Google or the estimate."""

    job: TuningJob
    basis: Basis
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of some tunings; `unknown` counts those whose cost is not known and not in the sums.

    `expected` is what those were estimated to cost whose tokens Google has counted.
    """

    tunings: int = 0
    counted: Decimal = Decimal(0)
    estimated: Decimal = Decimal(0)
    unknown: int = 0
    expected: Decimal = Decimal(0)

    @property
    def amount(self) -> Decimal:
        return sum_of(self.counted, self.estimated)


@dataclass(frozen=True, slots=True)
class MonthReport:
    """The spending of one month, and the sums of the months before it, newest first."""

    month: date
    total: Total
    by_person: Mapping[str, Total]
    by_model: Mapping[str, Total]
    earlier: Mapping[date, Total]
    questions: Sequence[QuestionSum] = ()


def google_tokens(job: TuningJob) -> int | None:
    """Return how many tokens Google trained on in all passes; None if it has not said.

    `totalBillableTokenCount` is the “number of billable tokens in the tuning dataset” (tuning_job.proto), which
    may mean one pass or all of them. The reading that is nearer to the estimate counts.
    """
    counted = job.data_stats.billable_tokens if job.data_stats else 0
    if not counted:
        return None
    known = job.spec.estimate
    passes = (known.epochs if known else job.spec.hyperparameters.epochs) or job.epoch or 1
    if known is None or counted * counted >= known.tokens * known.tokens * passes:
        return counted
    return counted * passes


def spend_of(job: TuningJob) -> Spend:
    """Return what a tuning cost."""
    known, tokens = job.spec.estimate, google_tokens(job)
    # A job that was given up in doubt is marked as deleted; nobody knows whether Google started it.
    in_doubt = job.create_sent_at is not None and bool(job.deleted_by)
    if job.state is JobState.FAILED and not job.operation and not in_doubt:
        return Spend(job, Basis.NOTHING, Decimal(0))
    if job.state is JobState.CANCELLED and job.unstarted:
        return Spend(job, Basis.NOTHING, Decimal(0))
    if known is None or known.training_price is None:
        return Spend(job, Basis.UNKNOWN, Decimal(0))
    if tokens is not None:
        return Spend(job, Basis.GOOGLE, cost_of(tokens, known.training_price))
    if job.state in (JobState.FAILED, JobState.CANCELLED, JobState.LOST):
        return Spend(job, Basis.UNKNOWN, Decimal(0))
    return Spend(job, Basis.ESTIMATE, cost_of(known.tokens * known.passes, known.training_price))


def comparison_sentence(job: TuningJob) -> str:
    """Return how the estimate compares with the tokens that Google trained on; empty before Google says it."""
    known, tokens = job.spec.estimate, google_tokens(job)
    if known is None or tokens is None or not job.state.ended:
        return ""
    # Where Google chose the passes, only the tokens of one pass can be compared.
    passes = known.epochs or job.epoch
    if not passes:
        return ""
    estimated = known.tokens * passes
    text = f"I estimated {estimated:,} training tokens; Google counted {tokens:,}{_difference(estimated, tokens)}"
    price = known.training_price
    if price is None:
        return f"{text}."
    before, after = about_text(cost_of(estimated, price)), about_text(cost_of(tokens, price))
    cost = f"{after} by both" if before == after else f"{before} became {after}"
    return f"{text}: {cost}, by a table of {day_text(known.priced_on)}; Google's price may differ."


def _difference(estimated: int, counted: int) -> str:
    """Return ` (12% more)`; empty where there is no difference of one per cent."""
    percent = abs(counted - estimated) * 100 // estimated if estimated else 0
    return f" ({percent:,}% {'more' if counted > estimated else 'fewer'})" if percent else ""


def month_of(time: datetime) -> date:
    return time.astimezone(UTC).date().replace(day=1)


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def months_back(month: date, count: int) -> date:
    """Return the first day of the month so many months earlier; the first month of the calendar at the least."""
    number = max(12, month.year * 12 + month.month - 1 - count)
    return date(number // 12, number % 12 + 1, 1)


def start_of(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def read_month(text: str) -> date:
    """Return the first day of a month such as `2026-11`. Raises BadArgument."""
    match = re.fullmatch(r"([0-9]{4})-([0-9]{2})", text.strip())
    if match and 2000 <= int(match[1]) <= 9998 and 1 <= int(match[2]) <= 12:
        return date(int(match[1]), int(match[2]), 1)
    shown = text if len(text) <= 40 else text[:39] + "…"
    raise BadArgument(f"“{shown}” is not a month.", "Write it like 2026-11.", field="month")


def month_report(jobs: Iterable[TuningJob], month: date, questions: Sequence[QuestionSum] = ()) -> MonthReport:
    """Add up the jobs of this month by person and base model, and those of earlier months by month.

    `questions` are the sums of this month.
    """
    spent = [spend_of(job) for job in jobs]
    now = [each for each in spent if month_of(each.job.created_at) == month]
    before = [each for each in spent if month_of(each.job.created_at) < month]
    return MonthReport(
        month,
        total_of(now),
        _grouped(now, lambda each: each.job.owner),
        _grouped(now, lambda each: _model(each.job)),
        dict(sorted(_by(before, lambda each: month_of(each.job.created_at)).items(), reverse=True)),
        questions,
    )


def total_of(spent: Sequence[Spend]) -> Total:
    """Return the sum."""
    return Total(
        len(spent),
        sum_of(*(each.amount for each in spent if each.basis is Basis.GOOGLE)),
        sum_of(*(each.amount for each in spent if each.basis is Basis.ESTIMATE)),
        sum(each.basis is Basis.UNKNOWN for each in spent),
        sum_of(*(_expected(each.job) for each in spent if each.basis is Basis.GOOGLE)),
    )


def _expected(job: TuningJob) -> Decimal:
    known = job.spec.estimate
    return (known.cost(known.passes) if known else None) or Decimal(0)


def _grouped(spent: Sequence[Spend], key: Callable[[Spend], str]) -> dict[str, Total]:
    """Return the sums by a key, the largest first."""
    return dict(sorted(_by(spent, key).items(), key=lambda item: (-item[1].amount, item[0])))


def _by(spent: Sequence[Spend], key: Callable[[Spend], Key]) -> dict[Key, Total]:
    groups: dict[Key, list[Spend]] = {}
    for each in spent:
        groups.setdefault(key(each), []).append(each)
    return {name: total_of(group) for name, group in groups.items()}


def _model(job: TuningJob) -> str:
    return (job.spec.estimate.base_model if job.spec.estimate else "") or job.spec.base_model


_COLUMNS: Final = (
    *("month", "started_at", "workspace", "channel", "person", "name", "state", "system", "base_model", "epochs"),
    *("estimated_tokens", "estimated_usd", "google_tokens", "google_usd", "usd_per_million", "prices_of", "basis"),
    *("kind", "questions", "questions_of_unknown_price", "input_tokens", "output_tokens"),
)


def spend_csv(jobs: Iterable[TuningJob], questions: Iterable[QuestionSum] = ()) -> str:
    """Return a line for each tuning and each sum of questions, with exact amounts.

    An empty cell is a value that is not known. The questions of one person in one channel to models of one base
    are one line; its `google_usd` leaves out those of unknown price.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for job in jobs:
        writer.writerow(map(spreadsheet_cell, (*_values(job), "tuning", "", "", "", "")))
    for each in questions:
        writer.writerow(map(spreadsheet_cell, _question_values(each)))
    return text.getvalue()


def _values(job: TuningJob) -> Sequence[str]:
    known, tokens, spent = job.spec.estimate, google_tokens(job), spend_of(job)
    epochs = (known.epochs if known else job.spec.hyperparameters.epochs) or job.epoch
    estimated = known.cost(known.passes) if known else None
    return (
        f"{month_of(job.created_at):%Y-%m}",
        job.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        job.place.team,
        job.place.channel,
        job.owner,
        job.name,
        job.state.value,
        job.backend,
        _model(job),
        str(epochs or ""),
        str(known.tokens * known.passes) if known else "",
        "" if estimated is None else exact_text(estimated),
        "" if tokens is None else str(tokens),
        exact_text(spent.amount) if spent.basis is Basis.GOOGLE else "",
        exact_text(known.training_price) if known and known.training_price is not None else "",
        known.priced_on.isoformat() if known else "",
        spent.basis.value,
    )


def _question_values(each: QuestionSum) -> Sequence[str]:
    known = each.questions > each.unknown
    values = {
        "month": f"{each.month:%Y-%m}",
        "workspace": each.team,
        "channel": each.channel,
        "person": each.user,
        "base_model": each.base_model,
        "google_tokens": str(each.input_tokens + each.output_tokens),
        "google_usd": exact_text(each.usd) if known else "",
        "basis": (Basis.GOOGLE if known else Basis.UNKNOWN).value,
        "kind": "questions",
        "questions": str(each.questions),
        "questions_of_unknown_price": str(each.unknown),
        "input_tokens": str(each.input_tokens),
        "output_tokens": str(each.output_tokens),
    }
    return [values.get(column, "") for column in _COLUMNS]
