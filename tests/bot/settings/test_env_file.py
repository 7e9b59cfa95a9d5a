"""A file of settings, beside the environment."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner

from bot.cli import cli
from bot.errors import SettingsError
from bot.settings.env_example import env_example
from bot.settings.env_file import add_env_file, read_env_file


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Give the environment back as it was: the option fills it."""
    with mock.patch.dict(os.environ):
        yield


def written(folder: Path, text: str) -> Path:
    path = folder / "tunebot.env"
    path.write_text(text)
    return path


def test_the_example_is_such_a_file(tmp_path: Path) -> None:
    assert set(read_env_file(written(tmp_path, env_example())).values()) == {""}


def test_values_are_taken_as_they_are_written(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffA=1\r\n# note\n\nexport B=$A ${A}\nC='x # y'\nD=https://h/?q=1#f # why\nA=2\n")
    assert read_env_file(path) == {"A": "2", "B": "$A ${A}", "C": "x # y", "D": "https://h/?q=1#f"}


@pytest.mark.parametrize("line", ["xoxb-hush", "NAME", "xoxb hush", "=hush", 'NAME="hush', "{hush}"])
def test_a_broken_line_is_named_by_its_number_and_not_shown(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, f"# note\nA=1\n\n{line}\n")
    with pytest.raises(SettingsError) as caught:
        read_env_file(path)
    assert caught.value.message == f"Line 4 of the settings file {path} is no variable."
    assert "hush" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_told_in_one_sentence(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(SettingsError, match=f"{path} cannot be read: {why}"):
            read_env_file(path)
    path = tmp_path / "latin"
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(SettingsError, match="is not text in UTF-8"):
        read_env_file(path)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "PORT=1\nHOST=::1\nSLACK_BOT_TOKEN=xoxb-old\nGEMINI_API_KEY_FILE=/old\n")
    environment = {"PORT": "2", "HOST": " ", "SLACK_BOT_TOKEN_FILE": "/new", "GEMINI_API_KEY": "new"}

    add_env_file(path, environment)

    assert environment == {
        "PORT": "2",
        "HOST": "::1",
        "SLACK_BOT_TOKEN_FILE": "/new",
        "GEMINI_API_KEY": "new",
    }


READ_SETTINGS = (
    *("run", "doctor", "check", "models", "tidy", "import", "backup", "restore", "export-spend", "audit"),
    *("start", "status", "ask"),
)


def test_each_command_that_reads_settings_takes_a_file_and_no_other_does(tmp_path: Path) -> None:
    for name in cli.commands:
        done = CliRunner().invoke(cli, [name, "--env-file", str(tmp_path / "none")])
        told = isinstance(done.exception, SettingsError)
        assert told == (name in READ_SETTINGS), (name, done.output)


def test_a_command_and_its_options_read_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, f"TUNEBOT_DB={tmp_path}/none.db\nTUNEBOT_AS=U1\nTUNEBOT_CHANNEL=C1\nPORT=no\n")
    for name in ("TUNEBOT_DB", "TUNEBOT_AS", "TUNEBOT_CHANNEL", "PORT"):
        os.environ.pop(name, None)

    asked = CliRunner().invoke(cli, ["ask", "Why?", "--env-file", str(path)])
    examined = CliRunner().invoke(cli, ["doctor", "--json", "--env-file", str(path)])

    assert f"No bot answers at {tmp_path}/none.db.sock" in str(asked.exception)
    assert "settings.PORT" in {row["name"] for row in json.loads(examined.stdout)}
