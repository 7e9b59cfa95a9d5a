"""The suggestion for a name that does not exist."""

import pytest

from bot.domain.suggestions import did_you_mean

KNOWN = ["capitals", "Weather reports", "list"]


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        ("capitols", "Did you mean capitals?"),
        ("CAPITALS", "Did you mean capitals?"),
        ("weather report", "Did you mean Weather reports?"),
        ("lsit", "Did you mean list?"),
    ],
)
def test_the_known_name_that_is_most_like_the_typed_one_is_suggested(typed: str, suggestion: str) -> None:
    assert did_you_mean(typed, KNOWN) == suggestion


@pytest.mark.parametrize("typed", ["", "zebra", "?"])
def test_where_no_known_name_is_alike_the_other_hint_is_given(typed: str) -> None:
    assert did_you_mean(typed, KNOWN) == ""
    assert did_you_mean(typed, KNOWN, otherwise="See /tune list.") == "See /tune list."


def test_where_nothing_is_known_nothing_is_suggested() -> None:
    assert did_you_mean("capitals", []) == ""
