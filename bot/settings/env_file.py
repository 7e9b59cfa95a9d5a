"""Reads a file of settings, `NAME=value` on each line, as `tunebot settings` prints it."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from dotenv.parser import parse_stream

from bot.errors import SettingsError
from bot.settings.problems import secret_file_name

_FORM: Final = "Write one NAME=value on each line; a line that begins with # is a comment."


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of the file; of a name that is there twice, the last. Blocks.

    A value loses the quotes around it, and without quotes a comment after ` #`; a `$` in it has no meaning. Raises
    SettingsError for a file that cannot be read, and for the first line that is no variable. It names the line by
    its number, because the line may hold a secret.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            parsed = list(parse_stream(file))
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error.strerror}.",
            "Name a file that is there and that the bot's user may read: --env-file PATH",
        ) from error
    except ValueError as error:
        raise SettingsError(f"The settings file {path} is not text in UTF-8.", _FORM) from error
    found: dict[str, str] = {}
    for each in parsed:
        if each.error or (each.key is not None and each.value is None):
            # The parser counts the empty lines before it to the line.
            written = each.original.string
            line = each.original.line + written[: len(written) - len(written.lstrip())].count("\n")
            raise SettingsError(f"Line {line} of the settings file {path} is no variable.", _FORM)
        if each.key is not None and each.value is not None:
            found[each.key] = each.value
    return found


def add_env_file(path: Path, environment: MutableMapping[str, str]) -> None:
    """Put the file's variables into the environment where it has none. Raises SettingsError.

    A variable that is set to nothing counts as unset. SLACK_BOT_TOKEN_FILE in the environment also wins over
    SLACK_BOT_TOKEN in the file, and the other way around.
    """
    kept = {name for name, value in environment.items() if value.strip()}
    for name, value in read_env_file(path).items():
        other = name.removesuffix("_FILE") if name.endswith("_FILE") else secret_file_name(name)
        if name not in kept and other not in kept:
            environment[name] = value
