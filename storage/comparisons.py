"""Stores comparisons of two models: their hidden order, their answers until both are posted, and people's votes.

A comparison without a vote is deleted after `KEPT_WITHOUT_VOTE`. Its words are kept no longer than its question,
unless the workspace stores feedback.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlite_utils import Database as Connection

from bot.domain.chat import ModelAnswer, ModelRef, Question
from bot.domain.comparison import Comparison, ComparisonSum, Part, Preference, Side, call_key
from bot.domain.spending import QuestionCost
from bot.ports.clock import Clock
from bot.ports.stores import AuditEntry
from storage.audit_log import append_entry
from storage.codecs import Row, answer_text, micros, read_answer, read_model, read_place
from storage.database import Database
from storage.question_spend import add_question, forget_call

KEPT_WITHOUT_VOTE: Final = timedelta(days=30)


class SqliteComparisons:
    """The ComparisonStore of `bot.ports`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, question: Question, sides: tuple[Side, Side]) -> Comparison:
        key, place, now = question.key, question.place, micros(self._clock.now())

        def write(connection: Connection) -> Comparison:
            same = connection.query("SELECT 1 FROM comparisons WHERE key = ? AND text = ?", [key, question.text])
            found = _read(connection, key) if next(same, None) is not None else None
            # An edit of the message may name another model with the same question.
            if found is not None and _models(found.sides) == _models(sides):
                return found
            row = {
                "key": key,
                "team": place.team,
                "channel": place.channel,
                "thread": place.thread,
                "user": question.user,
                "text": question.text,
                "asked_at": now,
            }
            connection.table("comparisons").insert(row, replace=True)
            for index, side in enumerate(sides):
                model = side.model
                made = {
                    "comparison": key,
                    "side": index,
                    "team": place.team,
                    "part": side.part.value,
                    "backend": model.backend,
                    "endpoint": model.endpoint,
                    "name": model.name,
                }
                connection.table("comparison_sides").insert(made, replace=True)
            return Comparison(key, place, question.user, sides)

        return await self._database.write(write)

    async def comparison(self, key: str) -> Comparison | None:
        return await self._database.run(lambda connection: _read(connection, key))

    async def store_side(self, key: str, index: int, answer: ModelAnswer, cost: QuestionCost | None) -> None:
        now = self._clock.now()
        settings = {**answer.settings.given(), "system_instruction": None}  # which may hold a person's words
        kept = {name: value for name, value in settings.items() if value is not None}
        change = """
        UPDATE comparison_sides SET reply = ?, settings = ? WHERE comparison = ? AND side = ? AND reply IS NULL
        """
        values = [answer_text(answer), msgspec.json.encode(kept).decode(), key, index]

        def write(connection: Connection) -> None:
            if not connection.execute(change, values).rowcount:
                return
            forget_call(connection, call_key(key, index))
            for row in connection.query("SELECT team, channel, user FROM comparisons WHERE key = ?", [key]):
                if cost is not None:
                    add_question(connection, row["team"], row["channel"], row["user"], cost, now)
                act = AuditEntry(row["user"], "ask", now, row["channel"])
                append_entry(connection, row["team"], act, answer.model.endpoint)

        await self._database.write(write)

    async def vote(self, comparison: Comparison, user: str, choice: Preference) -> None:
        now = micros(self._clock.now())
        change = """
        INSERT INTO comparison_votes (comparison, user, team, choice, voted_at)
        SELECT key, ?, team, ?, ? FROM comparisons WHERE key = ?
        ON CONFLICT (comparison, user) DO UPDATE SET choice = excluded.choice, voted_at = excluded.voted_at
        """
        values = [user, choice.value, now, comparison.key]
        await self._database.write(lambda connection: connection.execute(change, values))

    async def sums(self, team: str, model: ModelRef) -> Sequence[ComparisonSum]:
        query = """
        SELECT other.backend, other.endpoint, MAX(other.name) AS name, other.part = 'base' AS against_base,
          COUNT(*) FILTER (WHERE choice = CASE own.side WHEN 0 THEN 'a' ELSE 'b' END) AS better,
          COUNT(*) FILTER (WHERE choice = CASE own.side WHEN 0 THEN 'b' ELSE 'a' END) AS worse,
          COUNT(*) FILTER (WHERE choice = 'same') AS same
        FROM comparison_sides AS own
          JOIN comparison_sides AS other ON other.comparison = own.comparison AND other.side <> own.side
          JOIN comparison_votes AS votes ON votes.comparison = own.comparison
        WHERE own.team = ? AND own.endpoint = ? AND own.backend = ?
        GROUP BY other.backend, other.endpoint, against_base ORDER BY against_base DESC, name
        """

        def read(connection: Connection) -> list[ComparisonSum]:
            rows = connection.query(query, [team, model.endpoint, model.backend])
            return [
                ComparisonSum(read_model(row), bool(row["against_base"]), row["better"], row["worse"], row["same"])
                for row in rows
            ]

        return await self._database.run(read)


def end_comparison(connection: Connection, key: str, now: datetime, *, keep_words: bool) -> None:
    """End a comparison in the transaction that stores its whole answer, which from then on stands for both."""
    old = """
    SELECT key FROM comparisons WHERE asked_at <= ? AND finished_at IS NOT NULL
      AND key NOT IN (SELECT comparison FROM comparison_votes)
    """
    for row in list(connection.query(old, [micros(now - KEPT_WITHOUT_VOTE)])):
        _delete(connection, row["key"])
    connection.execute("UPDATE comparisons SET finished_at = ? WHERE key = ?", [micros(now), key])
    if not keep_words:
        forget_words(connection, key)


def drop_unfinished(connection: Connection, key: str) -> None:
    """Delete the comparison of a question that was settled without an answer."""
    if next(connection.query("SELECT 1 FROM comparisons WHERE key = ? AND finished_at IS NULL", [key]), None):
        _delete(connection, key)


def forget_comparisons(connection: Connection, team: str, user: str) -> None:
    """Delete a person's votes, and the words and the name in what they asked; what others voted still counts."""
    connection.execute("DELETE FROM comparison_votes WHERE team = ? AND user = ?", [team, user])
    asked = "SELECT key FROM comparisons WHERE team = ? AND user = ? AND finished_at IS NOT NULL"
    for row in list(connection.query(asked, [team, user])):
        forget_words(connection, row["key"])
        forget_asker(connection, row["key"])


def forget_finished(connection: Connection, team: str, key: str) -> None:
    """Erase the words of a comparison whose message was deleted, if it has ended: until then it needs them."""
    finished = "SELECT 1 FROM comparisons WHERE team = ? AND key = ? AND finished_at IS NOT NULL"
    if next(connection.query(finished, [team, key]), None) is not None:
        forget_words(connection, key)


def _delete(connection: Connection, key: str) -> None:
    connection.execute("DELETE FROM comparison_votes WHERE comparison = ?", [key])
    connection.execute("DELETE FROM comparison_sides WHERE comparison = ?", [key])
    connection.execute("DELETE FROM comparisons WHERE key = ?", [key])


def forget_asker(connection: Connection, key: str) -> None:
    """Erase who asked for the comparison; what others voted on it still counts."""
    connection.execute("UPDATE comparisons SET user = '' WHERE key = ?", [key])


def forget_words(connection: Connection, key: str) -> None:
    """Erase the question and the answers; what people voted on them still counts."""
    connection.execute("UPDATE comparisons SET text = '' WHERE key = ?", [key])
    connection.execute("UPDATE comparison_sides SET reply = NULL WHERE comparison = ?", [key])


def _read(connection: Connection, key: str) -> Comparison | None:
    row = next(connection.query("SELECT * FROM comparisons WHERE key = ?", [key]), None)
    sides = connection.query("SELECT * FROM comparison_sides WHERE comparison = ? ORDER BY side", [key])
    if row is None:
        return None
    first, second = map(_side, sides)
    return Comparison(key, read_place(row), row["user"], (first, second))


def _models(sides: Iterable[Side]) -> set[tuple[Part, str, str]]:
    return {(side.part, side.model.backend, side.model.endpoint) for side in sides}


def _side(row: Row) -> Side:
    return Side(read_model(row), Part(row["part"]), None if row["reply"] is None else read_answer(row["reply"]))
