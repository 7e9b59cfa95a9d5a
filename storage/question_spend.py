"""Adds up what questions cost: a row for each month, channel, person and base model, exact.

It also holds the calls that are under way, so that one whose answer is lost is counted all the same.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from sqlite_utils import Database as Connection

from bot.domain.chat import Question
from bot.domain.spending import QuestionCost, QuestionSum, sum_of
from bot.ports.clock import Clock
from bot.ports.stores import AuditEntry
from bot.spending.month_report import month_of
from storage.audit_log import append_entry
from storage.codecs import Row
from storage.database import Database

_KEY = "month = ? AND team = ? AND channel = ? AND user = ? AND base_model = ?"


class SqliteQuestionSpend:
    """The QuestionSpendStore of `bot.ports`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin_call(self, question: Question, expected: QuestionCost, endpoint: str) -> None:
        now = self._clock.now()
        row = {
            "key": question.key,
            "team": question.place.team,
            "channel": question.place.channel,
            "user": question.user,
            "endpoint": endpoint,
            "base_model": expected.base_model,
            "usd": None if expected.usd is None else format(expected.usd, "f"),
        }

        def begin(connection: Connection) -> None:
            _count_lost(connection, "key = ?", [question.key], now)
            connection.table("calls_under_way").insert(row)

        # Not durable: a killed process loses nothing of it, and a power failure what a call may have cost.
        await self._database.write(begin, durable=False)

    async def end_call(self, key: str, *, lost: bool) -> None:
        now = self._clock.now()

        def end(connection: Connection) -> None:
            if lost:
                _count_lost(connection, "key = ?", [key], now)
            else:
                forget_call(connection, key)

        await self._database.write(end, durable=False)

    async def count_lost(self) -> int:
        now = self._clock.now()
        return await self._database.write(lambda connection: _count_lost(connection, "1", [], now))

    async def sums(self, team: str | None, since: date, until: date) -> Sequence[QuestionSum]:
        query = """
        SELECT * FROM question_spend WHERE (team = :team OR :team IS NULL) AND month >= :since AND month < :until
        ORDER BY month, team, channel, user, base_model
        """
        values = {"team": team, "since": since.isoformat(), "until": until.isoformat()}
        return await self._database.run(lambda connection: list(map(_read, connection.query(query, values))))


def forget_call(connection: Connection, key: str) -> None:
    """End a call, in the transaction that stores its answer and what that cost."""
    connection.execute("DELETE FROM calls_under_way WHERE key = ?", [key])


def _count_lost(connection: Connection, where: str, values: list[str], now: datetime) -> int:
    """Count what these calls may have cost, and end them; `where` is constant text."""
    lost = list(connection.query(f"SELECT * FROM calls_under_way WHERE {where}", values))  # noqa: S608
    for row in lost:
        usd = None if row["usd"] is None else Decimal(row["usd"])
        cost = QuestionCost(row["base_model"], None, usd)
        add_question(connection, row["team"], row["channel"], row["user"], cost, now)
        act = AuditEntry(row["user"], "ask", now, row["channel"], "the answer was lost")
        append_entry(connection, row["team"], act, row["endpoint"])
        forget_call(connection, row["key"])
    return len(lost)


def add_question(
    connection: Connection, team: str, channel: str, user: str, cost: QuestionCost, now: datetime
) -> None:
    """Add one answered question, in the transaction that stores its answer."""
    key = [month_of(now).isoformat(), team, channel, user, cost.base_model]
    before = next(map(_read, connection.query(f"SELECT * FROM question_spend WHERE {_KEY}", key)), None)  # noqa: S608
    use = cost.use
    values = [
        (before.questions if before else 0) + 1,
        (before.unknown if before else 0) + (cost.usd is None),
        (before.input_tokens if before else 0) + (use.input if use else 0),
        (before.output_tokens if before else 0) + (use.output if use else 0),
        format(sum_of(before.usd if before else Decimal(0), cost.usd or Decimal(0)), "f"),
    ]
    connection.execute(
        """
        INSERT OR REPLACE INTO question_spend
          (month, team, channel, user, base_model, questions, unknown, input_tokens, output_tokens, usd)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [*key, *values],
    )


def _read(row: Row) -> QuestionSum:
    return QuestionSum(
        month=date.fromisoformat(row["month"]),
        team=row["team"],
        channel=row["channel"],
        user=row["user"],
        base_model=row["base_model"],
        questions=row["questions"],
        unknown=row["unknown"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        usd=Decimal(row["usd"]),
    )
