"""What all commands share at a terminal: they print every text, and say in a sentence what the machine refuses."""

import os
import sys
from contextlib import suppress
from io import TextIOWrapper

from bot.errors import BotError


def prepare_output() -> None:
    """Let every text be printed: what the terminal's encoding does not have is shown as its number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def check_folder() -> None:
    """Raise BotError if the current folder was deleted: no path can be found from there."""
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise BotError(
            "The folder in which this command was typed does not exist any more.",
            "Change into a folder that exists, and type it again.",
        ) from error


def refusal_text(error: OSError) -> str:
    """Return in a sentence what the machine refused."""
    where = f" {error.filename}:" if error.filename is not None else ""
    return f"This machine refused it:{where} {error.strerror}."


def give_up_output() -> None:
    """Drop what could not be printed: Python would try it once more at its end, and fail again."""
    # A stream that is not a file has no number.
    with suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
