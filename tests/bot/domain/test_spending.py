"""Amounts are exact, however large or small they are."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.spending import TuningEstimate, cost_of, sum_of
from tests.support.builders import ESTIMATE

tokens = st.integers(0, 10**18)
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
