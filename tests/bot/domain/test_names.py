"""A name is stored clean, compared as it is typed, and refused where nobody could ever type it."""

import pytest

from bot.domain.names import check_name, did_you_mean, quoted, same_name, written_name
from bot.errors import BadArgument


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("  two   words ", "two words"),
        ("abc\u202edef", "abcdef"),
        ("\u200fשלום\u200f", "שלום"),
        ("می‌خواهم", "می‌خواهم"),
        ("👩‍💻 coder", "👩‍💻 coder"),
        ("bell\x07", "bell"),
    ],
)
def test_a_name_is_stored_without_invisible_characters(name: str, written: str) -> None:
    assert written_name(name) == written


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("Bob's model", "bob’s MODEL"),
        ('the "best" one', "the “best” one"),
        ("`ticks`", "'ticks'"),
        ("caf\u00e9", "cafe\u0301"),
        ("❤️ model", "❤ model"),
        ("v1--final...", "v1—final…"),
        ("straße", "STRASSE"),
    ],
)
def test_what_typing_changes_makes_no_other_name(stored: str, typed: str) -> None:
    assert same_name(stored) == same_name(typed)


@pytest.mark.parametrize(("one", "other"), [("model 1", "model 2"), ("a b", "ab"), ("résumé", "resume")])
def test_names_that_differ_in_more_stay_apart(one: str, other: str) -> None:
    assert same_name(one) != same_name(other)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("\u202e\u200f", "The name has no visible character, so nobody could type it."),
        ("my @ada model", "Slack makes a mention of “@ada” when somebody types the name."),
        ("@here", "Slack makes a mention of “@here” when somebody types the name."),
    ],
)
def test_a_name_that_nobody_can_type_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(BadArgument) as caught:
        check_name(name)
    assert (caught.value.message, caught.value.field) == (reason, "name")


def test_an_empty_name_is_left_to_the_bot() -> None:
    assert check_name("  ") == ""


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("capitals", "capitals"),
        ("two words", '"two words"'),
        ('a "b"', '"a \\"b\\""'),
        ("a=b", '"a=b"'),
        ("‚low", '"‚low"'),
    ],
)
def test_a_name_is_quoted_where_it_must_be(name: str, typed: str) -> None:
    assert quoted(name) == typed


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
