"""Builds the answer to `/tune budget`: each budget of the month, and what is used of it."""

from collections.abc import Sequence
from typing import Final

from bot.domain.budgets import WORKSPACE
from bot.domain.spending import usd_text
from bot.spending.budget_check import BudgetUse
from handlers.blocks.elements import context, section
from handlers.blocks.formatting import count
from handlers.blocks.message import Message, compose, mention

_SHOWN: Final = 30
_HOW: Final = (
    "A budget is for a calendar month, in UTC. A tuning that has not ended counts with the most that it may cost. "
    "At the edge, starts and questions are refused; owners and administrators set budgets."
)


def build_budgets(uses: Sequence[BudgetUse], *, with_people: bool = True) -> Message:
    """Build the list; `with_people` mentions people, so it is for a message that only one person sees."""
    shown = [use for use in uses if with_people or not _is_person(use)]
    lines = [_line(use) for use in shown[:_SHOWN]] or ["There is no budget that binds you here."]
    if len(shown) > _SHOWN:
        lines.append(f"And {len(shown) - _SHOWN:,} more.")
    text = "\n".join(lines)
    return compose(f"{text}\n{_HOW}", [section(text, "budgets"), context(_HOW, "budgets_how")])


def _line(use: BudgetUse) -> str:
    budget = use.budget
    unknown = f"; {count(use.unknown, 'item')} of unknown price not counted" if use.unknown else ""
    return (
        f"• {_subject(budget.subject)}, {budget.purpose}: {usd_text(use.used)} of {usd_text(budget.usd)} "
        f"({use.percent}%){unknown}"
    )


def _subject(subject: str) -> str:
    if subject == WORKSPACE:
        return "This workspace"
    return mention(subject) if subject.startswith(("U", "W")) else f"<#{subject}>"


def _is_person(use: BudgetUse) -> bool:
    return use.budget.subject.startswith(("U", "W"))
