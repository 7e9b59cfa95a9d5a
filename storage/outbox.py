"""What Slack must still be told about jobs. Written by the job store inside its own transactions, read by the one
sender. It decides what is due and in which order, never what a notice says.

A job has at most one pending notice of a kind. News that arrive while one is pending join it and raise its
version; once an older version was told, they are a notice of their own, behind all others.

Each pending notice has a turn, the lower the sooner. It follows from the notice and its job, and is written anew
whenever one of the two changes, so that an index can answer who comes next however many wait.
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
from storage.codecs import Row, micros, moment
from storage.database import Database

# The turns that are posts, and those that are edits; 9 is none of both, see _TAKE_TURNS.
_POSTS: Final = (0, 1)
_EDITS: Final = (2, 3)

# A reply hangs under its job's card: it has no turn while that was never posted and its notice is pending.
# Jobs that have ended go before those that go on, with their first cards as with their last ones.
_TAKE_TURNS: Final = """
UPDATE outbox SET channel = jobs.channel, turn = CASE
    WHEN kind <> 'card' AND jobs.card = '' AND EXISTS (
      SELECT 1 FROM outbox AS first
      WHERE first.job = jobs.key AND first.kind = 'card' AND first.state = 'pending'
    ) THEN 9
    WHEN kind <> 'card' THEN 0
    WHEN jobs.state IN ('submitting', 'queued', 'running') THEN CASE jobs.card WHEN '' THEN 1 ELSE 3 END
    ELSE CASE jobs.card WHEN '' THEN 0 ELSE 2 END
  END
FROM jobs WHERE outbox.job = ? AND outbox.state = 'pending' AND jobs.key = outbox.job
"""

# Nobody postpones a notice for longer: what is due later was postponed before the clock was set back.
_LONGEST_WAIT: Final = timedelta(minutes=5)

_ADD: Final = """
INSERT INTO outbox (team, job, kind, since)
VALUES (?, ?, ?, CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
ON CONFLICT (job, kind) WHERE state = 'pending' DO UPDATE SET version = version + 1
"""

# Of each channel the first few, channel after channel by leaps through the index: what waits behind is not read.
_DUE: Final = """
WITH RECURSIVE lane (channel) AS (
  SELECT min(channel) FROM outbox WHERE state = 'pending'
  UNION ALL
  SELECT (SELECT min(channel) FROM outbox WHERE state = 'pending' AND channel > lane.channel)
  FROM lane WHERE lane.channel IS NOT NULL
)
SELECT notice.*, jobs.team AS job_team
FROM lane
CROSS JOIN outbox AS notice
JOIN jobs ON jobs.key = notice.job
WHERE lane.channel NOT IN (SELECT value FROM json_each(:closed))
  AND notice.id IN (
    SELECT id FROM outbox INDEXED BY outbox_turns
    WHERE state = 'pending' AND channel = lane.channel AND turn BETWEEN :first AND :last
      AND (due_at <= :now OR due_at > :never)
    ORDER BY turn, id LIMIT :a_channel
  )
ORDER BY notice.turn, notice.id LIMIT :limit
"""


def announce(connection: Connection, job: TuningJob, kinds: Iterable[NoticeKind]) -> None:
    """Add these news of a job; called inside the transaction that writes the state they tell."""
    for kind in kinds:
        connection.execute(_ADD, [job.place.team, job.key, kind.value])
    _take_turns(connection, job.key)


def _take_turns(connection: Connection, job: str) -> None:
    """Write anew whose turn the pending notices of this job are."""
    connection.execute(_TAKE_TURNS, [job])


class SqliteOutbox:
    """The Outbox of `bot.ports`. Keeps one settled notice per job and kind, the last, for the record."""

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
            def find(turns: tuple[int, int], closed: Collection[str], most: int) -> list[Notice]:
                if most <= 0:
                    return []
                asked: dict[str, Any] = {"now": micros(now), "first": turns[0], "last": turns[1], "limit": most}
                asked |= {
                    "never": micros(now + _LONGEST_WAIT),
                    "closed": json.dumps(sorted(closed)),
                    "a_channel": a_channel,
                }
                return [_notice(row) for row in connection.query(_DUE, asked)]

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
            if delivered is not None:
                place = delivered.place
                connection.execute(
                    "UPDATE jobs SET card = ?, channel = ?, thread = ? WHERE key = ?",
                    [delivered.card, place.channel, place.thread, notice.job],
                )
            _forget_begun(connection, notice)
            connection.execute("UPDATE outbox SET attempts = 0 WHERE id = ?", [notice.id])
            if delivered is None or delivered.current:
                # News that joined meanwhile begin a turn of their own: a job that never rests would else keep
                # its place before all others.
                newest = replace(notice, version=_version(connection, notice))
                self._settle(connection, newest, "sent", "")
                if newest.version != notice.version:
                    team = connection.execute("SELECT team FROM outbox WHERE id = ?", [notice.id]).fetchone()[0]
                    connection.execute(_ADD, [team, notice.job, notice.kind.value])
            _take_turns(connection, notice.job)

        await self._database.write(settle)

    async def postpone(self, notice: Notice, until: datetime, reason: str, *, refused: bool = False) -> None:
        # Whatever joined in the meantime waits too: Slack refuses the channel, not the words.
        def delay(connection: Connection) -> None:
            connection.execute(
                """
                UPDATE outbox SET due_at = ?, attempts = attempts + 1, reason = ?
                WHERE id = ? AND state = 'pending'
                """,
                [micros(until), reason, notice.id],
            )
            if refused:
                _forget_begun(connection, notice)

        await self._database.write(delay)

    async def give_up(self, notice: Notice, reason: str) -> None:
        """News that joined since the notice was read stay due: they may have come with another place to tell."""

        def settle(connection: Connection) -> None:
            _forget_begun(connection, notice)
            self._settle(connection, notice, "undeliverable", reason)
            _take_turns(connection, notice.job)

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
            # A card is told hundreds of times in the life of a job; only the last time is worth keeping.
            connection.execute(
                "DELETE FROM outbox WHERE job = ? AND kind = ? AND state <> 'pending' AND id <> ?",
                [notice.job, notice.kind.value, notice.id],
            )


def _version(connection: Connection, notice: Notice) -> int:
    """The notice's version now; as it was read if it is settled."""
    asked = "SELECT version FROM outbox WHERE id = ? AND state = 'pending'"
    row = connection.execute(asked, [notice.id]).fetchone()
    return notice.version if row is None else int(row[0])


def _forget_begun(connection: Connection, notice: Notice) -> None:
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
        edits=row["turn"] in _EDITS,
        attempts=row["attempts"],
        version=row["version"],
        unconfirmed=unconfirmed,
    )
