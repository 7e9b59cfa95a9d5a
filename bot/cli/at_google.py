"""The commands on what is at Google: `models` lists the tuned models, `tidy` deletes what is left over."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from bot.cli.env_file_option import env_file_option
from bot.errors import BotError

if TYPE_CHECKING:
    from bot.backends import Google
    from bot.domain.jobs import TuningJob
    from bot.domain.operations import TunedModel
    from bot.settings import Settings
    from bot.tuning.tidying import Tidying


@click.command()
@env_file_option
@click.option("--json", "as_json", is_flag=True, help="Print the models as JSON.")
def models(as_json: bool) -> None:
    """List the tuned models at Google, also those that no Tunebot made.

    The exit status is 1 if a system could not be asked; the others are listed all the same.
    """
    found, problems = asyncio.run(_models())
    if as_json:
        click.echo(json.dumps([_model_json(model) for model in found], indent=2))
    else:
        for model in found:
            made = model.created_at.date().isoformat() if model.created_at else "unknown date"
            click.echo(f"{model.display_name or '(no name)'}  {model.backend}  {model.base_model}  {made}")
            click.echo(f"  {model.resource}")
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise click.exceptions.Exit(1)


def _model_json(model: "TunedModel") -> dict[str, str]:
    return {
        "name": model.display_name,
        "system": model.backend,
        "base_model": model.base_model,
        "resource": model.resource,
        "endpoint": model.endpoint,
        "created_at": model.created_at.isoformat() if model.created_at else "",
    }


async def _models() -> "tuple[list[TunedModel], list[str]]":
    found: list[TunedModel] = []
    problems: list[str] = []
    async with _google(_settings()) as google:
        for backend in google.backends.values():
            try:
                found += await backend.models()
            except BotError as error:
                problems.append(f"{backend.profile.title}: {error}")
    return found, problems


@click.command()
@env_file_option
@click.option(
    "--dry-run", is_flag=True, help="Delete nothing; print what would be deleted and why the rest stays."
)
@click.option(
    "--after-days",
    type=click.IntRange(0),
    default=30,
    show_default=True,
    help="How long the files of a job stay after its end.",
)
@click.option("--yes", is_flag=True, help="Delete without a question.")
def tidy(dry_run: bool, after_days: int, yes: bool) -> None:
    """Delete training files and endpoints at Google that no job needs any more, also while the bot runs.

    What a job still needs stays, and so does what no job of this database names: it may be another installation's.
    """
    asyncio.run(_tidy(timedelta(days=after_days), dry_run=dry_run, sure=yes))


async def _tidy(kept_for: timedelta, *, dry_run: bool, sure: bool) -> None:
    async with _tidying(_settings()) as tidying:
        found = await tidying.find(kept_for)
        ready = [each for each in found if not each.kept]
        for each in found:
            size = f", {each.size:,} bytes" if each.size else ""
            click.echo(
                f"{'keep  ' if each.kept else 'delete'}  {each.name}{size}{': ' if each.kept else ''}{each.kept}"
            )
        total = sum(each.size for each in ready)
        click.echo(f"{len(ready)} of {len(found)} are left over, {total:,} bytes.")
        if dry_run or not ready or not (sure or click.confirm(f"Delete these {len(ready)} at Google?")):
            return
        await tidying.delete(ready)
        click.echo(f"Deleted {len(ready)}.")


def _settings() -> "Settings":
    from bot.settings import Settings

    return Settings.read(os.environ)


@asynccontextmanager
async def _google(settings: "Settings") -> "AsyncIterator[Google]":
    from bot.app import google_options
    from bot.backends import open_google
    from bot.runtime.logs import say_retries

    say_retries(partial(click.echo, err=True))
    async with open_google(settings.backends, google_options(settings)) as google:
        yield google


@asynccontextmanager
async def _tidying(settings: "Settings") -> "AsyncIterator[Tidying]":
    """Open it on a copy of the database, because the bot may be using the database itself."""
    from bot.ports.stores import BY_TERMINAL, AuditEntry
    from bot.runtime.clocks import SYSTEM_CLOCK
    from bot.tuning.tidying import Tidying
    from storage import open_stores
    from storage.audit_log import append_from_outside
    from storage.backup import copy_database

    async def record(job: "TuningJob", act: AuditEntry) -> None:
        path = Path(settings.database)
        await asyncio.to_thread(append_from_outside, path, job.place.team, act, job.key)

    with TemporaryDirectory(prefix="tunebot-tidy-") as directory:
        copy = Path(directory, "tunebot.db")
        await asyncio.to_thread(copy_database, Path(settings.database), copy)
        async with open_stores(copy, SYSTEM_CLOCK) as stores, _google(settings) as google:
            yield Tidying(google.backends, stores.jobs, SYSTEM_CLOCK, record, by=BY_TERMINAL)
