"""How an estimate reads, on the command line as in Slack."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from bot.spending.estimate_text import (
    asking_sentence,
    certainty_sentence,
    cost_sentence,
    estimate_text,
    passes_sentence,
    passes_table,
    retirement_sentence,
)
from tests.support.builders import ESTIMATE

PRICED = replace(ESTIMATE, tokens=10_000, training_price=Decimal(10), serving_multiplier=Decimal("1.5"))
UNKNOWN = replace(PRICED, training_price=None)


def test_the_price_is_about_and_has_a_highest_value() -> None:
    assert cost_sentence(PRICED) == ("Training may cost about $0.30 for 3 passes, perhaps up to $0.39.")


def test_an_unknown_price_is_called_unknown_and_never_zero() -> None:
    text = estimate_text(UNKNOWN)
    assert "I do not know the training price of gemini-3.5-flash" in text
    assert "unknown" in passes_table(UNKNOWN)
    assert "$" not in text


def test_where_google_chooses_the_passes_the_text_says_so() -> None:
    chosen = replace(PRICED, epochs=None)
    assert "for 4 passes if Google chooses as recommended" in cost_sentence(chosen)
    assert "Google chooses the number of passes: it has chosen 40" in passes_sentence(chosen)
    assert "Google chooses" not in passes_sentence(PRICED)


def test_the_recommendation_names_the_task_where_it_is_known() -> None:
    assert passes_sentence(replace(PRICED, task="chat")).startswith("Recommended for chat: 2 to 4 passes")
    assert passes_sentence(PRICED).startswith("Recommended: 2 to 4 passes")


def test_each_number_of_passes_has_its_price_and_two_are_marked() -> None:
    assert passes_table(replace(PRICED, epochs=300)).splitlines() == [
        "passes     tokens   about",
        "     1     10,000   $0.10",
        "     2     20,000   $0.20",
        "     3     30,000   $0.30",
        "     4     40,000   $0.40  recommended",
        "     6     60,000   $0.60",
        "    10    100,000   $1.00",
        "   300  3,000,000  $30.00  your choice",
    ]


def test_a_choice_that_is_recommended_has_both_marks() -> None:
    assert "recommended, your choice" in passes_table(replace(PRICED, epochs=4))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "about 1.5 times as much as to its base model, whose price I do not know."),
        ({"serving_multiplier": Decimal(1)}, "about as much as questions to its base model, whose price"),
        ({"serving_multiplier": None}, "I do not know what questions to the tuned model cost."),
        (
            {"base_input_price": Decimal("0.30"), "base_output_price": Decimal("2.50")},
            "about $0.45 for a million tokens of questions and $3.75 for a million tokens of answers.",
        ),
    ],
)
def test_what_asking_will_cost_is_said(changes: dict[str, Decimal | None], text: str) -> None:
    assert text in asking_sentence(replace(PRICED, **changes))  # type: ignore[arg-type]


def test_no_price_is_shown_as_certain() -> None:
    assert certainty_sentence(PRICED) == (
        "These are estimates by a table of 27 November 2026; Google's price may differ."
    )
    assert certainty_sentence(PRICED) in estimate_text(PRICED)


def test_the_command_line_says_that_a_second_yes_is_needed() -> None:
    assert "asks for a second yes before it starts this. Too much." in estimate_text(PRICED, "Too much.")
    assert "second yes" not in estimate_text(PRICED)


def test_the_text_says_until_when_the_model_will_answer() -> None:
    retiring = replace(PRICED, retires=date(2027, 5, 19), retires_or_later=True)
    sentence = "Google retires gemini-3.5-flash on 19 May 2027 or later; the tuned model answers until then."
    assert sentence in estimate_text(retiring)
    assert "or later" not in retirement_sentence(replace(retiring, retires_or_later=False))
    assert "retires" not in estimate_text(PRICED)
