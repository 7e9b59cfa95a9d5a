"""Stores which model answers in a channel and how, and the turns of each thread. It sends nothing to a model."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime

from sqlite_utils import Database as Connection

from bot.domain.chat import (
    PLAIN_CHANNEL,
    ChannelModel,
    ChannelSettings,
    Conversation,
    ModelRef,
    ThreadState,
    Turn,
    TurnRole,
    estimated_tokens,
)
from bot.domain.place import Place
from bot.ports.clock import Clock
from storage.codecs import channel_settings_text, micros, moment, read_channel_settings, read_model
from storage.database import Database


def append_turns(
    connection: Connection, conversation: Conversation, now: datetime, user: str = "", edited: str = ""
) -> None:
    """Append the turns of this user's question to their thread, in the transaction that settles it.

    The conversation's model becomes the thread's model. `edited` says which edit of its message the question has.
    """
    place, model, at = conversation.place, conversation.model, micros(now)
    connection.execute(
        """
        INSERT INTO conversations (team, channel, thread, backend, endpoint, name, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (team, channel, thread) DO UPDATE
        SET backend = excluded.backend, endpoint = excluded.endpoint, name = excluded.name,
            state = CASE state WHEN 'ended' THEN '' ELSE state END
        """,
        [place.team, place.channel, place.thread, model.backend, model.endpoint, model.name, at],
    )
    for turn in conversation.turns:
        connection.execute(
            """
            INSERT INTO turns (team, conversation, role, text, created_at, question, user, edited)
            SELECT team, id, ?, ?, ?, ?, ?, ? FROM conversations WHERE team = ? AND channel = ? AND thread = ?
            """,
            [
                turn.role.value,
                turn.text,
                at,
                conversation.question,
                user,
                edited,
                place.team,
                place.channel,
                place.thread,
            ],
        )


class SqliteChatStore:
    """The ChatStore of `bot.ports`. It keeps every turn until `storage.erased_words` erases it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

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

    async def bound(self, place: Place) -> ChannelModel | None:
        def read(connection: Connection) -> ChannelModel | None:
            rows = connection.query(
                "SELECT * FROM channel_models WHERE team = ? AND channel = ?", [place.team, place.channel]
            )
            row = next(rows, None)
            return None if row is None else ChannelModel(read_model(row), row["bound_by"], moment(row["bound_at"]))

        return await self._database.run(read)

    async def all_bound(self, team: str) -> Sequence[tuple[str, ChannelModel]]:
        def read(connection: Connection) -> list[tuple[str, ChannelModel]]:
            rows = connection.query(
                "SELECT * FROM channel_models WHERE team = ? ORDER BY bound_at DESC, channel", [team]
            )
            return [
                (row["channel"], ChannelModel(read_model(row), row["bound_by"], moment(row["bound_at"])))
                for row in rows
            ]

        return await self._database.run(read)

    async def unbind(self, place: Place) -> None:
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM channel_models WHERE team = ? AND channel = ?", [place.team, place.channel]
            )
        )

    async def settings(self, place: Place) -> ChannelSettings:
        def read(connection: Connection) -> ChannelSettings:
            rows = connection.query(
                "SELECT settings FROM channel_settings WHERE team = ? AND channel = ?", [place.team, place.channel]
            )
            row = next(rows, None)
            return PLAIN_CHANNEL if row is None else read_channel_settings(row["settings"])

        return await self._database.run(read)

    async def set_settings(self, place: Place, settings: ChannelSettings, user: str) -> None:
        row = {
            "team": place.team,
            "channel": place.channel,
            "settings": channel_settings_text(settings),
            "set_by": user,
            "set_at": micros(self._clock.now()),
        }
        await self._database.write(
            lambda connection: connection.table("channel_settings").insert(row, replace=True)
        )

    async def be_quiet(self, place: Place) -> None:
        # The first question of a thread may still be answered: then it has no model yet.
        statement = """
        INSERT INTO conversations (team, channel, thread, backend, endpoint, name, created_at, state)
        VALUES (?, ?, ?, '', '', '', ?, ?)
        ON CONFLICT (team, channel, thread) DO UPDATE SET state = excluded.state
        """
        at, state = micros(self._clock.now()), ThreadState.QUIET.value
        values = [place.team, place.channel, place.thread, at, state]
        await self._database.write(lambda connection: connection.execute(statement, values))

    async def set_state(self, place: Place, state: ThreadState) -> bool:
        change = "UPDATE conversations SET state = ? WHERE team = ? AND channel = ? AND thread = ? AND state <> ?"
        values = [state.value, place.team, place.channel, place.thread, state.value]
        changed = await self._database.write(lambda connection: connection.execute(change, values).rowcount)
        return changed > 0

    async def conversation(self, place: Place, tokens: int | None = None) -> Conversation | None:
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
            query = "SELECT role, text FROM turns WHERE conversation = ? ORDER BY id DESC"
            # Closed at once where the rest of a long thread is not read.
            with closing(connection.query(query, [found["id"]])) as rows:
                turns, cut = _newest((Turn(TurnRole(row["role"]), row["text"]) for row in rows), tokens)
            return Conversation(place, read_model(found), turns, cut, state=ThreadState(found["state"]))

        return await self._database.run(read)


def _newest(newest_first: Iterable[Turn], tokens: int | None) -> tuple[tuple[Turn, ...], bool]:
    """Return the newest turns that fit, oldest first, and whether any was left out.

    Google rejects a history whose first turn is the model's, which a cut between question and answer would leave.
    """
    kept: list[Turn] = []
    left = tokens
    for turn in newest_first:
        if left is not None:
            left -= estimated_tokens(turn.text)
            if left < 0:
                while kept and kept[-1].role is not TurnRole.USER:
                    kept.pop()
                return tuple(reversed(kept)), True
        kept.append(turn)
    return tuple(reversed(kept)), False
