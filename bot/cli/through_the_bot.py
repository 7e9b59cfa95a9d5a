"""The commands that a running bot carries out, as it does Slack's: `start`, `status` and `ask`."""

import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import click

from bot.cli.env_file_option import env_file_option
from bot.errors import BotError

WAIT_SECONDS: Final = 10.0
# A bot that is upgraded answers nothing for a moment; the tuning goes on without it.
RESTART_SECONDS: Final = 600.0
# A check of a large file takes minutes, an answer of a model also.
ANSWER_SECONDS: Final = 900.0

_Command = Callable[..., None]


class _BotConnection(http.client.HTTPConnection):
    """A connection to the socket beside the database."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(ANSWER_SECONDS)
        self.sock.connect(self._path)


def _as_person(command: _Command) -> _Command:
    """Add the options that name the person and the channel."""
    for option in (
        env_file_option,
        click.option("--json", "as_json", is_flag=True, help="Print the bot's answer as JSON."),
        click.option(
            "--channel", envvar="TUNEBOT_CHANNEL", required=True, help="The channel's id; or set TUNEBOT_CHANNEL."
        ),
        click.option(
            "--as", "person", envvar="TUNEBOT_AS", required=True, help="The Slack user's id; or set TUNEBOT_AS."
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("words", nargs=-1)
@_as_person
@click.option("--yes", is_flag=True, help="Also start what needs a second yes, because it is very large.")
@click.option("--wait", is_flag=True, help="Wait until the tuning has ended; the exit status is 1 if it failed.")
def start(
    file: Path, words: tuple[str, ...], person: str, channel: str, as_json: bool, yes: bool, wait: bool
) -> None:
    """Tune on FILE as a person of the workspace, through the running bot: WORDS are those of /tune start.

    The file is posted in the channel, where the card then shows the progress. The person needs the same rights as
    in Slack. Example: tunebot start examples.jsonl name=capitals epochs=3 --as U012 --channel C012
    """
    name = click.format_filename(file.name)
    query = {"person": person, "channel": channel, "words": " ".join(words), "name": name, "yes": int(yes)}
    try:
        with file.open("rb") as content:
            answer = _send("start", query, content)
    except KeyboardInterrupt:
        click.echo("\nThe bot may start it all the same: see tunebot status before you start it again.", err=True)
        raise
    if not answer["ok"]:
        _refuse(answer, as_json, "Add --yes to start it all the same." if answer.get("needs_yes") else "")
    job = answer["job"]
    if wait:
        job = _wait_for_end(job, {"person": person, "channel": channel, "name": job["key"]})
    click.echo(json.dumps({**answer, "job": job}, indent=2) if as_json else _job_line(job))
    sys.exit(1 if wait and job["state"] != "succeeded" else 0)


def _wait_for_end(job: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """Ask for the job until it has ended, with a progress bar where standard error is a terminal."""
    answered_at = time.monotonic()
    try:
        with click.progressbar(length=100, label=f"Tuning {job['name']}", file=sys.stderr) as bar:
            while not job["ended"]:
                time.sleep(WAIT_SECONDS)
                try:
                    answer = _send("status", query)
                except BotError:
                    if time.monotonic() - answered_at > RESTART_SECONDS:
                        raise
                    continue
                answered_at = time.monotonic()
                if not answer["ok"]:
                    raise BotError(answer["error"], answer.get("hint", ""))
                job = answer["jobs"][0]
                bar.update(int(job["percent"] or 0) - bar.pos)
    except KeyboardInterrupt:
        click.echo(f"\nThe tuning goes on. See it with: tunebot status {job['key']}", err=True)
        raise
    return job


@click.command()
@click.argument("name", required=False, default="")
@_as_person
def status(name: str, person: str, channel: str, as_json: bool) -> None:
    """Show the tuning NAME, or all that are under way, as the person sees them."""
    answer = _send("status", {"person": person, "channel": channel, "name": name})
    if not answer["ok"]:
        _refuse(answer, as_json)
    if as_json:
        click.echo(json.dumps(answer["jobs"], indent=2))
        return
    for job in answer["jobs"]:
        click.echo(_job_line(job))
    if not answer["jobs"]:
        click.echo("No tuning that you can see is under way.")


@click.command()
@click.argument("question")
@_as_person
@click.option("--model", default="", help="The model's name; without it the channel's model.")
def ask(question: str, person: str, channel: str, as_json: bool, model: str) -> None:
    """Ask a tuned model as a person of the workspace; nothing is posted in Slack."""
    _check_text(question)
    answer = _send("ask", {"person": person, "channel": channel, "model": model}, question.encode())
    if not answer["ok"]:
        _refuse(answer, as_json)
    click.echo(json.dumps(answer, indent=2) if as_json else answer["answer"])
    if answer["note"] and not as_json:
        click.echo(answer["note"], err=True)


def _job_line(job: dict[str, Any]) -> str:
    percent = f", {job['percent']:.0f} %" if job["percent"] is not None and not job["ended"] else ""
    problem = f": {job['problem']}" if job["problem"] else ""
    return f"{job['name']}  {job['state']}{percent}  {job['key']}{problem}"


def _refuse(answer: dict[str, Any], as_json: bool, hint: str = "") -> None:
    """Print why the bot did not do it, and end with 1."""
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        sys.exit(1)
    if answer.get("report"):
        click.echo(answer["report"])
    raise BotError(answer["error"], hint or answer.get("hint", ""))


def _send(command: str, query: dict[str, Any], body: Any = b"") -> dict[str, Any]:
    """Send a command to the bot that uses the database; returns its answer. Raises BotError if there is none."""
    path = _socket()
    for text in map(str, query.values()):
        _check_text(text)
    with closing(_BotConnection(path)) as connection:
        try:
            connection.connect()
        except OSError as error:
            raise BotError(
                f"No bot answers at {path} ({type(error).__name__}).",
                "Start the bot, and set TUNEBOT_DB to its database. The command must run as the bot's own user.",
            ) from error
        try:
            connection.request("POST", f"/{command}?{urlencode(query)}", body=body)
            return dict(json.loads(connection.getresponse().read()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            # A start that is sent again without need is paid for twice.
            raise BotError(
                f"No answer came from the bot ({type(error).__name__}).",
                "It may have done it, or still do it: see tunebot status before you send it again.",
            ) from error


def _check_text(text: str) -> None:
    """Raise BotError if what was typed holds bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BotError(
            f"What was typed holds bytes that are not UTF-8: {click.format_filename(text)}.",
            "Type it in a terminal with UTF-8, or set LC_ALL to the locale that the text is in.",
        ) from error


def _socket() -> str:
    from bot.settings import Settings

    database = os.environ.get("TUNEBOT_DB", "").strip() or str(Settings.model_fields["database"].default)
    return f"{os.path.abspath(database)}.sock"
