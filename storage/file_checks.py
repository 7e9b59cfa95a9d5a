"""Stores what belongs to the check of a training file: the modals that show work in progress, and the reports.

A modal's row stays until its work ends; rows of a process that ended are resumed. A file that has a report needs
no second check.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from sqlite_utils import Database as Connection

from bot.domain.requests import ModalWork, PendingModal, StartRequest
from bot.errors import StorageError
from bot.ports.clock import Clock
from storage.audit_log import was_forgotten
from storage.codecs import Row, micros, parsed, read_place
from storage.database import Database

logger = logging.getLogger(__name__)

_REQUEST = msgspec.json.Decoder(StartRequest)


class SqlitePendingModals:
    """The PendingModalStore of `bot.ports`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, pending_modal: PendingModal) -> None:
        row = {
            "team": pending_modal.place.team,
            "view": pending_modal.view,
            "kind": pending_modal.kind.value,
            "channel": pending_modal.place.channel,
            "thread": pending_modal.place.thread,
            "user": pending_modal.user,
            "request": msgspec.json.encode(pending_modal.request).decode(),
            "attempts": pending_modal.attempts,
            "begun_at": micros(self._clock.now()),
        }
        await self._database.write(lambda connection: connection.table("pending_modals").insert(row, replace=True))

    async def remove(self, pending_modal: PendingModal) -> None:
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM pending_modals WHERE team = ? AND view = ?",
                [pending_modal.place.team, pending_modal.view],
            )
        )

    async def unfinished(self) -> Sequence[PendingModal]:
        def read(connection: Connection) -> list[PendingModal]:
            return list(_readable(connection.query("SELECT * FROM pending_modals ORDER BY begun_at")))

        return await self._database.run(read)


class SqliteReportCache:
    """The ReportCache of `bot.ports`. It keeps a report until `storage.erased_words` erases it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def recall(self, team: str, key: str) -> str | None:
        def read(connection: Connection) -> str | None:
            rows = connection.query("SELECT report FROM reports WHERE team = ? AND key = ?", [team, key])
            return next((str(row["report"]) for row in rows), None)

        return await self._database.run(read)

    async def newest_act(self) -> int:
        query = "SELECT coalesce(max(id), 0) FROM audit"
        return int(await self._database.run(lambda connection: connection.execute(query).fetchone()[0]))

    async def was_forgotten(self, team: str, user: str, since: int) -> bool:
        return await self._database.run(lambda connection: was_forgotten(connection, team, user, since))

    async def remember(self, team: str, key: str, report: str, user: str = "", since: int = 0) -> None:
        now = self._clock.now()
        row = {"team": team, "key": key, "report": report, "used_at": micros(now), "user": user}

        def write(connection: Connection) -> None:
            if not was_forgotten(connection, team, user, since):
                connection.table("reports").insert(row, replace=True)

        # Not durable: a report that a power cut undoes is made again.
        await self._database.write(write, durable=False)


def _readable(rows: Iterable[Row]) -> Iterator[PendingModal]:
    for row in rows:
        try:
            request = parsed(_REQUEST, row["request"])
            yield PendingModal(
                ModalWork(row["kind"]), row["view"], read_place(row), row["user"], request, row["attempts"]
            )
        except StorageError as error:
            # One row that cannot be read must not prevent the start of the bot.
            logger.error("the modal of %s cannot be read and is skipped: %s", row["user"], error)
