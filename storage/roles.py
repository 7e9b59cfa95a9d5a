"""Stores the roles that owners give in Slack."""

from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database as Connection

from bot.domain.place import Requester
from bot.domain.roles import Role, RoleGrant
from bot.ports.clock import Clock
from bot.ports.stores import AuditEntry
from storage.audit_log import append_entry
from storage.codecs import micros, moment
from storage.database import Database


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
