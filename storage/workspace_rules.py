"""Stores what owners decide in Slack, with a line of the audit log in the same transaction: roles and budgets."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sqlite_utils import Database as Connection

from bot.domain.budgets import WORKSPACE, Budget, Purpose
from bot.domain.place import Requester
from bot.domain.roles import Role, RoleGrant
from bot.ports.clock import Clock
from bot.ports.stores import AuditEntry
from storage.audit_log import append_entry
from storage.codecs import Row, micros, moment
from storage.database import Database

_BUDGET_ORDER = "ORDER BY subject <> 'workspace', subject, purpose"


class SqliteRoles:
    """The RoleStore of `bot.ports`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def grants(self, team: str) -> Sequence[RoleGrant]:
        def read(connection: Connection) -> list[RoleGrant]:
            rows = connection.query("SELECT * FROM roles WHERE team = ? ORDER BY given_at, rowid", [team])
            return [
                RoleGrant(Role(row["role"]), row["grantee"], row["given_by"], moment(row["given_at"]))
                for row in rows
            ]

        return await self._database.run(read)

    async def give(self, requester: Requester, role: Role, grantee: str) -> bool:
        now = self._clock.now()
        values = [requester.team, role, grantee, requester.user, micros(now)]
        insert = "INSERT OR IGNORE INTO roles (team, role, grantee, given_by, given_at) VALUES (?, ?, ?, ?, ?)"
        return await self._change(requester, "give a role", f"{role} {grantee}", insert, values)

    async def take(self, requester: Requester, role: Role, grantee: str) -> bool:
        delete = "DELETE FROM roles WHERE team = ? AND role = ? AND grantee = ?"
        values = [requester.team, role, grantee]
        return await self._change(requester, "take a role", f"{role} {grantee}", delete, values)

    async def _change(
        self, requester: Requester, action: str, subject: str, statement: str, values: list[Any]
    ) -> bool:
        """Carry out a statement that changes one row at most, and write it to the audit log if it did."""
        act = AuditEntry(requester.user, action, self._clock.now(), requester.place.channel)

        def write(connection: Connection) -> bool:
            if connection.execute(statement, values).rowcount != 1:
                return False
            append_entry(connection, requester.team, act, subject)
            return True

        return await self._database.write(write)


class SqliteBudgets:
    """The BudgetStore of `bot.ports`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def budgets(self, team: str) -> Sequence[Budget]:
        query = f"SELECT * FROM budgets WHERE team = ? {_BUDGET_ORDER}"  # noqa: S608 - constant text
        return await self._database.run(lambda connection: _read_budgets(connection.query(query, [team])))

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
    SELECT * FROM budgets WHERE team = ? AND purpose = ? AND subject IN (?, ?, ?) {_BUDGET_ORDER}
    """  # noqa: S608 - constant text
    return tuple(_read_budgets(connection.query(query, [team, purpose.value, WORKSPACE, channel, user])))


def _read_budgets(rows: Iterable[Row]) -> list[Budget]:
    return [
        Budget(row["subject"], Purpose(row["purpose"]), Decimal(row["usd"]), row["set_by"], moment(row["set_at"]))
        for row in rows
    ]
