"""What people type after `/tune budget`."""

from decimal import Decimal

import pytest

from bot.domain.budgets import Purpose
from bot.errors import BadArgument
from handlers.syntax.arguments import NO_ARGUMENTS
from handlers.syntax.budget_words import BudgetChange, parse_budget_words
from handlers.syntax.commands import Runner
from handlers.syntax.typed_text import parse_tune


@pytest.mark.parametrize(
    ("typed", "subject", "purpose", "usd"),
    [
        ("500 for workspace", "workspace", Purpose.TUNING, Decimal(500)),
        ("$1,234.50 FOR Workspace", "workspace", Purpose.TUNING, Decimal("1234.50")),
        ("0 for <#C0LAB|lab>", "C0LAB", Purpose.TUNING, Decimal(0)),
        ("none for <@U0ADA>", "U0ADA", Purpose.TUNING, None),
        ("20.5 questions for <@U0ADA|ada>", "U0ADA", Purpose.QUESTIONS, Decimal("20.5")),
        ("7 tuning workspace", "workspace", Purpose.TUNING, Decimal(7)),
    ],
)
def test_an_amount_and_for_whom(typed: str, subject: str, purpose: Purpose, usd: Decimal | None) -> None:
    assert parse_budget_words(typed) == BudgetChange(subject, purpose, usd)
    command = parse_tune(f"budget {typed}")
    assert command.runner is Runner.BUDGET
    assert command.arguments.budget == BudgetChange(subject, purpose, usd)


@pytest.mark.parametrize(
    "typed",
    [
        "500",
        "for workspace",
        "much for workspace",
        "-1 for workspace",
        "NaN for workspace",
        "1e400 for workspace",
        "0.001 for workspace",
        "9999999999 for workspace",
        "5 6 for workspace",
        "5 apples for workspace",
        "5 for Bob",
    ],
)
def test_what_is_no_budget_is_refused_in_words(typed: str) -> None:
    with pytest.raises(BadArgument):
        parse_budget_words(typed)


def test_alone_it_shows_the_budgets() -> None:
    assert parse_tune("budget").arguments == NO_ARGUMENTS
