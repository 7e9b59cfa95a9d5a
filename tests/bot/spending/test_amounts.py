"""How amounts are rounded and shown."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.spending.amounts import about_text, exact_text, rounded, usd_text

amounts = st.decimals(0, 10**15, places=18, allow_nan=False, allow_infinity=False)


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
