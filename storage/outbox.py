"""Stores the notices about jobs that Slack must still receive, and decides which are due and in which order.

The job store adds them in its own transactions; one sender reads them. What a notice says is not decided here.

A job has at most one pending notice of a kind. While one is pending, further news join it and raise its version.
If its older version was sent meanwhile, the news become a new notice behind all others.

Each pending notice has a priority; a lower number is sent sooner. It follows from the notice and its job, and is
written again whenever one of the two changes, so that an index finds the next notice however many wait.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlite_utils import Database as Connection

from bot.domain.jobs import TuningJob
from bot.domain.place import Place
from bot.ports.clock import Clock
from bot.ports.notifier import UNLIMITED, Delivered, Notice, NoticeKind, PostAttempt, SendCapacity
from storage.codecs import COUNT_REFUSAL, Row, micros, moment, read_refusals
from storage.database import Database

# The first and last priorities of posts and of edits; a notice of priority 9 is not due, see _SET_PRIORITIES.
_POSTS: Final = (0, 1)
_EDITS: Final = (2, 4)

# A reply belongs into the thread of its job's card, so it waits while the first card is pending. Notices of jobs
# that have ended come before those of open jobs.
_SET_PRIORITIES: Final = """
UPDATE outbox SET channel = CASE
    WHEN kind = 'old_card' OR old_card <> '' THEN old_channel
    WHEN target <> '' THEN target
    ELSE jobs.channel
  END, priority = CASE
    WHEN kind = 'approval' THEN CASE old_card WHEN '' THEN 0 ELSE 2 END
    WHEN kind IN ('model_deleted', 'model_unshared') THEN 0
    WHEN kind = 'old_card' THEN 4
    WHEN kind <> 'card' AND jobs.card = '' AND EXISTS (
      SELECT 1 FROM outbox AS first
      WHERE first.job = jobs.key AND first.kind = 'card' AND first.state = 'pending'
    ) THEN 9
    WHEN kind <> 'card' THEN 0
    WHEN jobs.state IN ('awaiting approval', 'waiting', 'submitting', 'queued', 'running')
      THEN CASE jobs.card WHEN '' THEN 1 ELSE 3 END
    ELSE CASE jobs.card WHEN '' THEN 0 ELSE 2 END
  END
FROM jobs WHERE outbox.job = ? AND outbox.state = 'pending' AND jobs.key = outbox.job
"""

# The sender postpones a notice for at most this long. One that is due later was postponed before the clock was
# set back, and is due now.
_LONGEST_WAIT: Final = timedelta(minutes=5)

_ADD: Final = """
INSERT INTO outbox (team, job, kind, since)
VALUES (?, ?, ?, CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
ON CONFLICT (job, kind, target) WHERE state = 'pending' DO UPDATE SET version = version + 1
"""

_ADD_ONCE: Final = """
INSERT INTO outbox (team, job, kind, since)
SELECT ?1, ?2, ?3, CAST(strftime('%s', 'now') AS INTEGER) * 1000000
WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE job = ?2 AND kind = ?3)
"""

# A notice in each channel that chose the job's model; it has the channel as its target.
_ADD_IN_CHANNELS: Final = """
INSERT INTO outbox (team, job, kind, target, since)
SELECT ?1, ?2, 'model_deleted', channel, CAST(strftime('%s', 'now') AS INTEGER) * 1000000
FROM channel_models WHERE team = ?1 AND backend = ?3 AND endpoint = ?4
ON CONFLICT (job, kind, target) WHERE state = 'pending' DO NOTHING
"""

_UNBIND: Final = """
DELETE FROM channel_models WHERE team = ? AND channel = ? AND backend = ? AND endpoint = ?
"""
_ADD_UNSHARED: Final = """
INSERT INTO outbox (team, job, kind, target, since)
VALUES (?, ?, 'model_unshared', ?, CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
ON CONFLICT (job, kind, target) WHERE state = 'pending' DO NOTHING
"""

# An approver has one message for each job, which is updated: its notice becomes pending again.
_UPDATE_APPROVAL: Final = """
UPDATE outbox SET
  version = version + 1, due_at = CASE state WHEN 'pending' THEN due_at ELSE 0 END, state = 'pending'
WHERE job = ? AND kind = 'approval' AND target = ? AND state <> 'undeliverable'
"""
_ADD_APPROVAL: Final = """
INSERT INTO outbox (team, job, kind, target, since)
SELECT ?1, ?2, 'approval', ?3, CAST(strftime('%s', 'now') AS INTEGER) * 1000000
WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE job = ?2 AND kind = 'approval' AND target = ?3)
"""

# A card that stays where the job was, and whether it was updated after the job had ended.
_ADD_OLD_CARD: Final = """
INSERT INTO outbox (team, job, kind, old_channel, old_card, since)
SELECT team, key, 'old_card', channel, card, CAST(strftime('%s', 'now') AS INTEGER) * 1000000
FROM jobs WHERE key = :job AND card <> '' AND channel <> :channel
ON CONFLICT (job, kind, target) WHERE state = 'pending' DO NOTHING
"""
_UPDATE_OLD_CARD_AGAIN: Final = """
UPDATE OR IGNORE outbox SET state = 'pending', due_at = 0 WHERE job = ? AND kind = 'old_card' AND state = 'sent'
"""

# Reads the first few notices of each channel. The recursion jumps from channel to channel in the index, so it does
# not read the notices that wait behind them.
_DUE: Final = """
WITH RECURSIVE pending_channel (channel) AS (
  SELECT min(channel) FROM outbox WHERE state = 'pending'
  UNION ALL
  SELECT (SELECT min(channel) FROM outbox WHERE state = 'pending' AND channel > pending_channel.channel)
  FROM pending_channel WHERE pending_channel.channel IS NOT NULL
)
SELECT notice.*, jobs.team AS job_team
FROM pending_channel
CROSS JOIN outbox AS notice
JOIN jobs ON jobs.key = notice.job
WHERE pending_channel.channel NOT IN (SELECT value FROM json_each(:closed))
  AND notice.id IN (
    SELECT id FROM outbox INDEXED BY outbox_by_priority
    WHERE state = 'pending' AND channel = pending_channel.channel AND priority BETWEEN :first AND :last
      AND (due_at <= :now OR due_at > :never)
    ORDER BY priority, id LIMIT :a_channel
  )
ORDER BY notice.priority, notice.id LIMIT :limit
"""


_NOT_PLAIN: Final = (NoticeKind.APPROVAL, NoticeKind.MODEL_DELETED, NoticeKind.MISSING)


def add_notices(connection: Connection, job: TuningJob, kinds: Iterable[NoticeKind]) -> None:
    """Add these notices of a job, in the transaction that writes the state that they show."""
    listed = list(kinds)
    if NoticeKind.APPROVAL in listed and job.approval is not None:
        for target in job.approval.targets:
            if not connection.execute(_UPDATE_APPROVAL, [job.key, target]).rowcount:
                connection.execute(_ADD_APPROVAL, [job.place.team, job.key, target])
    if NoticeKind.MODEL_DELETED in listed:
        connection.execute(_ADD_IN_CHANNELS, [job.place.team, job.key, job.backend, job.endpoint])
    if NoticeKind.MISSING in listed:
        connection.execute(_ADD_ONCE, [job.place.team, job.key, NoticeKind.MISSING.value])
    others = [kind for kind in listed if kind not in _NOT_PLAIN]
    add_notices_of(connection, job.place.team, job.key, others)


def close_channels(connection: Connection, job: TuningJob, channels: Iterable[str]) -> None:
    """Let the job's model answer no longer in these channels, and tell those that had chosen it."""
    for channel in channels:
        model = [job.place.team, channel, job.backend, job.endpoint]
        if job.endpoint and connection.execute(_UNBIND, model).rowcount:
            connection.execute(_ADD_UNSHARED, [job.place.team, job.key, channel])
    _set_priorities(connection, job.key)


def add_notices_of(connection: Connection, team: str, key: str, kinds: Iterable[NoticeKind]) -> None:
    """Add these notices of the job with this key, whose row need not be decoded for that."""
    for kind in kinds:
        connection.execute(_ADD, [team, key, kind.value])
    connection.execute(_UPDATE_OLD_CARD_AGAIN, [key])
    _set_priorities(connection, key)


def _set_priorities(connection: Connection, job: str) -> None:
    """Set the priorities of the pending notices of a job."""
    connection.execute(_SET_PRIORITIES, [job])


class SqliteOutbox:
    """The Outbox of `bot.ports`. It keeps the last settled notice of each job and kind."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def due(
        self,
        now: datetime,
        capacity: SendCapacity = UNLIMITED,
        *,
        busy: Collection[str] = (),
        limit: int = 1000,
        a_channel: int = 1000,
    ) -> Sequence[Notice]:
        def read(connection: Connection) -> list[Notice]:
            def find(priorities: tuple[int, int], closed: Collection[str], most: int) -> list[Notice]:
                if most <= 0:
                    return []
                values: dict[str, Any] = {
                    "now": micros(now),
                    "first": priorities[0],
                    "last": priorities[1],
                    "limit": most,
                }
                values |= {
                    "never": micros(now + _LONGEST_WAIT),
                    "closed": json.dumps(sorted(closed)),
                    "a_channel": a_channel,
                }
                return [_notice(row) for row in connection.query(_DUE, values)]

            posts = find(_POSTS, {*busy, *capacity.paused_channels}, limit) if capacity.posts else []
            taken = {notice.channel for notice in posts} if a_channel == 1 else set()
            edits = find(_EDITS, {*busy, *taken}, min(limit - len(posts), capacity.edits))
            return posts + edits

        return await self._database.run(read)

    async def record_attempt(self, notice: Notice, place: Place) -> None:
        now = micros(self._clock.now())
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE outbox SET begun_at = ?, begun_channel = ?, begun_thread = ? WHERE id = ?",
                [now, place.channel, place.thread, notice.id],
            )
        )

    async def sent(self, notice: Notice, delivered: Delivered | None = None) -> None:
        def settle(connection: Connection) -> None:
            if delivered is not None and notice.kind is NoticeKind.APPROVAL:
                connection.execute(
                    "UPDATE outbox SET old_channel = ?, old_card = ? WHERE id = ?",
                    [delivered.place.channel, delivered.card, notice.id],
                )
            elif delivered is not None:
                place = delivered.place
                connection.execute(_ADD_OLD_CARD, {"job": notice.job, "channel": place.channel})
                connection.execute(
                    "UPDATE jobs SET card = ?, channel = ?, thread = ? WHERE key = ?",
                    [delivered.card, place.channel, place.thread, notice.job],
                )
            _forget_attempt(connection, notice)
            connection.execute(
                "UPDATE outbox SET attempts = 0, refusals = 0, first_refused_at = NULL WHERE id = ?", [notice.id]
            )
            if notice.kind is NoticeKind.APPROVAL:
                # Where the job changed meanwhile, the notice has another version: it stays, and is an edit now.
                if delivered is not None and delivered.current:
                    self._settle(connection, notice, "sent", "")
            elif delivered is None or delivered.current:
                # News that joined meanwhile become a new notice; otherwise a job with constant news would stay
                # before all others.
                newest = replace(notice, version=_version(connection, notice))
                self._settle(connection, newest, "sent", "")
                if newest.version != notice.version:
                    team = connection.execute("SELECT team FROM outbox WHERE id = ?", [notice.id]).fetchone()[0]
                    connection.execute(_ADD, [team, notice.job, notice.kind.value])
            _set_priorities(connection, notice.job)

        await self._database.write(settle)

    async def postpone(
        self, notice: Notice, until: datetime, reason: str, *, refused: bool = False, final: bool = False
    ) -> None:
        now = micros(self._clock.now())

        # News that joined meanwhile wait too, because Slack rejected the channel and not the text.
        def delay(connection: Connection) -> None:
            connection.execute(
                """
                UPDATE outbox SET due_at = ?, attempts = attempts + 1, reason = ?
                WHERE id = ? AND state = 'pending'
                """,
                [micros(until), reason, notice.id],
            )
            if refused:
                _forget_attempt(connection, notice)
            if final:
                connection.execute(COUNT_REFUSAL.format(table="outbox", key="id"), [now, now, notice.id])

        await self._database.write(delay)

    async def give_up(self, notice: Notice, reason: str) -> None:
        """Leaves news that joined since the notice was read pending: the job may have another place now."""

        def settle(connection: Connection) -> None:
            _forget_attempt(connection, notice)
            self._settle(connection, notice, "undeliverable", reason)
            _set_priorities(connection, notice.job)

        await self._database.write(settle)

    def _settle(self, connection: Connection, notice: Notice, state: str, reason: str) -> None:
        settled = connection.execute(
            """
            UPDATE outbox SET state = ?, reason = ?, settled_at = ?
            WHERE id = ? AND version = ? AND state = 'pending'
            """,
            [state, reason, micros(self._clock.now()), notice.id, notice.version],
        )
        if settled.rowcount:
            # A card is updated hundreds of times while a job runs; only the last update is kept.
            connection.execute(
                "DELETE FROM outbox WHERE job = ? AND kind = ? AND target = ? AND state <> 'pending' AND id <> ?",
                [notice.job, notice.kind.value, notice.target, notice.id],
            )


def _version(connection: Connection, notice: Notice) -> int:
    """Return the version of the pending notice, or the version that was read if it is settled."""
    query = "SELECT version FROM outbox WHERE id = ? AND state = 'pending'"
    row = connection.execute(query, [notice.id]).fetchone()
    return notice.version if row is None else int(row[0])


def _forget_attempt(connection: Connection, notice: Notice) -> None:
    connection.execute(
        "UPDATE outbox SET begun_at = NULL, begun_channel = '', begun_thread = '' WHERE id = ?", [notice.id]
    )


def _notice(row: Row) -> Notice:
    unconfirmed = None
    if row["begun_at"] is not None:
        place = Place(row["job_team"], row["begun_channel"], row["begun_thread"])
        unconfirmed = PostAttempt(place, moment(row["begun_at"]))
    return Notice(
        id=row["id"],
        kind=NoticeKind(row["kind"]),
        job=row["job"],
        channel=row["channel"],
        edits=_EDITS[0] <= row["priority"] <= _EDITS[1],
        attempts=row["attempts"],
        version=row["version"],
        unconfirmed=unconfirmed,
        refusals=read_refusals(row),
        old_card=row["old_card"],
        target=row["target"],
    )
