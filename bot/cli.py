"""The command line: `tunebot run`, `sandbox`, `check`, `manifest`.

Each command imports what it needs when it runs, so that a check of a file does not wait for Slack's libraries.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Final

import click

from bot.domain import FieldMapping
from bot.errors import BotError

CHUNK_BYTES: Final = 1024 * 1024


@click.group()
@click.version_option(package_name="tunebot")
def cli() -> None:
    """Tune Gemini models on your own examples and chat with them, without leaving Slack."""


@cli.command()
def run() -> None:
    """Serve the bot, configured by environment variables."""
    from bot import app, logs
    from bot.settings import Settings

    settings = Settings.read(os.environ)
    logs.set_up(settings.log_level, settings.secrets())
    asyncio.run(app.run(settings))


@cli.command()
def sandbox() -> None:
    """Watch the whole loop on this machine: no account, no network."""
    from bot.sandbox.walk import walk

    asyncio.run(walk())


@cli.command()
@click.option("--url", default="", help="Slack's way to /slack/events, for HTTP; without it: Socket Mode.")
def manifest(url: str) -> None:
    """Print the Slack app manifest, made from the registered commands, events and scopes."""
    from handlers.manifest import manifest as build

    click.echo(json.dumps(build(url), indent=2))


@cli.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--for", "backend", default="vertex", show_default=True, help="The system whose limits count.")
@click.option("--input", "input_key", default="", help="The key of a row that holds the input.")
@click.option("--output", "output_key", default="", help="The key of a row that holds the output.")
def check(file: Path, backend: str, input_key: str, output_key: str) -> None:
    """Print the report on a training file; ends with 1 if it cannot be tuned on."""
    from bot.backends import PROFILES
    from bot.datasets import DatasetChecker, report_text

    if (profile := PROFILES.get(backend)) is None:
        raise click.BadParameter(f"choose one of {', '.join(PROFILES)}", param_hint="--for")
    if bool(input_key) != bool(output_key):
        raise click.UsageError("Give --input and --output together.")
    mapping = FieldMapping(input_key, output_key) if input_key else None
    checker = DatasetChecker(file.name, profile.limits, target=profile.dialect, mapping=mapping)
    with (
        file.open("rb") as source,
        click.progressbar(length=file.stat().st_size, label=f"Checking {file.name}", file=sys.stderr) as bar,
    ):
        while chunk := source.read(CHUNK_BYTES):
            checker.feed(chunk)
            bar.update(len(chunk))
    report = checker.finish()
    click.echo(report_text(report))
    sys.exit(0 if report.ok else 1)


def main() -> None:
    """The command's entry: our own errors in words on standard error, without a traceback."""
    try:
        cli()
    except BotError as error:
        click.echo(f"{error.message.rstrip()}\n{error.hint}".rstrip(), err=True)
        sys.exit(1)
