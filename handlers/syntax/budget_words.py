"""Reads what follows `/tune budget`: an amount, and for whom."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from bot.domain.budgets import WORKSPACE, Purpose
from bot.errors import BadArgument
from handlers.syntax.lexer import named_target, shown, undo_markup

NONE: Final = "none"
_HIGHEST: Final = Decimal(1_000_000_000)
_USAGE: Final = (
    "Write /tune budget 500 for workspace, or #CHANNEL or @PERSON in place of workspace, or none in place of 500."
)


@dataclass(frozen=True, slots=True)
class BudgetChange:
    """A budget to set for each month; `usd` is None to have none."""

    subject: str
    purpose: Purpose
    usd: Decimal | None


def parse_budget_words(rest: str) -> BudgetChange:
    """Parse `500 for workspace`, `none questions for <#C1>`, ... with Slack's markup. Raises BadArgument."""
    line = " ".join(rest.split())
    if line.lower().endswith(f" {WORKSPACE}"):
        before, subject = line[: -len(WORKSPACE)], WORKSPACE
    else:
        before, subject = named_target(line)
    words = undo_markup(before).lower().split()
    purpose = Purpose.TUNING
    if words[-1:] == ["for"]:
        words.pop()
    if words[-1:] in ([Purpose.TUNING.value], [Purpose.QUESTIONS.value]):
        purpose = Purpose(words.pop())
    if len(words) != 1:
        raise BadArgument(f"I do not know which budget “{shown(undo_markup(rest))}” is.", _USAGE)
    return BudgetChange(subject, purpose, None if words[0] == NONE else _amount(words[0]))


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text.removeprefix("$").replace(",", ""))
    except InvalidOperation:
        raise BadArgument(f"“{shown(text)}” is no amount of US dollars.", _USAGE) from None
    exponent = amount.as_tuple().exponent
    if not amount.is_finite() or not 0 <= amount <= _HIGHEST or not isinstance(exponent, int) or exponent < -2:
        raise BadArgument(f"“{shown(text)}” is no amount of US dollars and cents.", _USAGE)
    return amount
