"""The commands that run the bot or describe it: `run`, `sandbox`, `manifest`, `settings`."""

import asyncio
import gc
import json
import logging
import os
import platform
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click

from bot.cli.env_file_option import env_file_option
from bot.errors import BotError

logger = logging.getLogger(__name__)

# Bolt reads these from the environment: the last two would switch it to OAuth and make it ignore the bot's token
# (slack_bolt/app/async_app.py, `AsyncApp.__init__`).
READ_BY_BOLT: Final = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET")
# The event loop releases the interpreter's lock at every send. The database's thread may then hold it for this
# long before an acknowledgement continues; Python's default is 0.005 s:
# https://docs.python.org/3/library/sys.html#sys.setswitchinterval.
SWITCH_SECONDS: Final = 0.0005


@click.command()
@env_file_option
def run() -> None:
    """Serve the bot, with the settings of the environment and of the file that --env-file names."""
    # SIGTERM also ends the process while the libraries are still loading.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    from bot import app
    from bot.runtime import logs
    from bot.settings import Settings
    from handlers.slack_errors import SAID_OF_TOKENS

    try:
        read = Settings.read(os.environ)
    except BotError as error:
        logs.set_up("INFO", (), os.environ.get("TUNEBOT_LOG_FORM", ""))
        _log_refusal(error)
        raise
    for name in READ_BY_BOLT:
        os.environ.pop(name, None)
    logs.set_up(read.log_level, read.secrets(), read.log_form, SAID_OF_TOKENS)
    logs.log_event(
        logger,
        "process.starting",
        version=version("tunebot"),
        python=platform.python_version(),
        **read.effective(),
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    # What was loaded stays until the end. Without this, each full garbage collection looks at all of it, and the
    # event loop stands still for some 40 to 70 ms.
    gc.freeze()
    try:
        asyncio.run(app.run(read))
    except BotError as error:
        _log_refusal(error)
        sys.exit(1)


def _log_refusal(error: BotError) -> None:
    """Log on one line why the bot does not start."""
    from bot.runtime.logs import log_event

    reason = "; ".join(line.strip() for line in error.message.splitlines() if line.strip()).replace(":; ", ": ")
    log_event(logger, "process.refused", logging.ERROR, reason=reason, hint=error.hint)


@click.command()
@click.option(
    "--check",
    "existing",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Print nothing; end with 1 if this file differs.",
)
def settings(existing: Path | None) -> None:
    """Print every setting as an environment file to fill in, with its default and its meaning."""
    from bot.settings.env_example import env_example

    text = env_example()
    if existing is None:
        click.echo(text, nl=False)
    elif existing.read_text(encoding="utf-8") != text:
        raise BotError(f"{existing} differs from the settings.", f"Write it again: tunebot settings > {existing}")


@click.command()
@click.option("--port", default=0, help="The page's port; without it a free one.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in the browser.")
@click.option("--walk", "scripted", is_flag=True, help="No page: print all steps as text.")
def sandbox(port: int, open_browser: bool, scripted: bool) -> None:
    """Try the bot on this machine, in a page that looks like a Slack workspace: no account, no network."""
    if scripted:
        from bot.sandbox.walk import walk

        asyncio.run(walk())
        return
    from handlers.transport.manifest import manifest as build

    try:
        from bot.sandbox.serve import PortTaken, serve
    except ModuleNotFoundError as error:
        raise BotError(
            f"The sandbox's page needs the package {error.name}.",
            "Install it with: pip install '.[sandbox]' (or walk through the main job without it: --walk).",
        ) from None
    try:
        asyncio.run(serve(build(), port=port, open_browser=open_browser))
    except PortTaken as error:
        raise BotError(f"Port {port} cannot be used: {error}.", "Name another one with --port.") from error


@click.command()
@click.option("--url", default="", help="The public URL of /slack/events, for HTTP; without it: Socket Mode.")
def manifest(url: str) -> None:
    """Print the Slack app manifest, made from the registered commands, events and scopes."""
    from handlers.transport.manifest import manifest as build

    click.echo(json.dumps(build(url), indent=2))
