"""Stores which model answers in a channel, and the turns of each thread. It sends nothing to a model."""

from collections.abc import Sequence
from datetime import datetime

from sqlite_utils import Database as Connection

from bot.domain.chat import Conversation, ModelRef, Role, Turn
from bot.domain.place import Place
from bot.ports.clock import Clock
from storage.codecs import micros, read_model
from storage.database import Database


def append_turns(connection: Connection, conversation: Conversation, now: datetime) -> None:
    """Append the turns to their thread, in the transaction that settles their question.

    The conversation's model becomes the thread's model.
    """
    place, model, at = conversation.place, conversation.model, micros(now)
    connection.execute(
        """
        INSERT INTO conversations (team, channel, thread, backend, endpoint, name, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (team, channel, thread) DO UPDATE
        SET backend = excluded.backend, endpoint = excluded.endpoint, name = excluded.name
        """,
        [place.team, place.channel, place.thread, model.backend, model.endpoint, model.name, at],
    )
    for turn in conversation.turns:
        connection.execute(
            """
            INSERT INTO turns (team, conversation, role, text, created_at)
            SELECT team, id, ?, ?, ? FROM conversations WHERE team = ? AND channel = ? AND thread = ?
            """,
            [turn.role.value, turn.text, at, place.team, place.channel, place.thread],
        )


class SqliteChatStore:
    """The ChatStore of `bot.ports`. It stores every turn and returns the last `history` of a thread."""

    def __init__(self, database: Database, clock: Clock, *, history: int = 40) -> None:
        self._database = database
        self._clock = clock
        self._history = history

    async def bind(self, place: Place, model: ModelRef, user: str) -> None:
        row = {
            "team": place.team,
            "channel": place.channel,
            "backend": model.backend,
            "endpoint": model.endpoint,
            "name": model.name,
            "bound_by": user,
            "bound_at": micros(self._clock.now()),
        }
        await self._database.write(lambda connection: connection.table("channel_models").insert(row, replace=True))

    async def bound(self, place: Place) -> ModelRef | None:
        def read(connection: Connection) -> ModelRef | None:
            rows = connection.query(
                "SELECT * FROM channel_models WHERE team = ? AND channel = ?", [place.team, place.channel]
            )
            return next(map(read_model, rows), None)

        return await self._database.run(read)

    async def unbind(self, team: str, model: ModelRef) -> None:
        """Delete by backend and endpoint, because one model may have several names."""

        def delete(connection: Connection) -> None:
            connection.execute(
                "DELETE FROM channel_models WHERE team = ? AND backend = ? AND endpoint = ?",
                [team, model.backend, model.endpoint],
            )

        await self._database.write(delete)

    async def conversation(self, place: Place) -> Conversation | None:
        """Return the thread's conversation with its last turns; the first of them is a person's."""

        def read(connection: Connection) -> Conversation | None:
            found = next(
                connection.query(
                    "SELECT * FROM conversations WHERE team = ? AND channel = ? AND thread = ?",
                    [place.team, place.channel, place.thread],
                ),
                None,
            )
            if found is None:
                return None
            rows = connection.query(
                "SELECT role, text FROM turns WHERE conversation = ? ORDER BY id DESC LIMIT ?",
                [found["id"], self._history],
            )
            newest_first = [Turn(Role(row["role"]), row["text"]) for row in rows]
            return Conversation(place, read_model(found), self._cut(newest_first[::-1]))

        return await self._database.run(read)

    def _cut(self, turns: Sequence[Turn]) -> tuple[Turn, ...]:
        # Google rejects a history whose first turn is the model's, which a cut between question and answer leaves.
        if len(turns) == self._history:
            first = next((index for index, turn in enumerate(turns) if turn.role is Role.USER), len(turns))
            return tuple(turns[first:])
        return tuple(turns)
