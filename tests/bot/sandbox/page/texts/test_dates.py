"""Slack's date tokens in words."""

from datetime import timedelta

import pytest

from bot.sandbox.page.texts.dates import clock, day, formatted, local

AT = 1_700_000_000
NOON = local(AT).replace(hour=12)


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("{date_num} {time}", f"{local(AT):%Y-%m-%d %H:%M}"),
        ("{time_secs}", f"{local(AT):%H:%M:%S}"),
        ("{date_short}", f"{local(AT):%b} {local(AT).day}, 2023"),
        ("{date_long}", f"{local(AT):%A, %B} {local(AT).day}, 2023"),
        ("{unheard}", "{unheard}"),
    ],
)
def test_each_part_of_a_token_has_its_words(form: str, wanted: str) -> None:
    assert formatted(AT, form, NOON) == wanted


def test_pretty_dates_name_the_days_that_are_near() -> None:
    assert formatted(AT, "{date_short_pretty}", NOON) == "today"
    assert formatted(AT, "{date_pretty}", NOON + timedelta(days=1)) == "yesterday"
    assert formatted(AT, "{date_pretty}", NOON + timedelta(days=9)) == f"{local(AT):%B} {local(AT).day}, 2023"


def test_ago_counts_in_the_largest_unit() -> None:
    assert formatted(AT, "{ago}", local(AT + 30)) == "just now"
    assert formatted(AT, "{ago}", local(AT + 60)) == "1 minute ago"
    assert formatted(AT, "{ago}", local(AT + 7200)) == "2 hours ago"


def test_messages_show_their_time_and_lists_their_day() -> None:
    assert clock(f"{AT}.000100") == f"{local(AT):%H:%M}"
    assert day(NOON.date(), NOON.date()) == "Today"
    assert day(NOON.date(), NOON.date() + timedelta(days=1)) == "Yesterday"
