"""The ledger of a run: Google's jobs, our rows and what people read in Slack, each counted on its own.

Read from outside, from what each party holds itself: nothing here asks the bot.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import Message, SlackStandIn
from tests.faults.books import LABEL
from tests.faults.bystanders import Bystanders
from tests.faults.spenders import Spenders

OPEN: Final = ("awaiting approval", "waiting", "submitting", "queued", "running")
_PHASES: Final = {"succeeded": "done", "failed": "failed", "cancelled": "cancelled"}


@dataclass(frozen=True, slots=True)
class Row:
    """A job as the bot remembers it."""

    key: str
    name: str
    state: str
    operation: str
    card: str
    cancelled_by: str = ""
    owner: str = ""

    @property
    def never_started(self) -> bool:
        """Failed or cancelled before Google had it."""
        return self.state in ("failed", "cancelled") and not self.operation


@dataclass(slots=True)
class Ledger:
    """What was found; `wrong` says what does not balance, one line each."""

    rows: list[Row]
    pending: int
    undeliverable: int
    at_google: dict[str, list[str]]  # key -> the phase of each job that carries it
    cards: dict[str, list[Message]]
    ends: dict[str, list[Message]]
    others: int
    submitted: list[str] = field(default_factory=list)
    tried: frozenset[str] = frozenset()  # names whose start may have been refused for its budget
    refused: frozenset[str] = frozenset()  # those of them that were
    cancelled: dict[str, str] = field(default_factory=dict)  # name -> who read that it is being cancelled
    audited: Counter[str] = field(default_factory=Counter)  # key -> lines about a cancellation in the audit log
    forgotten: frozenset[str] = frozenset()  # names of jobs that a backup that was put back did not have
    lost_keys: frozenset[str] = frozenset()  # their keys
    need_approval: frozenset[str] = frozenset()  # the people who may not start alone
    powerless: str = ""  # the person who may start nothing
    approved: Counter[str] = field(default_factory=Counter)  # key -> lines about an approval in the audit log
    restored: frozenset[str] = frozenset()  # names of jobs of which the audit log may have lost lines
    questions: int = 0  # that wait to be answered
    disturbed: list[str] = field(default_factory=list)  # what bystanders got, or did not get

    @property
    def open(self) -> int:
        return sum(row.state in OPEN for row in self.rows)

    @property
    def settled(self) -> bool:
        """Whether nothing is going on any more, right or wrong."""
        return self.open == 0 and self.pending == 0 and self.questions == 0

    def wrong(self) -> list[str]:
        return list(self._wrong())

    def _wrong(self) -> Iterator[str]:
        keys = {row.key for row in self.rows}
        for name, times in Counter(row.name for row in self.rows).items():
            if times > 1:
                yield f"{name} has {times} rows"
        for name in sorted(set(self.submitted) - {row.name for row in self.rows} - self.forgotten):
            yield f"{name} was acknowledged and has no row"
        for name in sorted({row.name for row in self.rows} - set(self.submitted) - self.tried):
            yield f"{name} has a row and was never acknowledged"
        for name in sorted({row.name for row in self.rows} & self.refused - self.forgotten):
            yield f"{name} has a row and was refused for its budget"
        for name in sorted(self.cancelled.keys() - {row.name for row in self.rows}):
            yield f"{name} is said to be cancelled and has no row"
        for key in sorted(self.at_google.keys() - keys):
            yield f"{key or 'a job without a key'} is at Google and has no row"
        # Nothing was paid for a job that the backup did not have and that Google does not have either.
        for key in sorted((self.cards.keys() | self.ends.keys()) - keys - self.lost_keys):
            yield f"{key} has posts in Slack and no row"
        for row in self.rows:
            yield from (f"{row.name} ({row.key}, {row.state}): {words}" for words in self._wrong_about(row))
        yield from self.disturbed
        if self.questions:
            yield f"{self.questions} questions wait for an answer"
        if self.pending:
            yield f"{self.pending} notices are not sent"
        if self.undeliverable:
            yield f"{self.undeliverable} notices were given up"
        if self.others:
            yield f"{self.others} messages about jobs are neither a card nor an end"

    def _wrong_about(self, row: Row) -> Iterator[str]:
        phases = self.at_google.get(row.key, [])
        if row.owner and row.owner == self.powerless:
            yield "it was started by a person who may start nothing"
        if row.owner in self.need_approval and row.name not in self.restored:
            approvals = self.approved[row.key]
            if approvals > 1 or (phases and not approvals):
                yield f"it was approved {approvals} times, and Google has {phases}"
        if row.state in OPEN:
            yield "it has not ended"
        elif row.never_started and phases:
            yield f"it is said never to have started, and Google has {phases}"
        elif not row.never_started and phases != [row.state]:
            yield f"Google has {phases}"
        informed = self.cancelled.get(row.name, "")
        if informed and row.cancelled_by != informed:
            yield f"{informed} read that it is being cancelled, and it is so by {row.cancelled_by!r}"
        if informed and row.state != "cancelled" and phases != [row.state]:
            yield "it was not cancelled, though Slack says so"
        if self.audited[row.key] != bool(row.cancelled_by):
            yield f"its cancellation by {row.cancelled_by!r} stands {self.audited[row.key]} times in the audit log"
        cards, ends = self.cards.get(row.key, []), self.ends.get(row.key, [])
        if len(cards) != 1:
            yield f"it has {len(cards)} cards"
        if len(ends) != 1:
            told = "; ".join(f"{end.text[:100]!r} at {end.ts} under {end.thread_ts}" for end in ends)
            yield f"its end was posted {len(ends)} times: {told}"
        for card in cards[:1]:
            if card.ts != row.card:
                yield "its card is not the one that the row names"
            if _PHASES.get(row.state, row.state) not in card.text:
                yield f"its card says: {card.text[:100]}"
            if any(end.thread_ts != card.ts for end in ends):
                yield "its end is not posted under its card"

    def __str__(self) -> str:
        states = Counter("never started" if row.never_started else row.state for row in self.rows)
        counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        jobs = sum(map(len, self.at_google.values()))
        lines = [
            f"{len(set(self.submitted)):5} starts that were acknowledged",
            f"{len(self.cancelled):5} cancellations that people read about",
            f"{len(self.rows):5} rows here: {counted}",
            f"{jobs:5} jobs at Google under {len(self.at_google)} keys",
            f"{sum(map(len, self.cards.values())):5} cards of {len(self.cards)} jobs",
            f"{sum(map(len, self.ends.values())):5} ends posted of {len(self.ends)} jobs",
            f"{self.pending:5} notices not sent, {self.undeliverable} given up",
            f"{len(self.forgotten):5} names of jobs that a backup that was put back did not have",
        ]
        return "\n".join(lines)


def read(
    database: Path,
    google: GoogleStandIn,
    slack: SlackStandIn,
    submitted: list[str],
    cancelled: dict[str, str],
    forgotten: Mapping[str, str] | None = None,
    bystanders: Bystanders | None = None,
    need_approval: Collection[str] = (),
    restored: Collection[str] = (),
    spenders: Spenders | None = None,
) -> Ledger:
    """Count everything as it stands now.

    `submitted` are the names whose “Start tuning” was acknowledged; `cancelled` says who read about which
    cancellation; `forgotten` are the names, by key, of the jobs that a backup that was put back did not have.
    """
    forgotten = forgotten or {}
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        asked = "SELECT key, name, state, operation, card, cancelled_by, owner FROM jobs"
        rows = [Row(*row) for row in connection.execute(asked)]
        lines = connection.execute("SELECT subject FROM audit WHERE action = 'cancel'")
        audited = Counter(subject for (subject,) in lines)
        lines = connection.execute("SELECT subject FROM audit WHERE action = 'approve'")
        approved = Counter(subject for (subject,) in lines)
        ((questions,),) = connection.execute("SELECT COUNT(*) FROM questions")
        states = Counter(state for (state,) in connection.execute("SELECT state FROM outbox"))
    connection.close()
    at_google: dict[str, list[str]] = {}
    for job in google.jobs.books():
        key = job["key"] or job["labels"].get(LABEL, "")
        at_google.setdefault(key, []).append(job["phase"])
    posts: dict[str, dict[str, list[Message]]] = {"card": {}, "ended": {}, "stuck": {}}
    others = 0
    for message in slack.workspace.messages(ephemeral=False):
        payload = (message.metadata or {}).get("event_payload", {})
        if payload.get("kind") in posts:
            posts[payload["kind"]].setdefault(payload["job"], []).append(message)
        elif message.bot_id is not None and "Tuning load" in message.text:
            others += 1
    others += len(posts["stuck"])
    return Ledger(
        rows=rows,
        pending=states["pending"],
        undeliverable=states["undeliverable"],
        at_google=at_google,
        cards=posts["card"],
        ends=posts["ended"],
        others=others,
        submitted=submitted + ([] if spenders is None else spenders.accepted),
        tried=frozenset(() if spenders is None else spenders.tried),
        refused=frozenset(() if spenders is None else spenders.refused),
        cancelled=cancelled,
        audited=audited,
        forgotten=frozenset(forgotten.values()),
        lost_keys=frozenset(forgotten),
        need_approval=frozenset(need_approval),
        powerless="" if bystanders is None else bystanders.powerless.id,
        approved=approved,
        restored=frozenset(restored),
        questions=questions,
        disturbed=[] if bystanders is None else list(bystanders.wrong(google, slack)),
    )
