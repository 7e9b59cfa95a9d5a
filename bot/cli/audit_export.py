"""The command `audit`: who did what."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from bot.cli.env_file_option import env_file_option

if TYPE_CHECKING:
    from bot.ports.stores import AuditLine


@click.command()
@env_file_option
@click.option("--csv", "form", flag_value="csv", default=True, help="As CSV, which is the default.")
@click.option("--json", "form", flag_value="json", help="As JSON.")
def audit(form: str) -> None:
    """Print every act that costs, shares, deletes, approves or gives a role; TUNEBOT_DB names the database."""
    from bot.people.audit_report import audit_csv, audit_json
    from bot.settings import Settings

    database = os.environ.get("TUNEBOT_DB", "").strip() or str(Settings.model_fields["database"].default)
    lines = asyncio.run(_lines_of(Path(database)))
    click.echo((audit_json if form == "json" else audit_csv)(lines).encode(), nl=False)


async def _lines_of(database: Path) -> "Sequence[AuditLine]":
    """Return all lines, oldest first, of a copy of the database, also while a bot uses it. Raises StorageError."""
    from bot.runtime.clocks import SYSTEM_CLOCK
    from storage import open_stores
    from storage.backup import copy_database

    with TemporaryDirectory(prefix="tunebot-audit-") as directory:
        copy = Path(directory, "tunebot.db")
        await asyncio.to_thread(copy_database, database, copy)
        async with open_stores(copy, SYSTEM_CLOCK) as stores:
            return list(reversed(await stores.audit_log.lines(None)))
