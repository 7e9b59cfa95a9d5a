"""The table of commands: no row is like another one, and what a row shows can be typed."""

import re

import pytest

from handlers.syntax.arguments import parse_ask
from handlers.syntax.commands import COMMANDS, Command, Runner
from handlers.syntax.typed_text import parse_mention, parse_tune


def test_no_two_rows_of_the_table_share_a_name_or_a_runner() -> None:
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)
    assert sorted(command.runner for command in COMMANDS) == sorted(set(Runner) - {Runner.GREET})


def typed_example(command: Command) -> str:
    """The arguments that the table shows, with a value for each word in capitals, as Slack sends it."""
    shown = command.arguments
    for word, value in (
        ("LINK", "gs://my-bucket/examples.jsonl"),
        ("NAME", "capitals"),
        ("ROLE", "tuner"),
        ("@PERSON", "<@U0BOB|bob>"),
    ):
        shown = shown.replace(word, value)
    return shown


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_what_the_table_shows_can_be_typed_with_and_without_its_optional_parts(command: Command) -> None:
    shown = typed_example(command)
    for typed in {shown.replace("[", "").replace("]", ""), re.sub(r"\[[^]]*\]\s*", "", shown)}:
        if command.name == "/ask":
            assert parse_ask(typed).question == "question"
        else:
            assert parse_tune(f"{command.word} {typed}").runner is command.runner


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.word], ids=lambda command: command.name)
def test_a_mention_understands_the_sub_commands_of_the_table(command: Command) -> None:
    typed = typed_example(command).strip("[]")
    assert parse_mention(f"<@UBOT> {command.word} {typed}", "UBOT").runner is command.runner
