"""Money and turns, counted from outside: what Google trains and in which order it was asked, against our rows.

The arithmetic is written again here, and nothing of the bot is imported: a fault in it must not hide itself.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from bot.sandbox.google import GoogleStandIn

LABEL: Final = "tunebot-job"
NEVER_SENT: Final = ("failed", "cancelled")
_QUERY: Final = """
SELECT key, name, backend, state, channel, owner, operation, waits_since, spec, data_stats FROM jobs ORDER BY rowid
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One of our rows: `highest` is what it may cost, None if that is not known, `billed` are Google's tokens."""

    key: str
    name: str
    backend: str
    state: str = "succeeded"
    channel: str = ""
    owner: str = ""
    operation: str = "operations/1"
    waits_since: int | None = None
    highest: Decimal | None = None
    price: Decimal = Decimal(0)
    billed: int = 0

    @property
    def taken(self) -> Decimal:
        """What it takes of a budget: what Google billed, else the most that it may cost; 0 if never sent."""
        if self.state in NEVER_SENT and not self.operation:
            return Decimal(0)
        return self.billed * self.price if self.billed else (self.highest or Decimal(0))


@dataclass(frozen=True, slots=True)
class Tuning:
    """One job at Google: from when to when it ran, None while it does, and how many passes it makes."""

    key: str
    system: str
    created: float
    ended: float | None
    passes: int = 1
    phase: str = "succeeded"


def read_entries(database: Path) -> list[Entry]:
    """Read our rows in the order in which they were written. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return [_entry(*row) for row in connection.execute(_QUERY)]


def _entry(
    key: str, name: str, backend: str, state: str, channel: str, owner: str, operation: str,
    waits_since: int | None, spec: str, stats: str | None,
) -> Entry:  # fmt: skip
    known = json.loads(spec).get("estimate") or {}
    price = known.get("training_price")
    highest = None
    if price is not None:
        passes = known["epochs"] or known["suggested"]
        tokens = Decimal(known["tokens"] * passes * (100 + known["error_percent"])) / 100
        highest = tokens * Decimal(price) / 1_000_000
    billed = json.loads(stats).get("billable_tokens", 0) if stats else 0
    each = Decimal(price or 0) / 1_000_000
    return Entry(key, name, backend, state, channel, owner, operation, waits_since, highest, each, billed)


def read_tunings(google: GoogleStandIn) -> list[Tuning]:
    """Read all jobs at Google in the order in which it was asked for them."""
    return [
        Tuning(
            job.key or job.labels.get(LABEL, ""),
            job.system,
            job.created,
            None if job.phase in ("queued", "pending", "running") else job.ended,
            job.training_task.epochs,
            job.phase,
        )
        for job in google.jobs.all
    ]


def wrong_turns(
    entries: Iterable[Entry], tunings: Iterable[Tuning], at_once: Mapping[str, int], excused: Collection[str]
) -> Iterator[str]:
    """Say where Google ran more tunings than may run, or was asked for one before one that waited longer.

    `excused` are the keys of the jobs that a backup that was put back did not know, or knew less about.
    """
    rows = {entry.key: entry for entry in entries}
    places = {key: place for place, key in enumerate(rows)}
    for system, most in at_once.items():
        asked = [each for each in tunings if each.system == system and each.key not in excused]
        for number, later in enumerate(asked):
            earlier = asked[:number]
            beside = [each for each in earlier if each.ended is None or each.ended > later.created]
            if len(beside) >= most:
                yield f"{later.key} was started while {len(beside)} others ran, and {most} may run"
            for each in earlier if most == 1 else ():
                first, second = rows.get(later.key), rows.get(each.key)
                # A clock that was set changes one order, and a late approval the other.
                if first is None or second is None or places[later.key] > places[each.key]:
                    continue
                if first.waits_since is not None and first.waits_since < (second.waits_since or 0):
                    yield f"{later.key} waited longer than {each.key} and was started after it"


def over_budget(
    entries: Iterable[Entry], budgets: Mapping[str, Decimal], excused: Collection[str]
) -> Iterator[str]:
    """Say which budgets, by channel or person, are passed by what is spent and reserved."""
    counted = [entry for entry in entries if entry.key not in excused]
    for subject, usd in budgets.items():
        bound = [entry for entry in counted if subject in (entry.channel, entry.owner)]
        if (taken := sum((entry.taken for entry in bound), Decimal(0))) > usd:
            parts = ", ".join(f"{entry.name} {entry.state} {entry.taken:f}" for entry in bound)
            yield f"{taken:f} of the budget of {usd} for {subject} is spent or reserved: {parts}"


def wrong_money(
    entries: Iterable[Entry],
    tunings: Iterable[Tuning],
    tokens: int,
    budgets: Mapping[str, Decimal],
    excused: Collection[str],
) -> Iterator[str]:
    """Say where our books hold other money than Google's; `tokens` are those of one pass over the file of all."""
    rows = {entry.key: entry for entry in entries}
    at_google: dict[str, Decimal] = {}
    for tuning in tunings:
        row = rows.get(tuning.key)
        if row is None or tuning.system != "vertex":
            continue
        billed = tokens * tuning.passes
        if tuning.phase == "succeeded" and row.billed != billed:
            yield f"Google billed {billed} tokens for {row.name}, and the row says {row.billed}"
        if tuning.key not in excused:
            for subject in (row.channel, row.owner):
                at_google[subject] = at_google.get(subject, Decimal(0)) + billed * row.price
    for subject, usd in budgets.items():
        if at_google.get(subject, Decimal(0)) > usd:
            yield f"Google was paid {at_google[subject]:f} of the budget of {usd} for {subject}"
