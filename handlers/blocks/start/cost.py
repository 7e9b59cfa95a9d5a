"""Builds what a start may cost, as part of the report, and the view that asks for the second yes."""

from typing import Any

from bot.domain.place import Requester
from bot.domain.spending import TuningEstimate
from bot.errors import ConfirmationNeeded
from bot.spending.estimate_text import (
    asking_sentence,
    certainty_sentence,
    cost_sentence,
    passes_sentence,
    passes_table,
    retirement_sentence,
    token_sentence,
)
from handlers.blocks.elements import context, modal, section
from handlers.blocks.message import Block, escape, escape_line
from handlers.blocks.private_metadata import pack_requester

CONFIRM_VIEW = "start_confirmed"


def build_cost(estimate: TuningEstimate, confirmation: str) -> list[Block]:
    """Build the price of a start; `confirmation` is why it needs a second yes, empty if it needs none."""
    blocks = [
        section(f"*{_line(cost_sentence(estimate))}* {_line(token_sentence(estimate))}", "cost"),
        section(f"{_line(passes_sentence(estimate))}\n```{escape(passes_table(estimate))}```", "cost_passes"),
        context(" ".join(map(_line, filter(None, _later(estimate)))), "cost_asking"),
    ]
    if confirmation:
        blocks.append(section(f"*I ask you once more before this starts.* {_line(confirmation)}", "cost_confirm"))
    return blocks


def _later(estimate: TuningEstimate) -> tuple[str, ...]:
    return asking_sentence(estimate), retirement_sentence(estimate), certainty_sentence(estimate)


def cost_text(estimate: TuningEstimate) -> str:
    """Return the price of a start for a message's text, as mrkdwn."""
    return f"{_line(cost_sentence(estimate))} {_line(certainty_sentence(estimate))}"


def build_confirm_view(error: ConfirmationNeeded, requester: Requester, proposal: str) -> dict[str, Any]:
    """Build the view whose submission starts the proposal in spite of its price; it names the amount.

    It carries the prices that the person reads in it.
    """
    blocks = [
        section(f"*{_line(error.message)}*", "confirm"),
        context(
            "Nothing has started yet. Google charges for what it trains, also if the model is of no use.", "next"
        ),
    ]
    return modal(
        CONFIRM_VIEW,
        "Really start this?",
        blocks,
        submit="Yes, start it",
        close="Not now",
        metadata=pack_requester(requester, proposal=proposal, prices=error.prices),
    )


def _line(text: str) -> str:
    return escape_line(text, 600)
