"""The commands on what tunings cost: `export-spend` and `prices`."""

import asyncio
import os
from pathlib import Path

import click

from bot.errors import BotError


@click.command("export-spend")
@click.option("--month", required=True, help="The month, like 2026-11, in UTC.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="A new file to write; else standard output."
)
def export_spend(month: str, out: Path | None) -> None:
    """Write what each tuning of a month cost as CSV, also while the bot runs; TUNEBOT_DB names the database."""
    from bot import app
    from bot.settings import Settings
    from bot.spending.month_report import read_month

    database = os.environ.get("TUNEBOT_DB", "").strip() or str(Settings.model_fields["database"].default)
    text = asyncio.run(app.spend_csv_of(database, read_month(month)))
    if out is None:
        click.echo(text.encode(), nl=False)
        return
    try:
        with out.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise BotError(f"{out} cannot be written: {error.strerror}.", "Name a new file.") from error


@click.command()
def prices() -> None:
    """Print the built-in table of prices and retirements, to change a copy of it for TUNEBOT_PRICES."""
    from bot.spending.price_table import built_in_text

    click.echo(built_in_text(), nl=False)
