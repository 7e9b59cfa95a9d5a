"""Amounts are exact, however large or small they are, and rounded only where they are shown."""

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.spending import TuningEstimate, about_text, cost_of, exact_text, rounded, sum_of, usd_text
from tests.support.builders import ESTIMATE

tokens = st.integers(0, 10**18)
amounts = st.decimals(0, 10**15, places=18, allow_nan=False, allow_infinity=False)
prices = st.decimals(0, 10**6, places=12, allow_nan=False, allow_infinity=False)


@given(tokens, prices)
def test_a_cost_is_the_exact_product(number: int, price: Decimal) -> None:
    assert Fraction(cost_of(number, price)) == Fraction(number) * Fraction(price) / 1_000_000


@given(st.lists(st.decimals(-(10**9), 10**9, places=18), max_size=20))
def test_a_sum_is_exact(amounts: list[Decimal]) -> None:
    assert Fraction(sum_of(*amounts)) == sum(map(Fraction, amounts), Fraction(0))


@given(st.integers(0, 10**14), st.integers(1, 10**12), prices, st.integers(0, 1_000))
def test_the_highest_cost_adds_the_whole_error_exactly(
    count: int, passes: int, price: Decimal, error: int
) -> None:
    estimate = TuningEstimate(count, error, "", passes, (2, 4), 4, "m", date(2026, 1, 1), price)
    highest = estimate.highest_cost(passes)
    assert highest is not None
    assert Fraction(highest) == Fraction(count) * passes * Fraction(100 + error, 100) * Fraction(price) / 1_000_000


def test_an_unknown_price_gives_no_cost() -> None:
    unknown = TuningEstimate(1_000, 30, "", 3, (2, 4), 4, "m", date(2026, 1, 1))
    assert unknown.cost(3) is None
    assert unknown.highest_cost(3) is None


def test_an_estimate_is_stored_without_a_loss() -> None:
    stored = msgspec.json.encode(ESTIMATE)
    assert msgspec.json.decode(stored, type=TuningEstimate) == ESTIMATE
    assert b'"10.10"' in stored


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00"),
        ("0.000001", "less than $0.01"),
        ("0.00999", "less than $0.01"),
        ("0.01", "$0.01"),
        ("0.014999", "$0.01"),
        ("0.015", "$0.02"),
        ("0.025", "$0.03"),
        ("1.005", "$1.01"),
        ("52.5", "$52.50"),
        ("1234567.891", "$1,234,567.89"),
        ("1E+3", "$1,000.00"),
    ],
)
def test_an_amount_is_shown_in_dollars_and_cents(amount: str, text: str) -> None:
    assert usd_text(Decimal(amount)) == text


@given(amounts)
def test_rounding_moves_an_amount_by_at_most_half_a_cent_and_never_down_from_half(amount: Decimal) -> None:
    moved = Fraction(rounded(amount)) - Fraction(amount)
    assert -Fraction(1, 200) < moved <= Fraction(1, 200)


@given(amounts, amounts)
def test_rounding_keeps_the_order(one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    assert rounded(low) <= rounded(high)


@given(amounts)
def test_every_amount_is_one_word_of_money(amount: Decimal) -> None:
    assert re.fullmatch(r"less than \$0\.01|\$\d{1,3}(,\d{3})*\.\d\d", usd_text(amount))


@given(amounts)
def test_the_exact_text_has_every_digit_and_no_exponent(amount: Decimal) -> None:
    text = exact_text(amount)
    assert re.fullmatch(r"\d+(\.\d*[1-9])?", text)
    assert Decimal(text) == amount


def test_an_estimate_is_about_an_amount_or_less_than_a_cent() -> None:
    assert about_text(Decimal("1.5")) == "about $1.50"
    assert about_text(Decimal("0.001")) == "less than $0.01"
