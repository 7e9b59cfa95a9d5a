"""The option `--env-file` of the commands that read settings."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def env_file_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option. It fills the environment before the command and its other options read it."""
    return click.option(
        "--env-file",
        type=click.Path(path_type=Path),
        expose_value=False,
        is_eager=True,
        callback=_add,
        help="Read settings from this file too, NAME=value on each line; the environment wins over it.",
    )(command)


def _add(_: click.Context, __: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    from bot.settings.env_file import add_env_file

    add_env_file(path, os.environ)
