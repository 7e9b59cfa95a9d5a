"""The help names every command, and what no longer trains."""

from handlers.blocks.help import build_help
from handlers.syntax.commands import COMMANDS
from tests.support.block_checks import check_message
from tests.support.block_samples import GEMINI, VERTEX


def test_help_names_every_command_and_what_no_longer_trains() -> None:
    message = build_help([VERTEX, GEMINI])
    check_message(message)
    assert all(f"`{command.usage}`: {command.summary}" in message.text for command in COMMANDS)
    assert "`/tune cancel NAME`: Stops a tuning, where Google can; it asks first." in message.text
    assert "*Vertex AI:* tunes gemini-3.5-flash, gemini-3.5-flash-lite." in message.text
    assert "*Gemini API:* Google has had no base model" in message.text
    assert [each["block_id"] for each in message.blocks] == ["commands", "mentions", "systems"]
