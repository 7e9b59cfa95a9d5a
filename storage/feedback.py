"""Stores votes and corrections, and the answers that they are about with the exact prompt.

Nothing is kept of an answer before the workspace's switch is on. An answer without a vote is deleted after
`KEPT_WITHOUT_VOTE`; one with a vote is kept until its person is forgotten.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import msgspec
from sqlite_utils import Database as Connection

from bot.domain.chat import ModelAnswer, ModelRef, Turn, TurnRole
from bot.domain.feedback import Correction, FeedbackSums, FeedbackSwitch, RatedAnswer, Vote
from bot.ports.clock import Clock
from storage.codecs import Row, micros, moment, parsed, read_model, read_place
from storage.database import Database

KEPT_WITHOUT_VOTE: Final = timedelta(days=30)

_TURNS = msgspec.json.Decoder(tuple[Turn, ...])


def keep_answer(connection: Connection, key: str, answer: ModelAnswer, now: datetime) -> None:
    """Keep an answer that people may vote on, in the transaction that stores it with its question."""
    connection.execute(
        "DELETE FROM rated_answers WHERE answered_at <= ? AND key NOT IN (SELECT answer FROM votes)",
        [micros(now - KEPT_WITHOUT_VOTE)],
    )
    model = answer.model
    connection.execute(
        """
        INSERT OR IGNORE INTO rated_answers
          (key, team, channel, thread, user, backend, endpoint, name, turns, settings, text, answered_at)
        SELECT key, team, channel, thread, user, ?, ?, ?, ?, ?, ?, ? FROM questions WHERE key = ?
        """,
        [
            model.backend,
            model.endpoint,
            model.name,
            msgspec.json.encode(_as_the_thread_is(connection, key, answer.sent)).decode(),
            msgspec.json.encode(answer.settings.given()).decode(),
            answer.answer.text,
            micros(now),
            key,
        ],
    )


def drop_words(connection: Connection, team: str, key: str) -> None:
    """Delete an answer; of one on which somebody has voted, only the votes and corrections stay."""
    connection.execute(
        "DELETE FROM rated_answers WHERE team = ? AND key = ? AND key NOT IN (SELECT answer FROM votes)",
        [team, key],
    )
    nothing = msgspec.json.encode((Turn(TurnRole.USER, ""),)).decode()
    connection.execute(
        "UPDATE rated_answers SET turns = ?, text = '' WHERE team = ? AND key = ?", [nothing, team, key]
    )


def exchanges_of(connection: Connection, team: str, keys: Sequence[str]) -> set[tuple[str, str, str]]:
    """Return the channel, the words and the answer of each of these questions, as later prompts hold them."""
    these = ", ".join("?" * len(keys))
    rows = connection.query(
        f"""
        SELECT channel, turns.question, role, text FROM turns
          JOIN conversations ON conversations.id = turns.conversation
        WHERE turns.team = ? AND turns.question IN ({these}) ORDER BY turns.id
        """,  # noqa: S608 - the text holds question marks only
        [team, *keys],
    )
    said: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        said.setdefault((row["channel"], row["question"]), {})[row["role"]] = row["text"]
    found = {(channel, turns.get("user", ""), turns.get("model", "")) for (channel, _), turns in said.items()}
    asked = connection.query(
        f"SELECT channel, turns, text FROM rated_answers WHERE team = ? AND key IN ({these})",  # noqa: S608
        [team, *keys],
    )
    return found | {(row["channel"], *_own_exchange(row)) for row in asked}


def change_in_histories(
    connection: Connection, team: str, exchanges: set[tuple[str, str, str]], text: str | None
) -> None:
    """Change the text of these questions in the prompts of later answers; None removes them with their answers."""
    for channel in {each[0] for each in exchanges}:
        own = {(said, answer) for where, said, answer in exchanges if where == channel}
        query = "SELECT key, turns FROM rated_answers WHERE team = ? AND channel = ?"
        for row in list(connection.query(query, [team, channel])):
            turns = parsed(_TURNS, row["turns"])
            kept = _without(turns, own) if text is None else _reworded(turns, own, text)
            if kept != turns:
                stored = msgspec.json.encode(kept).decode()
                connection.execute("UPDATE rated_answers SET turns = ? WHERE key = ?", [stored, row["key"]])


class SqliteFeedback:
    """The FeedbackStore of `bot.ports`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def switch(self, team: str) -> FeedbackSwitch | None:
        def read(connection: Connection) -> FeedbackSwitch | None:
            rows = connection.query("SELECT * FROM feedback_switches WHERE team = ?", [team])
            return next((FeedbackSwitch(bool(row["is_on"]), row["user"], moment(row["at"])) for row in rows), None)

        return await self._database.run(read)

    async def set_switch(self, team: str, user: str, *, on: bool) -> None:
        row = {"team": team, "is_on": int(on), "user": user, "at": micros(self._clock.now())}
        await self._database.write(
            lambda connection: connection.table("feedback_switches").insert(row, replace=True)
        )

    async def answer(self, team: str, key: str) -> RatedAnswer | None:
        def read(connection: Connection) -> RatedAnswer | None:
            rows = connection.query("SELECT * FROM rated_answers WHERE team = ? AND key = ?", [team, key])
            return next(map(_read_answer, rows), None)

        return await self._database.run(read)

    async def vote(self, answer: RatedAnswer, user: str, vote: Vote) -> None:
        now = micros(self._clock.now())

        def write(connection: Connection) -> None:
            connection.execute(
                """
                INSERT INTO votes (answer, user, team, vote, voted_at) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (answer, user) DO UPDATE SET vote = excluded.vote, voted_at = excluded.voted_at
                """,
                [answer.key, user, answer.place.team, vote.value, now],
            )
            if vote is Vote.UP:
                connection.execute(
                    "UPDATE votes SET question = '', correction = '', corrected_at = NULL "
                    "WHERE answer = ? AND user = ?",
                    [answer.key, user],
                )

        await self._database.write(write)

    async def correct(self, answer: RatedAnswer, user: str, question: str, text: str) -> None:
        now = micros(self._clock.now())

        def write(connection: Connection) -> None:
            connection.execute(
                """
                INSERT INTO votes (answer, user, team, vote, question, correction, voted_at, corrected_at)
                VALUES (?, ?, ?, 'down', ?, ?, ?, ?)
                ON CONFLICT (answer, user) DO UPDATE SET vote = 'down', question = excluded.question,
                  correction = excluded.correction, corrected_at = excluded.corrected_at
                """,
                [answer.key, user, answer.place.team, question, text, now, now],
            )

        await self._database.write(write)

    async def sums(self, team: str, model: ModelRef) -> FeedbackSums:
        def read(connection: Connection) -> FeedbackSums:
            rows = connection.query(
                """
                SELECT COUNT(*) FILTER (WHERE votes.vote = 'up') AS up,
                  COUNT(*) FILTER (WHERE votes.vote = 'down') AS down,
                  COUNT(votes.corrected_at) AS corrections
                FROM votes JOIN rated_answers ON rated_answers.key = votes.answer
                WHERE rated_answers.team = ? AND backend = ? AND endpoint = ?
                """,
                [team, model.backend, model.endpoint],
            )
            return next(FeedbackSums(row["up"], row["down"], row["corrections"]) for row in rows)

        return await self._database.run(read)

    async def corrections(self, team: str, model: ModelRef) -> Sequence[Correction]:
        def read(connection: Connection) -> list[Correction]:
            rows = connection.query(
                """
                SELECT rated_answers.*, votes.user AS corrector, votes.question, votes.correction,
                  votes.corrected_at
                FROM votes JOIN rated_answers ON rated_answers.key = votes.answer
                WHERE rated_answers.team = ? AND backend = ? AND endpoint = ? AND corrected_at IS NOT NULL
                ORDER BY corrected_at, votes.rowid
                """,
                [team, model.backend, model.endpoint],
            )
            return [
                Correction(
                    _read_answer(row),
                    row["corrector"],
                    row["question"],
                    row["correction"],
                    moment(row["corrected_at"]),
                )
                for row in rows
            ]

        return await self._database.run(read)

    async def export_version(self, team: str, model: ModelRef, user: str, sha256: str) -> int:
        now = micros(self._clock.now())

        def write(connection: Connection) -> int:
            of_model = [team, model.backend, model.endpoint]
            rows = list(
                connection.query(
                    "SELECT version, sha256 FROM feedback_exports WHERE team = ? AND backend = ? AND endpoint = ?",
                    of_model,
                )
            )
            known = next((row["version"] for row in rows if row["sha256"] == sha256), None)
            if known is not None:
                return int(known)
            version = max((int(row["version"]) for row in rows), default=0) + 1
            connection.execute(
                "INSERT INTO feedback_exports (team, backend, endpoint, version, sha256, user, at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [*of_model, version, sha256, user, now],
            )
            return version

        return await self._database.write(write)

    async def forget_person(self, team: str, user: str) -> None:
        def forget(connection: Connection) -> None:
            connection.execute("DELETE FROM votes WHERE team = ? AND user = ?", [team, user])
            _forget_in_histories(connection, team, user)
            connection.execute(
                "DELETE FROM votes WHERE answer IN (SELECT key FROM rated_answers WHERE team = ? AND user = ?)",
                [team, user],
            )
            connection.execute("DELETE FROM rated_answers WHERE team = ? AND user = ?", [team, user])
            connection.execute("UPDATE feedback_exports SET user = '' WHERE team = ? AND user = ?", [team, user])

        await self._database.write(forget)


def _forget_in_histories(connection: Connection, team: str, user: str) -> None:
    """Take the person's questions, and their answers, out of the histories of other people's questions."""
    asked = list(
        connection.query(
            "SELECT channel, turns, text FROM rated_answers WHERE team = ? AND user = ?", [team, user]
        )
    )
    for channel in {row["channel"] for row in asked}:
        own = {_own_exchange(row) for row in asked if row["channel"] == channel}
        others = list(
            connection.query(
                "SELECT key, turns FROM rated_answers WHERE team = ? AND channel = ? AND user <> ?",
                [team, channel, user],
            )
        )
        for row in others:
            turns = parsed(_TURNS, row["turns"])
            kept = _without(turns, own)
            if kept != turns:
                stored = msgspec.json.encode(kept).decode()
                connection.execute("UPDATE rated_answers SET turns = ? WHERE key = ?", [stored, row["key"]])


def _own_exchange(row: Row) -> tuple[str, str]:
    return parsed(_TURNS, row["turns"])[-1].text, row["text"]


def _without(turns: tuple[Turn, ...], exchanges: set[tuple[str, str]]) -> tuple[Turn, ...]:
    """Return the turns without these pairs of question and answer."""
    kept: list[Turn] = []
    skip = False
    for turn, following in zip(turns, (*turns[1:], None), strict=True):
        if skip:
            skip = False
            continue
        asked = turn.role is TurnRole.USER and following is not None
        skip = asked and following is not None and (turn.text, following.text) in exchanges
        if not skip:
            kept.append(turn)
    return tuple(kept)


def _as_the_thread_is(connection: Connection, key: str, sent: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Return what was sent, without what was edited or deleted in the thread while the model answered."""
    rows = connection.query(
        """
        SELECT turns.role, turns.text FROM questions
          JOIN conversations USING (team, channel, thread) JOIN turns ON turns.conversation = conversations.id
        WHERE questions.key = ? ORDER BY turns.id
        """,
        [key],
    )
    said = [Turn(TurnRole(row["role"]), row["text"]) for row in rows]
    there = {(turn.text, following.text) for turn, following in pairwise(said) if turn.role is TurnRole.USER}
    before = {(turn.text, following.text) for turn, following in pairwise(sent) if turn.role is TurnRole.USER}
    return _without(sent, before - there)


def _reworded(turns: tuple[Turn, ...], exchanges: set[tuple[str, str]], text: str) -> tuple[Turn, ...]:
    """Return the turns with this text as the question of each of these pairs of question and answer."""
    return tuple(
        Turn(TurnRole.USER, text)
        if turn.role is TurnRole.USER and following is not None and (turn.text, following.text) in exchanges
        else turn
        for turn, following in zip(turns, (*turns[1:], None), strict=True)
    )


def _read_answer(row: Row) -> RatedAnswer:
    return RatedAnswer(
        key=row["key"],
        place=read_place(row),
        user=row["user"],
        model=read_model(row),
        turns=parsed(_TURNS, row["turns"]),
        settings=row["settings"],
        text=row["text"],
        answered_at=moment(row["answered_at"]),
    )
