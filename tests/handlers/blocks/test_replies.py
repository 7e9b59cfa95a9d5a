"""Replies and errors of one or two sentences."""

from bot.errors import NoSuchJob
from handlers.blocks.replies import build_error, build_reply, build_unexpected_error
from tests.support.block_checks import check_message


def test_an_error_says_what_and_what_next() -> None:
    message = build_error(NoSuchJob("I know no tuning named <x>", "See /tune list"))
    check_message(message)
    assert message.text == "I know no tuning named &lt;x&gt;. See /tune list."
    assert message.blocks[0]["text"]["text"] == "I know no tuning named &lt;x&gt;.\nSee /tune list."


def test_an_unexpected_error_shows_its_reference_only() -> None:
    message = build_unexpected_error("ab12cd")
    check_message(message)
    assert "`ab12cd`" in message.text


def test_what_is_said_on_a_click_names_who_clicked() -> None:
    message = build_reply("R&D answers here now.", by="U1")
    check_message(message, mentions={"U1"})
    assert message.text == "<@U1>: R&amp;D answers here now."
