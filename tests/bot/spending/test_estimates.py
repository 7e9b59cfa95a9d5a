"""What a tuning is estimated to cost, and which starts need a second yes."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.backends import PROFILES
from bot.datasets import DatasetReport, Task
from bot.datasets.findings.task_kinds import RECOMMENDED
from bot.domain.datasets import Dialect
from bot.domain.spending import ConfirmationRules, TuningEstimate
from bot.spending.estimates import estimate, reason_to_confirm, suggested_epochs
from bot.spending.price_table import read_price_table

REPORT = DatasetReport(
    "rows.jsonl", 9_000, "ab" * 32, 100, 100, Dialect.GEMINI, characters=50_000, tokens=10_001, token_error=30
)
PRICES = read_price_table()
VERTEX = PROFILES["vertex"]


def of(
    epochs: int | None = 3, trained: int = 100, model: str = "gemini-3.5-flash", **report: object
) -> TuningEstimate:
    return estimate(replace(REPORT, **report), trained, epochs, VERTEX, model, PRICES)  # type: ignore[arg-type]


def test_a_cost_is_tokens_times_passes_times_the_price() -> None:
    assert of().cost(3) == Decimal("0.30003")
    assert of().highest_cost(3) == Decimal("0.390039")


def test_rows_that_are_held_out_cost_nothing() -> None:
    assert of(trained=90).tokens == 9_001  # rounded up


def test_google_chooses_the_epochs_where_neither_the_person_nor_the_backend_does() -> None:
    assert of(None).epochs is None
    gemini = estimate(REPORT, 100, None, PROFILES["gemini"], "gemini-1.0-pro-001", PRICES)
    assert gemini.epochs == PROFILES["gemini"].default_epochs


def test_a_base_model_that_is_not_known_has_no_price() -> None:
    assert of(model="").training_price is None
    assert of(model="gemini-3.5-flash-lite").cost(3) is None


@pytest.mark.parametrize("task", [*Task, None])
@pytest.mark.parametrize("examples", [1, 99])
def test_passes_are_recommended_also_for_few_rows(task: Task | None, examples: int) -> None:
    small = of(trained=examples, task=task, examples=examples)
    assert small.recommended == (2, 4)
    assert small.suggested == 4


@pytest.mark.parametrize(("examples", "passes"), [(1, 4), (499, 4), (500, 3), (4_999, 3), (5_000, 2), (10**6, 2)])
def test_more_rows_need_fewer_passes(examples: int, passes: int) -> None:
    assert suggested_epochs(examples, RECOMMENDED[Task.CLASSIFICATION]) == passes


RULES = ConfirmationRules(epoch_factor=5, usd=Decimal("0.39"))


def test_a_usual_start_needs_no_second_yes() -> None:
    assert reason_to_confirm(of(), 3, ConfirmationRules()) == ""
    assert reason_to_confirm(of(None), None, ConfirmationRules()) == ""


def test_the_limit_itself_needs_no_second_yes() -> None:
    assert reason_to_confirm(of(20), 20, ConfirmationRules()) == ""
    exact = of()
    assert exact.highest_cost(3) == Decimal("0.390039")
    assert reason_to_confirm(exact, 3, ConfirmationRules(usd=Decimal("0.390039"))) == ""


def test_one_epoch_over_the_multiple_needs_a_second_yes_that_names_the_amount() -> None:
    assert reason_to_confirm(of(21), 21, ConfirmationRules()) == (
        "21 passes over the file are more than 5 times the recommended 4. It may cost about $2.10."
    )


def test_a_price_over_the_limit_needs_a_second_yes() -> None:
    assert reason_to_confirm(of(), 3, RULES) == "It may cost about $0.30, and up to $0.39: that is over $0.39."


def test_a_price_over_the_limit_counts_also_where_google_chooses_the_epochs() -> None:
    assert "up to $0.52" in reason_to_confirm(of(None), None, RULES)


def test_an_absurd_number_of_epochs_needs_a_second_yes_also_where_the_price_is_unknown() -> None:
    reason = reason_to_confirm(of(100_000, model="gemini-3.5-flash-lite"), 100_000, ConfirmationRules())
    assert "100,000 passes" in reason
    assert "price is unknown" in reason


def test_a_start_that_was_checked_by_an_older_version_is_judged_by_its_epochs() -> None:
    assert reason_to_confirm(None, 100_000, ConfirmationRules())
    assert not reason_to_confirm(None, 3, ConfirmationRules())
    assert not reason_to_confirm(None, None, ConfirmationRules())
