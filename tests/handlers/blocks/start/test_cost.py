"""What a start may cost, as the report and the second question show it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from bot.errors import ConfirmationNeeded
from bot.spending.estimate_text import passes_table
from handlers.blocks.datasets.report import build_report_message, build_report_view
from handlers.blocks.elements import modal
from handlers.blocks.message import Message
from handlers.blocks.start.cost import build_confirm_view, build_cost, cost_text
from tests.handlers.blocks.datasets.test_report import PROPOSAL, REPORT
from tests.support.block_checks import check_message, check_view
from tests.support.block_samples import ADA, VERTEX
from tests.support.builders import ESTIMATE

KNOWN = replace(ESTIMATE, tokens=10_000, training_price=Decimal(10), serving_multiplier=Decimal("1.5"))
PRICED = replace(PROPOSAL, spec=replace(PROPOSAL.spec, backend="vertex", estimate=KNOWN))


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def test_the_price_is_shown_with_its_error_its_table_and_what_asking_costs() -> None:
    blocks = build_cost(KNOWN, "")
    check_view(modal("x", "x", blocks))
    assert blocks == [
        {
            "type": "section",
            "block_id": "cost",
            "text": mrkdwn(
                "*Training may cost about $0.30 for 3 passes, perhaps up to $0.39.* About 10,000 tokens in "
                "one pass over the rows that are trained on, give or take 30%, which is a guess (estimated)."
            ),
        },
        {
            "type": "section",
            "block_id": "cost_passes",
            "text": mrkdwn(
                "Recommended: 2 to 4 passes (epochs); for this many rows begin with 4.\n"
                f"```{passes_table(KNOWN)}```"
            ),
        },
        {
            "type": "context",
            "block_id": "cost_asking",
            "elements": [
                mrkdwn(
                    "Questions to the tuned model cost about 1.5 times as much as to its base model, whose price "
                    "I do not know. These are estimates by a table of 27 November 2026; Google's price may differ."
                )
            ],
        },
    ]


def test_the_report_says_that_a_second_yes_is_needed_and_why() -> None:
    view = build_report_view(REPORT, VERTEX, ADA, PRICED, confirmation="300 passes are many.")
    check_view(view)
    assert "*I ask you once more before this starts.* 300 passes are many." in str(view)
    assert "once more" not in str(build_report_view(REPORT, VERTEX, ADA, PRICED))


def test_the_report_in_a_thread_shows_the_price_and_reads_it_to_a_screen_reader() -> None:
    message = build_report_message(REPORT, VERTEX, PRICED, confirmation="300 passes are many.")
    check_message(message)
    assert cost_text(KNOWN) in message.text
    assert "300 passes are many." in str(message.blocks)


def test_the_second_question_names_the_amount_and_starts_on_a_click() -> None:
    error = ConfirmationNeeded("It may cost about $3,000.00, and up to $3,900.00: that is over $50.00.")
    view = build_confirm_view(error, ADA, "tb-p")
    check_view(view)
    assert view["submit"]["text"] == "Yes, start it"
    assert view["private_metadata"] == '{"user":"U1","team":"T1","channel":"C1","proposal":"tb-p"}'
    assert "$3,000.00" in view["blocks"][0]["text"]["text"]


@pytest.mark.parametrize("name", ["<!channel>", "`" * 50, "a" * 5_000])
def test_a_base_model_with_any_name_fits_and_mentions_nobody(name: str) -> None:
    odd = replace(KNOWN, base_model=name, training_price=None, token_method=name)
    blocks = build_cost(odd, name)
    check_message(Message(cost_text(odd), tuple(blocks)))
    assert "<!channel>" not in str(blocks)


def test_the_report_says_until_when_the_model_will_answer() -> None:
    blocks = build_cost(replace(KNOWN, retires=date(2027, 5, 19)), "")
    check_view(modal("x", "x", blocks))
    assert "Google retires gemini-3.5-flash on 19 May 2027; the tuned model answers until then." in str(blocks)
