"""The commands that copy the database, `backup`, and put a copy in its place, `restore`."""

import asyncio
import os
import shlex
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bot.cli.env_file_option import env_file_option
from bot.errors import BotError


@click.command()
@env_file_option
@click.argument("file")
def backup(file: str) -> None:
    """Copy the database to a new FILE, also while the bot runs; TUNEBOT_DB names the database.

    FILE may also be a folder of a bucket, gs://my-bucket/folder: then the copy is named after the time.
    """
    from storage.backup import copy_database

    database = _database()
    if file.startswith("gs://"):
        name = asyncio.run(_upload(database, file))
        click.echo(f"Copied {database} to {file.rstrip('/')}/{name}.")
        return
    copy_database(database, Path(file))
    click.echo(f"Copied {database} to {file}, {Path(file).stat().st_size:,} bytes.")


@click.command()
@env_file_option
@click.argument("file")
def restore(file: str) -> None:
    """Put FILE, a copy of the database, in its place; TUNEBOT_DB names the database. Stop the bot first.

    What was there before stays beside it under a new name.
    """
    from storage.restoring import restore_database

    if file.startswith("gs://"):
        fetch = f"gcloud storage cp {shlex.quote(file)} tunebot-copy.db"
        raise BotError(f"{file} is in a bucket.", f"Fetch it first, and restore the copy: {fetch}")
    database = _database()
    kept = restore_database(Path(file), database, datetime.now(UTC))
    click.echo(f"{database} is now the copy {file}." + (f" The earlier one is {kept}." if kept else ""))
    click.echo("The next start finds at Google the jobs that were started since the copy, and follows them.")


def _database() -> Path:
    from bot.settings import Settings

    return Path(os.environ.get("TUNEBOT_DB", "").strip() or str(Settings.model_fields["database"].default))


async def _upload(database: Path, folder: str) -> str:
    """Copy the database and store the copy in the bucket; returns its name."""
    from bot.app import google_options, open_backup_target
    from bot.runtime.logs import say_retries
    from bot.settings import Settings
    from storage.backup import copy_database

    say_retries(partial(click.echo, err=True))
    with TemporaryDirectory(prefix="tunebot-backup-") as directory:
        copy = Path(directory, f"tunebot-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db")
        await asyncio.to_thread(copy_database, database, copy)
        async with open_backup_target(folder, google_options(Settings.read(os.environ))) as target:
            await target.store(copy)
    return copy.name
