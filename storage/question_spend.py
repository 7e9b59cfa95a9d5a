"""Adds up what answered questions cost: a row for each month, channel, person and base model, exact."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from sqlite_utils import Database as Connection

from bot.domain.spending import QuestionCost, QuestionSum, sum_of
from bot.spending.month_report import month_of
from storage.codecs import Row
from storage.database import Database

_KEY = "month = ? AND team = ? AND channel = ? AND user = ? AND base_model = ?"


class SqliteQuestionSpend:
    """The QuestionSpendStore of `bot.ports`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sums(self, team: str | None, since: date, until: date) -> Sequence[QuestionSum]:
        query = """
        SELECT * FROM question_spend WHERE (team = :team OR :team IS NULL) AND month >= :since AND month < :until
        ORDER BY month, team, channel, user, base_model
        """
        values = {"team": team, "since": since.isoformat(), "until": until.isoformat()}
        return await self._database.run(lambda connection: list(map(_read, connection.query(query, values))))


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
