"""Stores the budgets of workspaces, channels and people, and reads those that bind a start."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from sqlite_utils import Database as Connection

from bot.domain.budgets import WORKSPACE, Budget, Purpose
from bot.domain.place import Requester
from bot.ports.clock import Clock
from bot.ports.stores import AuditEntry
from storage.audit_log import append_entry
from storage.codecs import Row, micros, moment
from storage.database import Database

_ORDER = "ORDER BY subject <> 'workspace', subject, purpose"


class SqliteBudgets:
    """The BudgetStore of `bot.ports`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def budgets(self, team: str) -> Sequence[Budget]:
        query = f"SELECT * FROM budgets WHERE team = ? {_ORDER}"  # noqa: S608 - constant text
        return await self._database.run(lambda connection: _read(connection.query(query, [team])))

    async def set(self, requester: Requester, subject: str, purpose: Purpose, usd: Decimal | None) -> None:
        now = self._clock.now()
        result = "none" if usd is None else format(usd, "f")
        act = AuditEntry(requester.user, "set a budget", now, requester.place.channel, result)
        key = [requester.team, subject, purpose.value]

        def write(connection: Connection) -> None:
            connection.execute("DELETE FROM budgets WHERE team = ? AND subject = ? AND purpose = ?", key)
            if usd is not None:
                values = [*key, format(usd, "f"), requester.user, micros(now)]
                insert = (
                    "INSERT INTO budgets (team, subject, purpose, usd, set_by, set_at) VALUES (?, ?, ?, ?, ?, ?)"
                )
                connection.execute(insert, values)
            append_entry(connection, requester.team, act, f"{subject} {purpose}")

        await self._database.write(write)


def binding_budgets(
    connection: Connection, team: str, purpose: Purpose, channel: str, user: str
) -> tuple[Budget, ...]:
    """Return the budgets that bind what this person spends in this channel."""
    query = f"""
    SELECT * FROM budgets WHERE team = ? AND purpose = ? AND subject IN (?, ?, ?) {_ORDER}
    """  # noqa: S608 - constant text
    return tuple(_read(connection.query(query, [team, purpose.value, WORKSPACE, channel, user])))


def _read(rows: Iterable[Row]) -> list[Budget]:
    return [
        Budget(row["subject"], Purpose(row["purpose"]), Decimal(row["usd"]), row["set_by"], moment(row["set_at"]))
        for row in rows
    ]
