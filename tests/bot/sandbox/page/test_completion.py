"""What a composer offers while one types."""

from bot.sandbox.page.completion import command, suggestions, usage

COMMANDS = [
    {"command": "/tune", "description": "Tune a model", "usage_hint": "[list]"},
    {"command": "/ask", "description": "Ask one", "usage_hint": "question"},
]
PEOPLE = ["Tunebot", "Grace Hopper"]


def texts(text: str) -> list[str]:
    return [each.text for each in suggestions(text, COMMANDS, PEOPLE)]


def test_a_slash_offers_every_command_and_letters_fewer() -> None:
    assert texts("/") == ["/tune ", "/ask "]
    assert texts("/T") == ["/tune "]
    assert texts("/x") == []


def test_commands_are_offered_at_the_start_only() -> None:
    assert texts("say /tu") == []
    assert texts("/tune list") == []


def test_an_at_offers_people_and_keeps_what_stands_before_it() -> None:
    assert texts("hello @gr") == ["hello @Grace Hopper "]
    assert texts("@") == ["@Tunebot ", "@Grace Hopper "]
    assert texts("mail@gr") == []


def test_somebody_named_in_full_is_offered_no_more() -> None:
    assert texts("@Tunebot") == []
    assert texts("@Grace Hopper ") == []


def test_the_usage_shows_once_a_command_is_written() -> None:
    assert usage("/tune", COMMANDS) == ""
    assert usage("/tune st", COMMANDS) == "/tune [list]"
    assert usage("/nothing x", COMMANDS) == ""


def test_a_command_is_told_from_words() -> None:
    assert command("/ask  ninety nine ") == ("/ask", "ninety nine")
    assert command("ask") is None
