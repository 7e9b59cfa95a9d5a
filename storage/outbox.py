"""What Slack must still be told about jobs. Written by the job store inside its own transactions, read by the one
sender. It decides what is due, never what a notice says.

A job has at most one pending notice of a kind. News that arrive while one is pending join it and raise its
version, so that telling an older version leaves it due. A job's ENDED is a reply to its card: it is held back
while the card was never posted and its notice is still pending; once the card was given up, it is let through.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlite_utils import Database as Connection

from bot.domain import TuningJob
from bot.ports import Clock, Notice, NoticeKind
from storage.database import Database
from storage.rows import micros


def announce(connection: Connection, job: TuningJob, kinds: Iterable[NoticeKind]) -> None:
    """Add these news of a job; called inside the transaction that writes the state they tell."""
    for kind in kinds:
        connection.execute(
            """
            INSERT INTO outbox (team, job, kind) VALUES (?, ?, ?)
            ON CONFLICT (job, kind) WHERE state = 'pending' DO UPDATE SET version = version + 1
            """,
            [job.place.team, job.key, kind.value],
        )


class SqliteOutbox:
    """The Outbox of `bot.ports`. Keeps one settled notice per job and kind, the last, for the record."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def due(self, now: datetime) -> Sequence[Notice]:
        def read(connection: Connection) -> list[Notice]:
            # Left to itself, SQLite walks all notices there ever were, since they are in order of id already.
            rows = connection.query(
                """
                SELECT id, kind, job, attempts, version FROM outbox INDEXED BY outbox_due
                WHERE state = 'pending' AND due_at <= :now
                  AND NOT (
                    kind = 'ended'
                    AND EXISTS (SELECT 1 FROM jobs WHERE jobs.key = outbox.job AND jobs.card = '')
                    AND EXISTS (
                      SELECT 1 FROM outbox AS card
                      WHERE card.job = outbox.job AND card.kind = 'card' AND card.state = 'pending'
                    )
                  )
                ORDER BY id
                """,
                {"now": micros(now)},
            )
            return [
                Notice(
                    id=row["id"],
                    kind=NoticeKind(row["kind"]),
                    job=row["job"],
                    attempts=row["attempts"],
                    version=row["version"],
                )
                for row in rows
            ]

        return await self._database.run(read)

    async def sent(self, notice: Notice) -> None:
        await self._settle(notice, "sent", "")

    async def postpone(self, notice: Notice, until: datetime, reason: str) -> None:
        # Whatever joined in the meantime waits too: Slack refuses the channel, not the words.
        def delay(connection: Connection) -> None:
            connection.execute(
                """
                UPDATE outbox SET due_at = ?, attempts = attempts + 1, reason = ?
                WHERE id = ? AND state = 'pending'
                """,
                [micros(until), reason, notice.id],
            )

        await self._database.write(delay)

    async def give_up(self, notice: Notice, reason: str) -> None:
        """News that joined since the notice was read stay due: they may have come with another place to tell."""
        await self._settle(notice, "undeliverable", reason)

    async def _settle(self, notice: Notice, state: str, reason: str) -> None:
        now = micros(self._clock.now())

        def settle(connection: Connection) -> None:
            settled = connection.execute(
                """
                UPDATE outbox SET state = ?, reason = ?, settled_at = ?
                WHERE id = ? AND version = ? AND state = 'pending'
                """,
                [state, reason, now, notice.id, notice.version],
            )
            if settled.rowcount:
                # A card is told hundreds of times in the life of a job; only the last time is worth keeping.
                connection.execute(
                    "DELETE FROM outbox WHERE job = ? AND kind = ? AND state <> 'pending' AND id <> ?",
                    [notice.job, notice.kind.value, notice.id],
                )

        await self._database.write(settle)
