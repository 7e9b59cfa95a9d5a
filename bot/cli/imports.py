"""The command `import`: takes what was fine-tuned at OpenAI to Google, with a key or from a file."""

import asyncio
import os
import shlex
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
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
        _convert(Path(source), _written(directory, Path(source).name, target), target, preferred)
        return
    if source and not source.startswith("ftjob-"):
        raise BotError(
            f"{source[:200]!r} is neither a file here nor the id of a fine-tuning job at OpenAI.",
            "An id looks like ftjob-abc123; without one, the jobs are listed.",
        )
    asyncio.run(_import(source, target, directory, preferred))


async def _import(source: str, target: str, directory: Path, preferred: bool) -> None:
    async with _openai(os.environ) as openai:
        if not source:
            jobs = await openai.jobs(_SHOWN)
            for job in jobs:
                click.echo(_line(job))
            if not jobs:
                click.echo("This key has no fine-tuning jobs.", err=True)
            return
        job = await openai.job(source)
        click.echo(_line(job))
        files = {"training": job.training_file, "validation": job.validation_file}
        files = {kind: location for kind, location in files.items() if location}
        # Before anything is downloaded or written.
        outs = {kind: _written(directory, f"{job.id}.{kind}.jsonl", target) for kind in files}
        with TemporaryDirectory(prefix="tunebot-import-") as folder:
            for kind, location in files.items():
                name = (await openai.file(location)).name
                downloaded = Path(folder, f"{job.id}.{kind}.jsonl")
                size = 0
                with _new_file(downloaded) as file:
                    async for chunk in openai.content(location):
                        size += file.write(chunk)
                click.echo(f"{kind}: {name}, {size:,} bytes")
                try:
                    _convert(downloaded, outs[kind], target, preferred)
                except BotError as error:
                    if (kept := _kept(downloaded, directory)) is None:
                        raise
                    hint = error.hint.replace(str(downloaded), shlex.quote(str(kept)))
                    raise BotError(error.message, f"{hint} The file is kept: {kept}") from error
    epochs = f" epochs={job.epochs}" if job.epochs else ""
    name = f" name={shlex.quote(job.suffix)}" if job.suffix else ""
    with_files = "files" if len(files) > 1 else "file"
    click.echo(f"In Slack: /tune start{name}{epochs}, with the {with_files} attached; or /tune import {job.id}")


def _new_file(path: Path) -> BinaryIO:
    return path.open("xb")


def _kept(downloaded: Path, directory: Path) -> Path | None:
    """Copy a download that cannot be converted to where a person can check and repair it; None where that fails.

    A file at OpenAI never changes, so one that is there from an earlier time is the same.
    """
    kept = directory / downloaded.name
    if not os.path.lexists(kept):
        try:
            shutil.copyfile(downloaded, kept)
        except OSError:
            # A part of it would be taken for the whole file the next time.
            with suppress(OSError):
                kept.unlink(missing_ok=True)
            return None
    return kept


def _written(directory: Path, name: str, target: str) -> Path:
    """Return the path to write to, in a folder that exists. Raises BotError."""
    out = directory / f"{name.removesuffix('.gz').rsplit('.', 1)[0]}.{target}.jsonl"
    if os.path.lexists(out):
        raise BotError(f"{out} exists already.", "Move it, or name another folder with --out.")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BotError(f"{directory} cannot be made: {error.strerror}.", "Name another folder.") from error
    return out


def _convert(file: Path, out: Path, target: str, preferred: bool) -> None:
    examples = convert_file(file, target, None, "utf-8", out, preferred=preferred)
    click.echo(f"{examples:,} rows: {out}")


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
