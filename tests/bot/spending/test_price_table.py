"""The table of prices: what is in the package, and what an operator may put in its place."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from bot.backends import PROFILES
from bot.errors import SettingsError
from bot.spending.price_table import (
    BaseModelPrice,
    built_in_text,
    month_before,
    parse_price_table,
    read_price_table,
)

GOOD = """
as_of = 2026-12-01
[models."my-model"]
training = 0.1
serving_multiplier = 1.5
input = "unknown"
"""


def test_the_built_in_table_has_every_base_model_that_vertex_offers() -> None:
    table = read_price_table()
    for base_model in PROFILES["vertex"].base_models:
        assert base_model in table.models
        assert table.row(base_model).serving_multiplier == Decimal("1.5")


def test_the_built_in_prices_are_those_of_googles_page() -> None:
    table = read_price_table()
    assert table.row("gemini-3.5-flash").training == 10
    assert table.row("gemini-3.1-flash-lite").training == 3
    assert table.row("gemini-3.5-flash-lite").training is None
    assert table.row("gemini-2.5-flash").serving_multiplier == 1


def test_a_price_is_read_without_a_float() -> None:
    assert parse_price_table(GOOD, "mine").row("my-model").training == Decimal("0.1")


def test_a_model_that_is_not_listed_has_no_price() -> None:
    assert read_price_table().row("gemini-9") == BaseModelPrice()


def test_a_version_of_a_model_has_the_models_price() -> None:
    assert read_price_table().row("models/gemini-2.5-flash-001").training == 5


def test_an_operators_file_replaces_the_table(tmp_path: Path) -> None:
    mine = tmp_path / "prices.toml"
    mine.write_text(GOOD)
    table = read_price_table(str(mine))
    assert (table.as_of, list(table.models)) == (date(2026, 12, 1), ["my-model"])


def test_the_text_that_the_command_prints_can_be_used_as_the_file(tmp_path: Path) -> None:
    mine = tmp_path / "prices.toml"
    mine.write_text(built_in_text())
    assert read_price_table(str(mine)) == read_price_table()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("as_of = 2026-12-01", "lists no models"),
        ("[models.m]\ntraining = 1", "as_of must be the date"),
        (GOOD.replace("2026-12-01", "2026-12-01T10:00:00"), "as_of must be the date"),
        (GOOD.replace("0.1", "-1"), "my-model: training must be a number from 0"),
        (GOOD.replace("0.1", "nan"), "my-model: training must be a number from 0"),
        (GOOD.replace("0.1", "inf"), "my-model: training must be a number from 0"),
        (GOOD.replace("0.1", "true"), "my-model: training must be a number from 0"),
        (GOOD.replace("0.1", '"ten"'), "my-model: training must be a number from 0"),
        (GOOD.replace("0.1", "0.1234567890123"), "more than 12 decimal places"),
        (GOOD.replace("training", "trainnig"), "'trainnig' is not a key"),
        (GOOD + "retires = true", "retires must be a date"),
        (GOOD + "tunable = 1", "tunable must be true or false"),
        ("prices = 1\n" + GOOD, "'prices' is not a key"),
        ("as_of = 2026-12-01\nmodels = {m = 3}", "m must be a table"),
        ("as_of = ", "is no TOML"),
    ],
)
def test_a_wrong_table_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=r"mine") as refused:
        parse_price_table(text, "mine")
    assert words in str(refused.value)
    assert "tunebot prices" in refused.value.hint


def test_every_problem_of_a_table_is_listed_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        parse_price_table(GOOD.replace("0.1", "-1").replace("1.5", "-2"), "mine")
    assert "training" in str(refused.value)
    assert "serving_multiplier" in str(refused.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    mine = tmp_path / "prices.toml"
    if content is not None:
        mine.write_bytes(content)
    with pytest.raises(SettingsError, match=r"prices\.toml cannot be read") as refused:
        read_price_table(str(mine))
    assert "TUNEBOT_PRICES" in refused.value.hint


@pytest.mark.parametrize(
    ("day", "before"),
    [
        (date(2027, 5, 19), date(2027, 4, 19)),
        (date(2027, 1, 28), date(2026, 12, 28)),
        (date(2027, 3, 31), date(2027, 2, 28)),
        (date(2028, 3, 31), date(2028, 2, 29)),
    ],
)
def test_a_month_before_is_the_same_day_or_the_months_last(day: date, before: date) -> None:
    assert month_before(day) == before


def test_successors_are_tunable_and_the_last_to_retire_comes_first() -> None:
    table, offered = read_price_table(), PROFILES["vertex"].base_models
    assert table.successors(offered, date(2026, 11, 27)) == [
        "gemini-3.5-flash-lite",
        "gemini-3.5-flash",
        "gemini-3.1-flash-lite",
    ]
    assert table.successors(("gemini-2.5-flash", *offered), date(2027, 4, 19)) == ["gemini-3.5-flash-lite"]


def test_a_base_without_a_known_date_is_the_last_choice_and_never_its_own_successor() -> None:
    table, now = read_price_table(), datetime(2026, 11, 27, tzinfo=UTC)
    assert table.successors(("gemini-9", "gemini-3.5-flash"), now.date()) == ["gemini-3.5-flash", "gemini-9"]
    assert table.successor(("gemini-9", "gemini-3.5-flash"), "gemini-3.5-flash", now) == "gemini-9"
    assert table.successor(("gemini-3.5-flash",), "models/gemini-3.5-flash", now) == ""


@pytest.mark.parametrize(
    ("base", "day", "successor"),
    [
        ("gemini-3.1-flash-lite", date(2027, 2, 1), "gemini-3.5-flash-lite"),
        ("gemini-3.5-flash", date(2027, 3, 1), "gemini-3.5-flash-lite"),
        ("gemini-3.5-flash-lite", date(2027, 3, 23), ""),  # The others retire earlier.
        ("gemini-2.5-flash", date(2026, 11, 27), "gemini-3.5-flash-lite"),
        ("text-bison-001", date(2027, 3, 23), "gemini-3.5-flash-lite"),
    ],
)
def test_a_successor_retires_later_than_what_it_stands_in_for(base: str, day: date, successor: str) -> None:
    offered = PROFILES["vertex"].base_models
    now = datetime.combine(day, time(12), UTC)
    assert read_price_table().successor(offered, base, now) == successor
