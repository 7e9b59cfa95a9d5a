"""Budgets and roles in a real database: each is of one workspace only, and a change is in the audit log."""

from decimal import Decimal

from bot.domain.budgets import WORKSPACE, Purpose
from bot.domain.place import Place, Requester
from bot.domain.roles import Role, RoleGrant
from storage.database import Database
from storage.workspace_rules import SqliteBudgets, SqliteRoles, binding_budgets
from tests.support.builders import OTHER_TEAM, START, TEAM
from tests.support.clock import FixedClock

ADA = Requester("U0ADA", Place(TEAM, "C0GENERAL"))
THEIRS = Requester("U0EVE", Place(OTHER_TEAM, "C0GENERAL"))


async def test_a_budget_is_replaced_and_taken_away_with_a_line_in_the_audit_log(database: Database) -> None:
    budgets = SqliteBudgets(database, FixedClock())
    for usd in (Decimal("0.1"), Decimal("1000000.30"), None, Decimal("7.10")):
        await budgets.set(ADA, "C1", Purpose.TUNING, usd)
    await budgets.set(ADA, WORKSPACE, Purpose.QUESTIONS, Decimal(5))
    await budgets.set(THEIRS, WORKSPACE, Purpose.TUNING, Decimal(9))
    found = [(each.subject, each.purpose, each.usd) for each in await budgets.budgets(TEAM)]
    assert found == [(WORKSPACE, Purpose.QUESTIONS, Decimal(5)), ("C1", Purpose.TUNING, Decimal("7.10"))]
    audit = await database.run(
        lambda db: [(row["subject"], row["result"]) for row in db.query("SELECT * FROM audit")]
    )
    assert audit[:4] == [
        ("C1 tuning", "0.1"),
        ("C1 tuning", "1000000.30"),
        ("C1 tuning", "none"),
        ("C1 tuning", "7.10"),
    ]
    binding = await database.run(lambda db: binding_budgets(db, TEAM, Purpose.TUNING, "C1", "U9"))
    assert [each.subject for each in binding] == ["C1"]


async def test_roles_of_one_workspace_are_given_once_and_taken_once(database: Database, clock: FixedClock) -> None:
    roles = SqliteRoles(database, clock)
    assert await roles.give(ADA, Role.TUNER, "S0GROUP")
    clock.advance(seconds=1)
    assert not await roles.give(ADA, Role.TUNER, "S0GROUP")
    assert await roles.grants(TEAM) == [RoleGrant(Role.TUNER, "S0GROUP", "U0ADA", START)]
    assert await roles.grants(OTHER_TEAM) == []
    assert not await roles.take(Requester("U0ADA", Place(OTHER_TEAM, "C0A")), Role.TUNER, "S0GROUP")
    assert await roles.take(ADA, Role.TUNER, "S0GROUP")
    assert not await roles.take(ADA, Role.TUNER, "S0GROUP")
    assert await roles.grants(TEAM) == []
