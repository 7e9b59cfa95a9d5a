"""The command `convert`: a training file in another dialect."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from bot.cli.file_options import (
    ENCODING,
    FILE,
    INPUT,
    OUTPUT,
    PICTURES,
    PREFERRED,
    check_command,
    chunks,
    local_pictures,
    mapping_of,
    pictures_stay,
    saying_what_failed,
)
from bot.domain.datasets import FieldMapping
from bot.errors import BotError

if TYPE_CHECKING:
    from bot.datasets import Converter

# The dialects that can be written.
DIALECTS: Final = (
    "vertex",
    "gemini",
    "palm",
    "openai",
    "messages",
    "prompt",
    "sharegpt",
    "alpaca",
    "claude",
    "trl",
    "preference",
)


@click.command()
@FILE
@click.option(
    "--to",
    "target",
    type=click.Choice(DIALECTS),
    required=True,
    help="The dialect to write.",
)
@INPUT
@OUTPUT
@ENCODING
@PREFERRED
@PICTURES
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; else standard output."
)
def convert(
    file: Path,
    target: str,
    input_key: str,
    output_key: str,
    encoding: str,
    preferred: bool,
    pictures: Path | None,
    out: Path | None,
) -> None:
    """Convert a training file to another dialect; its own dialect is detected from its rows."""
    from bot.runtime.atomic_files import same_file

    if out is not None and same_file(file, out):
        raise BotError(
            f"{out} is the file to convert, and is never written over.", "Name another file with --out."
        )
    mapping = mapping_of(input_key, output_key)
    convert_file(file, target, mapping, encoding, out, preferred=preferred, pictures=pictures)


def convert_file(
    file: Path,
    target: str,
    mapping: FieldMapping | None,
    encoding: str,
    out: Path | None,
    *,
    preferred: bool,
    pictures: Path | None = None,
) -> int:
    """Check a file, write it in another dialect, and return the number of its examples. Raises BotError."""
    from bot.backends import PROFILES
    from bot.datasets import Converter, DatasetChecker, warnings_text
    from bot.datasets.rows.column_mapping import question_of
    from bot.domain.backend_profile import DatasetLimits
    from bot.domain.datasets import Dialect
    from bot.runtime.atomic_files import atomic_file

    # Of the limits of a system only its advice counts: what it refuses may be meant for another one.
    advised = PROFILES[target].limits.recommended_examples if target in PROFILES else 0
    limits = DatasetLimits(takes_tools=target == "vertex", recommended_examples=advised)
    checker = DatasetChecker(
        click.format_filename(file.name),
        limits,
        target=Dialect(target),
        mapping=mapping,
        pictures=local_pictures(pictures),
    )
    for chunk in chunks(file, "Checking", encoding):
        checker.feed(chunk)
    report = checker.finish()
    if report.dialect is None or not report.ok:
        finding = report.errors[0]
        keys = (mapping.input, mapping.output) if mapping is not None else ("", "")
        advice = finding.advice
        if (guess := report.guessed_mapping) is not None and mapping is None:
            named = ["--to", target, "--input", guess.input, "--output", guess.output]
            command = shlex.join(["tunebot", "convert", click.format_filename(file), *named])
            advice = f"{question_of(guess)} Then say so: {command}"
        where = f"{report.unit} {finding.lines[0]}: " if finding.lines else ""
        raise BotError(
            f"{file.name} cannot be converted as it is: {where}{finding.message}",
            f"{advice} See all of it with: {check_command(file, *keys, encoding, pictures)}",
        )
    if report.asks_for_preferred and not preferred:
        raise BotError(
            f"{file.name} has a preferred answer and another one in each row; {target} holds one answer.",
            "Convert with --preferred to keep only the preferred ones, or --to preference or trl to keep both.",
        )
    if text := warnings_text(report):
        click.echo(text, err=True)
    if report.pictures:
        click.echo(pictures_stay(out), err=True)
    converter = Converter(
        report.dialect, Dialect(target), mapping, report.sha256, name=click.format_filename(file.name)
    )
    if out is None:
        _convert_to(sys.stdout.buffer, converter, file, encoding)
        return report.examples
    with saying_what_failed(out), atomic_file(out) as output:
        _convert_to(output, converter, file, encoding)
    return report.examples


def _convert_to(output: BinaryIO, converter: "Converter", file: Path, encoding: str) -> None:
    for chunk in chunks(file, "Converting", encoding):
        output.write(converter.feed(chunk))
    output.write(converter.finish())
    output.flush()
