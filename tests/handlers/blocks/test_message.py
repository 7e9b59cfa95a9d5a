"""Other people's words on their way into a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.slack.references import live_in_message
from handlers.blocks.elements import button, plain
from handlers.blocks.formatting import about, count, duration, listed, loss, moment, number, percent, size, utc
from handlers.blocks.message import (
    clip,
    code,
    compose,
    escape,
    escape_line,
    escape_markdown,
    markdown_as_text,
    mention,
    readable,
    shorten,
)
from tests.support.block_samples import NOW


def test_escaped_text_shows_what_was_written() -> None:
    assert escape("<!channel> & <@U1>") == "&lt;!channel&gt; &amp; &lt;@U1&gt;"


@given(st.text())
def test_escaping_loses_nothing_that_can_be_seen(text: str) -> None:
    assert escape(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == readable(text)


@pytest.mark.parametrize("unseen", ["\u202e", "\u202d", "\u2067", "\u2069", "\x00", "\x1b", "\x9b", "\ud83d"])
def test_nobodys_words_turn_ours_around(unseen: str) -> None:
    evil = f"name{unseen}gpj.exe"
    for shown in (
        escape(evil),
        escape_line(evil),
        code(evil),
        escape_markdown(evil),
        plain(evil, 100)["text"],
        button(evil, "a", "b", label=evil)["accessibility_label"],
    ):
        assert unseen not in shown
        assert "namegpj.exe" in shown


def test_letters_of_every_script_and_what_joins_them_stay() -> None:
    for words in ("שלום", "سلام \u200fa", "👩\u200d💻", "नमस्ते", "line\n\tnext"):
        assert readable(words) == words


def test_a_name_stands_on_one_line() -> None:
    assert escape_line("two\nlines\tand  more", 14) == "two lines and…"


def test_code_cannot_be_ended_from_inside() -> None:
    assert code("a`b`<!here>") == "`a'b'&lt;!here&gt;`"


def test_shorten_counts_code_points_and_marks_the_cut() -> None:
    assert shorten("👍" * 5, 4) == "👍👍👍…"
    assert shorten("short", 5) == "short"


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("a &amp; b", 4, "a…"),
        ("a &amp; b", 8, "a &amp;…"),
        ("ask <@U0123> now", 10, "ask…"),
        ("ask <@U0123> now", 13, "ask <@U0123>…"),
        ("fish&chips and more", 8, "fish&ch…"),
    ],
)
def test_a_cut_never_falls_inside_an_entity_or_a_token(text: str, limit: int, cut: str) -> None:
    assert clip(text, limit) == cut


@given(st.text("&<>a ;", max_size=60), st.integers(2, 60))
def test_clipped_text_is_a_beginning_of_the_text(text: str, limit: int) -> None:
    clipped = clip(escape(text), limit)
    assert len(clipped) <= limit
    shown = clipped.removesuffix("…").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert text.startswith(shown)


@pytest.mark.parametrize(
    ("markdown", "escaped"),
    [
        ("**bold** <!channel> <@U1>", "**bold** &lt;!channel&gt; &lt;@U1&gt;"),
        ("> quoted > text", "> quoted &gt; text"),
        ("a < b && c", "a &lt; b && c"),
        ("write &lt; for it", "write &amp;lt; for it"),
        ("[link](https://example.com/?a=1&b=2)", "[link](https://example.com/?a=1&b=2)"),
        ("hey @channel and @Here", "hey @\u2060channel and @\u2060Here"),
        ("mail me@example.com", "mail me@example.com"),
    ],
)
def test_a_models_markdown_keeps_its_form_and_loses_its_reach(markdown: str, escaped: str) -> None:
    assert escape_markdown(markdown) == escaped


@given(st.text() | st.text("<>@!&#;|channelhereU1\n ", max_size=80))
def test_no_markdown_is_live(text: str) -> None:
    block = {"type": "markdown", "text": escape_markdown(text)}
    for parse in ("none", "full"):
        live = live_in_message(markdown_as_text(escape_markdown(text)), [block], parse=parse)
        assert not [each for each in live if each.kind != "link"]


def test_only_an_id_that_slack_gave_becomes_a_mention() -> None:
    assert mention("U0123") == "<@U0123>"
    assert mention("!channel") == "!channel"
    assert mention("U1> <!channel") == "U1&gt; &lt;!channel"


def test_a_message_text_stays_below_what_an_update_takes() -> None:
    assert len(compose("a" * 9_000, []).text) == 4_000


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (75, "1 minute 15 seconds"),
        (599, "9 minutes 59 seconds"),
        (629, "10 minutes"),
        (3_599, "1 hour"),
        (3_900, "1 hour 5 minutes"),
        (90_000, "1 day 1 hour"),
        (86_700, "1 day"),
        (-5, "0 seconds"),
    ],
)
def test_durations_are_said_in_two_units_at_most(seconds: int, words: str) -> None:
    assert duration(seconds) == words


def test_estimates_are_no_finer_than_they_deserve() -> None:
    assert [about(450), about(47), about(2)] == ["about 8 minutes", "about 50 seconds", "about 10 seconds"]


def test_numbers_in_words() -> None:
    assert [count(1, "row"), count(1_234, "row")] == ["1 row", "1,234 rows"]
    assert [size(812), size(1), size(1_500_000), size(999_960), size(2_000)] == [
        "812 bytes",
        "1 byte",
        "1.5 MB",
        "1 MB",
        "2 kB",
    ]
    assert [number(3), number(0.00002), number(1e-10), number(10.0), number(100)] == [
        "3",
        "0.00002",
        "0.0000000001",
        "10",
        "100",
    ]
    assert [loss(3.10249), loss(0.0173461), loss(-1.5), loss(float("nan"))] == [
        "3.102",
        "0.01735",
        "-1.5",
        "not a number",
    ]
    assert percent(99.99) == "99%"
    assert [listed("a"), listed("ab"), listed("abc"), listed("")] == ["a", "a and b", "a, b and c", ""]


def test_a_moment_shows_in_the_readers_time_zone_and_has_words_for_the_rest() -> None:
    assert utc(NOW) == "21 November 2026, 01:00 UTC"
    assert moment(NOW) == "<!date^1795222800^{date_short_pretty} at {time}|21 November 2026, 01:00 UTC>"
