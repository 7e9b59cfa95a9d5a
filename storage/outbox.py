"""Stores which notices about jobs Slack must still receive, and decides which are due and in which order.

The job store adds them in its own transactions, see `outbox_notices`; one sender reads them. What a notice says is
not decided here. If an older version of a notice was sent while news joined it, the news become a new notice
behind all others.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlite_utils import Database as Connection

from bot.domain.place import Place
from bot.ports.clock import Clock
from bot.ports.notifier import UNLIMITED, Delivered, Notice, NoticeKind, PostAttempt, SendCapacity
from storage.codecs import COUNT_REFUSAL, Row, micros, moment, read_refusals
from storage.database import Database
from storage.outbox_notices import add_notice, set_priorities

# The first and last priorities of posts and of edits; a notice of priority 9 is not due, see `outbox_notices`.
_POSTS: Final = (0, 1)
_EDITS: Final = (2, 4)


# The sender postpones a notice for at most this long. One that is due later was postponed before the clock was
# set back, and is due now.
_LONGEST_WAIT: Final = timedelta(minutes=5)


# A card that stays where the job was, and whether it was updated after the job had ended.
_ADD_OLD_CARD: Final = """
INSERT INTO outbox (team, job, kind, old_channel, old_card, since)
SELECT team, key, 'old_card', channel, card, CAST(strftime('%s', 'now') AS INTEGER) * 1000000
FROM jobs WHERE key = :job AND card <> '' AND channel <> :channel
ON CONFLICT (job, kind, target) WHERE state = 'pending' DO NOTHING
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
                    add_notice(connection, team, notice.job, notice.kind)
            set_priorities(connection, notice.job)

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
            set_priorities(connection, notice.job)

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
