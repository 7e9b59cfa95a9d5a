"""The command `import`: takes what was fine-tuned at OpenAI to Google, with a key or from a file."""

import asyncio
import os
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

import click

from bot.cli.env_file_option import env_file_option
from bot.cli.file_conversion import DIALECTS, convert_file
from bot.errors import BotError

if TYPE_CHECKING:
    from bot.backends.openai.openai import OpenAi
    from bot.domain.fine_tuning_job import FineTuningJob

_SHOWN = 50


@click.command("import")
@env_file_option
@click.argument("source", default="")
@click.option(
    "--to",
    "target",
    type=click.Choice(DIALECTS),
    default="vertex",
    show_default=True,
    help="The dialect to write.",
)
@click.option(
    "--out",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="The folder to write to; else this one.",
)
@click.option("--preferred", is_flag=True, help="Keep only the preferred answer of rows that have two answers.")
def import_job(source: str, target: str, directory: Path, preferred: bool) -> None:
    """Take the files and settings of a fine-tuning job at OpenAI.

    SOURCE is the id of a job (ftjob-...), or a training file that was downloaded by hand. Without it, the jobs are
    listed. Jobs need the key OPENAI_API_KEY, or OPENAI_API_KEY_FILE, the path of a file that holds it.
    """
    if source and Path(source).is_file():
        _convert(Path(source), directory, Path(source).name, target, preferred)
        return
    asyncio.run(_import(source, target, directory, preferred))


async def _import(source: str, target: str, directory: Path, preferred: bool) -> None:
    async with _openai(os.environ) as openai:
        if not source:
            for job in await openai.jobs(_SHOWN):
                click.echo(_line(job))
            return
        job = await openai.job(source)
        click.echo(_line(job))
        with TemporaryDirectory(prefix="tunebot-import-") as folder:
            for kind, location in (("training", job.training_file), ("validation", job.validation_file)):
                if location:
                    name = (await openai.file(location)).name
                    downloaded = Path(folder, f"{kind}.jsonl")
                    size = 0
                    with _new_file(downloaded) as file:
                        async for chunk in openai.content(location):
                            size += file.write(chunk)
                    click.echo(f"{kind}: {name}, {size:,} bytes")
                    _convert(downloaded, directory, f"{job.id}.{kind}.jsonl", target, preferred)
    epochs = f" epochs={job.epochs}" if job.epochs else ""
    name = f" name={shlex.quote(job.suffix)}" if job.suffix else ""
    click.echo(f"In Slack: /tune start{name}{epochs}, with the files attached; or /tune import {job.id}")


def _new_file(path: Path) -> BinaryIO:
    return path.open("xb")


def _convert(file: Path, directory: Path, name: str, target: str, preferred: bool) -> None:
    out = directory / f"{name.removesuffix('.gz').rsplit('.', 1)[0]}.{target}.jsonl"
    if os.path.lexists(out):
        raise BotError(f"{out} exists already.", "Move it, or name another folder with --out.")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BotError(f"{directory} cannot be made: {error.strerror}.", "Name another folder.") from error
    examples = convert_file(file, target, None, "utf-8", out, preferred=preferred)
    click.echo(f"{examples:,} examples: {out}")


def _line(job: "FineTuningJob") -> str:
    parts = [job.id, job.base_model, job.status, job.suffix]
    if job.epochs:
        parts.append(f"{job.epochs} epochs")
    if job.created_at is not None:
        parts.append(f"{job.created_at:%Y-%m-%d}")
    return "  ".join(filter(None, parts))


@asynccontextmanager
async def _openai(environment: Mapping[str, str]) -> AsyncIterator["OpenAi"]:
    from bot.backends.openai.openai import OpenAi
    from bot.runtime.logs import say_retries
    from bot.runtime.proxy_variables import proxy_problems
    from bot.settings.problems import read_secret_files

    say_retries(partial(click.echo, err=True))
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    if problems := read_secret_files(given, ["OPENAI_API_KEY"]):
        raise BotError(problems[0], "Set OPENAI_API_KEY, or the path of a file that holds it.")
    if problems := proxy_problems(given):
        raise BotError(problems[0], "Correct it, or unset it.")
    if not given.get("OPENAI_API_KEY"):
        raise BotError(
            "OPENAI_API_KEY is not set.", "Set it, or download the training file by hand: tunebot import FILE"
        )
    openai = OpenAi(given["OPENAI_API_KEY"], given.get("TUNEBOT_OPENAI_URL", ""))
    try:
        yield openai
    finally:
        await openai.close()
