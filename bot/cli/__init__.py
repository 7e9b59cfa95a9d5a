"""The command line: `tunebot run`, `doctor`, `check` and more; `tunebot --help` lists all.

Each command imports what it needs when it runs, so that a check of a file does not wait for Slack's libraries.
"""

import sys
from typing import Final

import click

from bot.cli import (
    at_google,
    audit_export,
    backups,
    costs,
    examination,
    file_check,
    file_conversion,
    imports,
    serving,
    through_the_bot,
)
from bot.cli.terminals import check_folder, give_up_output, prepare_output, refusal_text
from bot.errors import BotError

COMMANDS: Final = (
    serving.run,
    examination.doctor,
    serving.sandbox,
    serving.manifest,
    serving.settings,
    file_check.check,
    file_conversion.convert,
    through_the_bot.start,
    through_the_bot.status,
    through_the_bot.ask,
    at_google.models,
    at_google.tidy,
    imports.import_job,
    backups.backup,
    backups.restore,
    costs.export_spend,
    costs.prices,
    audit_export.audit,
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    commands=COMMANDS,
    epilog="The exit status is 0 if all is well, 1 if not, and 2 if the command was typed wrong.",
)
@click.version_option(package_name="tunebot")
def cli() -> None:
    """Tune Gemini models on your own examples and chat with them, without leaving Slack."""


def main() -> None:
    """Run the command; print an error of ours, or of this machine, on standard error, without a traceback."""
    prepare_output()
    try:
        check_folder()
        cli()
    except BotError as error:
        click.echo(f"{error.message.rstrip()}\n{error.hint}".rstrip(), err=True)
        sys.exit(1)
    except OSError as error:
        if error.strerror is None:
            raise
        give_up_output()
        click.echo(refusal_text(error), err=True)
        sys.exit(1)
