"""What people watch in a modal, kept until it ends: what is left was cut off with its process."""

import logging
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from sqlite_utils import Database as Connection

from bot.domain.requests import Errand, ErrandKind, StartRequest
from bot.errors import StorageError
from bot.ports.clock import Clock
from storage.database import Database
from storage.rows import Row, micros, parsed, read_place

logger = logging.getLogger(__name__)

_REQUEST = msgspec.json.Decoder(StartRequest)


class SqliteErrands:
    """The Errands of `bot.ports`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, errand: Errand) -> None:
        row = {
            "team": errand.place.team,
            "view": errand.view,
            "kind": errand.kind.value,
            "channel": errand.place.channel,
            "thread": errand.place.thread,
            "user": errand.user,
            "request": msgspec.json.encode(errand.request).decode(),
            "attempts": errand.attempts,
            "begun_at": micros(self._clock.now()),
        }
        await self._database.write(lambda connection: connection.table("errands").insert(row, replace=True))

    async def end(self, errand: Errand) -> None:
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM errands WHERE team = ? AND view = ?", [errand.place.team, errand.view]
            )
        )

    async def left(self) -> Sequence[Errand]:
        def read(connection: Connection) -> list[Errand]:
            return list(_readable(connection.query("SELECT * FROM errands ORDER BY begun_at")))

        return await self._database.run(read)


def _readable(rows: Iterable[Row]) -> Iterator[Errand]:
    for row in rows:
        try:
            request = parsed(_REQUEST, row["request"])
            yield Errand(
                ErrandKind(row["kind"]), row["view"], read_place(row), row["user"], request, row["attempts"]
            )
        except StorageError as error:
            # A start must not fail for somebody who watched a modal.
            logger.error("what %s watched cannot be taken up: %s", row["user"], error)
