"""The command `doctor`: checks the whole installation and prints a row with the exact fix for each part."""

import asyncio
import json
import os
import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click

from bot.cli.env_file_option import env_file_option

if TYPE_CHECKING:
    from bot.runtime.doctor import Row


@click.command()
@env_file_option
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
def doctor(as_json: bool) -> None:
    """Check the settings, Slack, Google, the database and this machine, and say how to repair each fault.

    It changes nothing and costs nothing, and may run beside the bot. The exit status is 1 if something cannot
    work; what works in part (note) and what could not be checked (?) does not count.
    """
    rows = asyncio.run(_examine())
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        from bot.runtime.doctor import table_text

        click.echo(table_text(rows))
    sys.exit(1 if any(row.mark == "failed" for row in rows) else 0)


async def _examine() -> "list[Row]":
    from bot import app
    from bot.ports.diagnosis import Mark
    from bot.runtime.doctor import Row, run_checks
    from bot.runtime.logs import say_retries
    from bot.runtime.machine_checks import folder_of, machine_checks
    from bot.runtime.proxy_variables import PROXY_NAMES
    from bot.settings import Settings

    say_retries(partial(click.echo, err=True))
    settings, problems = Settings.examine(os.environ)
    if settings is not None:
        return [
            Row("settings.all", "Settings", Mark.GOOD, "Every setting can be read."),
            *await app.diagnose(settings, os.environ),
        ]
    rows = []
    for problem in problems:
        name, _, fact = problem.partition(": ")
        if name in PROXY_NAMES:
            continue  # The check of the machine reports the proxies.
        fix = _FIXES.get(name.split()[0], "Correct it; what each setting means: tunebot settings")
        # Where the problem names two variables, the fact must name them too.
        text = problem if " or " in name else fact
        rows.append(Row(f"settings.{name.split()[0]}", name.split()[0], Mark.FAILED, text, fix))
    database = os.environ.get("TUNEBOT_DB", "tunebot.db")
    return [*rows, *await run_checks(machine_checks(folder_of(database), (), os.environ))]


_FIXES = {
    "SLACK_BOT_TOKEN": "Copy the Bot User OAuth Token: https://api.slack.com/apps, your app, OAuth & Permissions.",
    "SLACK_APP_TOKEN": (
        "Make a token with connections:write: https://api.slack.com/apps, your app, Basic Information, "
        "App-Level Tokens."
    ),
    "GOOGLE_CLOUD_PROJECT": "export GOOGLE_CLOUD_PROJECT=$(gcloud config get-value project)",
    "TUNEBOT_BUCKET": (
        "gcloud storage buckets create gs://YOUR-BUCKET --location=us-central1\nexport TUNEBOT_BUCKET=YOUR-BUCKET"
    ),
}
