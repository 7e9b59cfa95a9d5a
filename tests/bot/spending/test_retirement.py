"""When a base model retires, and which notice is due when."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.spending.price_table import read_price_table
from bot.spending.retirement import (
    TOLD_BEFORE,
    Retirement,
    base_of,
    due_notice,
    retirement_of,
    retirement_sentences,
)
from tests.support.builders import ESTIMATE, job

RETIRES = date(2027, 5, 19)
PRICES = read_price_table()
KNOWN = Retirement("gemini-3.5-flash", RETIRES, True, date(2027, 4, 19), PRICES.as_of)
CLOSING = 30  # days before it retires


@pytest.mark.parametrize(
    ("left", "told", "due"),
    [
        (121, None, None),
        (120, None, 120),
        (119, 120, None),
        (90, 120, 90),
        (60, 90, 60),
        (31, 60, 31),
        (30, 31, 30),
        (29, 30, None),
        (14, 30, 14),
        (13, 14, None),
        (0, 14, None),
        (0, None, 14),
        (-1, None, None),
        (-1, 31, None),
        # Missed notices are not made up for, the last of them is told.
        (20, None, 30),
        (20, 120, 30),
        # A retirement that Google moved to a later day is not told again at the same distance.
        (120, 60, None),
    ],
)
def test_the_notice_that_is_due(left: int, told: int | None, due: int | None) -> None:
    assert due_notice(KNOWN, RETIRES - timedelta(days=left), told) == due


@given(st.lists(st.integers(0, 200), max_size=60))
def test_however_the_bot_is_started_and_stopped_each_notice_is_told_once_and_in_order(days: list[int]) -> None:
    told: list[int] = []
    for left in sorted(days, reverse=True):
        due = due_notice(KNOWN, RETIRES - timedelta(days=left), told[-1] if told else None)
        told += [] if due is None else [due]
        assert due_notice(KNOWN, RETIRES - timedelta(days=left), told[-1] if told else None) is None or not told
    assert told == sorted(set(told), reverse=True)
    assert set(told) <= {*TOLD_BEFORE, CLOSING}


def test_a_bot_that_runs_every_day_tells_all_five_and_that_tuning_closes() -> None:
    told: list[int] = []
    for left in range(200, -1, -1):
        due = due_notice(KNOWN, RETIRES - timedelta(days=left), told[-1] if told else None)
        told += [] if due is None else [due]
    assert told == [120, 90, 60, 31, CLOSING, 14]


def test_a_sentence_names_both_dates_and_the_table() -> None:
    found = retirement_of("gemini-3.5-flash", PRICES)
    assert found is not None
    assert found.sentence(date(2026, 11, 27)) == (
        "gemini-3.5-flash retires on 19 May 2027 or later, and tuning on it closes on 19 April 2027 "
        "(by a table of 27 November 2026)."
    )
    assert "tuning on it closed on 19 April 2027" in found.sentence(date(2027, 4, 19))


def test_a_date_that_has_passed_is_in_the_past() -> None:
    found = retirement_of("gemini-2.5-flash-lite", PRICES)
    assert found is not None
    assert "gemini-2.5-flash-lite retired on 28 January 2027," in found.sentence(date(2027, 1, 28))


def test_the_first_to_retire_comes_first_and_an_unknown_date_is_left_out() -> None:
    sentences = retirement_sentences(("gemini-3.5-flash", "gemini-9", "gemini-3.1-flash-lite"), PRICES, RETIRES)
    assert [sentence.split()[0] for sentence in sentences] == ["gemini-3.1-flash-lite", "gemini-3.5-flash"]
    assert retirement_of("gemini-9", PRICES) is None


def test_the_base_of_a_model_that_was_tuned_twice_is_the_one_that_serves_it() -> None:
    again = job("k1")
    again = replace(again, spec=replace(again.spec, base_model="projects/p/locations/l/models/1"))
    assert base_of(again) == ""
    assert base_of(replace(again, spec=replace(again.spec, estimate=ESTIMATE))) == "gemini-3.5-flash"
    assert base_of(job("k2")) == "gemini-3.5-flash"
