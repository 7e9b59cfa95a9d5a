"""The command that copies the database: `backup`."""

import os
from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy the database to a new FILE, also while the bot runs; TUNEBOT_DB names the database."""
    from bot.settings import Settings
    from storage.backup import copy_database

    database = os.environ.get("TUNEBOT_DB", "").strip() or str(Settings.model_fields["database"].default)
    copy_database(Path(database), file)
    click.echo(f"Copied {database} to {file}, {file.stat().st_size:,} bytes.")
