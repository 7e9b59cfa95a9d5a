"""The commands on what tunings cost: `export-spend` and `prices`."""

import asyncio
import os
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bot.cli.env_file_option import env_file_option
from bot.errors import BotError


@click.command("export-spend")
@env_file_option
@click.option("--month", required=True, help="The month, like 2026-11, in UTC.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="A new file to write; else standard output."
)
def export_spend(month: str, out: Path | None) -> None:
    """Write what each tuning of a month cost as CSV, also while the bot runs; TUNEBOT_DB names the database."""
    from bot.settings import Settings
    from bot.spending.month_report import read_month

    database = os.environ.get("TUNEBOT_DB", "").strip() or str(Settings.model_fields["database"].default)
    text = asyncio.run(_spend_csv_of(Path(database), read_month(month)))
    if out is None:
        click.echo(text.encode(), nl=False)
        return
    try:
        with out.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise BotError(f"{out} cannot be written: {error.strerror}.", "Name a new file.") from error


async def _spend_csv_of(database: Path, month: date) -> str:
    """Return the CSV of a month, also while a bot is using the database. Raises StorageError.

    It reads a copy, which is migrated if it is of an older version; the database itself stays as it is.
    """
    from bot.runtime.clocks import SYSTEM_CLOCK
    from bot.spending.month_report import next_month, spend_csv, start_of
    from storage import open_stores
    from storage.backup import copy_database

    with TemporaryDirectory(prefix="tunebot-spend-") as directory:
        copy = Path(directory, "tunebot.db")
        await asyncio.to_thread(copy_database, database, copy)
        async with open_stores(copy, SYSTEM_CLOCK) as stores:
            jobs = await stores.jobs.started(None, start_of(month), start_of(next_month(month)))
            questions = await stores.question_spend.sums(None, month, next_month(month))
    return spend_csv(jobs, questions)


@click.command()
def prices() -> None:
    """Print the built-in table of prices and retirements, to change a copy of it for TUNEBOT_PRICES."""
    from bot.spending.price_table import built_in_text

    click.echo(built_in_text(), nl=False)
