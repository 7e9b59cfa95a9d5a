"""The commands on training files: `check` and `convert`."""

import codecs
import io
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields as fields_of
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from bot.cli.env_file_option import env_file_option
from bot.domain.datasets import FieldMapping
from bot.errors import BotError

if TYPE_CHECKING:
    from bot.cli.local_pictures import LocalPictures
    from bot.datasets import Converter, DatasetReport, Repairer
    from bot.domain.backend_profile import BackendProfile
    from bot.domain.spending import TuningEstimate

CHUNK_BYTES: Final = 1024 * 1024
# The names of PROFILES in bot/backends, which `--help` must not wait for.
BACKENDS: Final = ("vertex", "gemini", "palm")

_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_INPUT = click.option("--input", "input_key", default="", help="The key of a row that holds the input.")
_OUTPUT = click.option("--output", "output_key", default="", help="The key of a row that holds the output.")
_ENCODING = click.option(
    "--encoding",
    default="utf-8",
    show_default=True,
    help="The encoding of the file's characters.",
)

_PICTURES = click.option(
    "--pictures",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder in which the pictures are that rows name by a path.",
)

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
_PREFERRED = click.option(
    "--preferred", is_flag=True, help="Learn only the preferred answer of rows that have two answers."
)


def _mapping(input_key: str, output_key: str) -> FieldMapping | None:
    if bool(input_key) != bool(output_key):
        raise click.UsageError("Give --input and --output together.")
    return FieldMapping(input_key, output_key) if input_key else None


def _pictures(folder: Path | None) -> "LocalPictures | None":
    from bot.cli.local_pictures import LocalPictures

    return LocalPictures(folder) if folder is not None else None


def _chunks(file: Path, label: str, encoding: str) -> Iterator[bytes]:
    """Yield the file's bytes in UTF-8 and show a progress bar if standard error is a terminal."""
    try:
        # codecs.lookup alone would also find those that are none of text, such as base64.
        io.TextIOWrapper(io.BytesIO(), encoding)
        info = codecs.lookup(encoding)
    except LookupError:
        raise click.BadParameter(
            f"{encoding} is no encoding that Python knows; cp1252, gb18030 and shift_jis are some.",
            param_hint="--encoding",
        ) from None
    decoder = info.incrementaldecoder() if info.name != "utf-8" and info.incrementaldecoder else None
    with (
        file.open("rb") as source,
        click.progressbar(length=file.stat().st_size, label=f"{label} {file.name}", file=sys.stderr) as bar,
    ):
        while chunk := source.read(CHUNK_BYTES):
            yield _in_utf8(decoder, chunk, encoding)
            bar.update(len(chunk))
        yield _in_utf8(decoder, b"", encoding, final=True)


def _in_utf8(
    decoder: codecs.IncrementalDecoder | None, chunk: bytes, encoding: str, *, final: bool = False
) -> bytes:
    if decoder is None:
        return chunk
    try:
        return decoder.decode(chunk, final).encode()
    except UnicodeError as error:
        raise BotError(f"The file is not in {encoding}: {error}.", "Name another --encoding.") from None


@click.command()
@env_file_option
@_FILE
@click.option(
    "--for",
    "backend",
    type=click.Choice(BACKENDS),
    default=BACKENDS[0],
    show_default=True,
    help="The system whose limits count.",
)
@_INPUT
@_OUTPUT
@_ENCODING
@click.option("--base", default="", help="The base model whose price counts; without it the system's first one.")
@click.option("--epochs", type=click.IntRange(1), help="The passes over the rows; without it Google chooses.")
@click.option(
    "--hold-out",
    "held_out_percent",
    type=click.FloatRange(0, 50),
    default=0.0,
    help="The per cent of the rows that are held out for validation, which cost nothing to train.",
)
@_PREFERRED
@_PICTURES
@click.option(
    "--mask",
    is_flag=True,
    help="With --repair: replace e-mail addresses, numbers and keys by placeholders such as [EMAIL_1].",
)
@click.option(
    "--repair",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the rows that can be tuned on, and the others with reasons, into this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def check(
    file: Path,
    backend: str,
    input_key: str,
    output_key: str,
    encoding: str,
    base: str,
    epochs: int | None,
    held_out_percent: float,
    preferred: bool,
    pictures: Path | None,
    mask: bool,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Print the report on a training file and what tuning on it may cost.

    The exit status is 1 if it cannot be tuned on. TUNEBOT_PRICES names another table of prices.
    """
    from bot.backends import PROFILES
    from bot.datasets import DatasetChecker, Repairer, report_text

    if mask and directory is None:
        raise click.UsageError("Give --mask together with --repair.")
    profile = PROFILES[backend]
    mapping = _mapping(input_key, output_key)
    checker = DatasetChecker(
        file.name, profile.limits, target=profile.dialect, mapping=mapping, pictures=_pictures(pictures)
    )
    for chunk in _chunks(file, "Checking", encoding):
        checker.feed(chunk)
    report = checker.finish()
    trained = report.examples - report.held_out(held_out_percent / 100)
    ready = report.ok and (preferred or not report.asks_for_preferred)
    if as_json:
        click.echo(_report_json(report, trained, epochs, profile, base or profile.base_models[0]))
    else:
        click.echo(report_text(report, preferred_only=preferred))
    if ready and not as_json:
        click.echo(_estimate(report, trained, epochs, profile, base or profile.base_models[0]))
    if directory is not None:
        repairer = Repairer(file.name, profile.limits, profile.dialect, mapping, mask=mask)
        _write_repaired(directory, file, repairer, encoding, pictures=report.pictures > 0)
    sys.exit(0 if ready else 1)


def _report_json(
    report: "DatasetReport", trained_examples: int, epochs: int | None, profile: "BackendProfile", base_model: str
) -> str:
    """Return the report and the estimate without the examples' own texts; amounts are texts, and exact."""
    import msgspec

    fields: dict[str, object] = {"ok": report.ok}
    for field in fields_of(report):
        if field.name not in ("previews", "fingerprints"):
            fields[field.name] = getattr(report, field.name)
    if report.ok:
        cost = _cost(report, trained_examples, epochs, profile, base_model)
        fields["cost"] = {
            "estimate": cost,
            "passes": cost.passes,
            "usd": cost.cost(cost.passes),
            "highest_usd": cost.highest_cost(cost.passes),
        }
    return msgspec.json.format(msgspec.json.encode(fields)).decode()


def _cost(
    report: "DatasetReport", trained_examples: int, epochs: int | None, profile: "BackendProfile", base_model: str
) -> "TuningEstimate":
    from bot.spending.estimates import estimate
    from bot.spending.price_table import read_price_table

    table = read_price_table(os.environ.get("TUNEBOT_PRICES", "").strip())
    return estimate(report, trained_examples, epochs, profile, base_model, table)


def _estimate(
    report: "DatasetReport", trained_examples: int, epochs: int | None, profile: "BackendProfile", base_model: str
) -> str:
    from bot.settings import read_confirmation_rules
    from bot.spending.estimate_text import estimate_text
    from bot.spending.estimates import reason_to_confirm

    cost = _cost(report, trained_examples, epochs, profile, base_model)
    confirmation = reason_to_confirm(cost, epochs, read_confirmation_rules(os.environ))
    return f"Cost of tuning {base_model}\n\n{estimate_text(cost, confirmation)}\n"


def _write_repaired(directory: Path, file: Path, repairer: "Repairer", encoding: str, *, pictures: bool) -> None:
    from bot.runtime.atomic_files import atomic_file

    kept_file = directory / f"{file.stem}.repaired.jsonl"
    rejected_file = directory / f"{file.stem}.rejected.jsonl"
    for output in (kept_file, rejected_file):
        # Also a link that leads nowhere.
        if os.path.lexists(output):
            raise BotError(f"{output} exists already.", "Move it, or name another folder.")
    with _saying_what_failed(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with atomic_file(kept_file) as kept, atomic_file(rejected_file) as rejected:
            for chunk in _chunks(file, "Repairing", encoding):
                for rows in repairer.feed(chunk):
                    kept.write(rows.kept_rows)
                    rejected.write(rows.rejected_rows)
            for rows in repairer.finish():
                kept.write(rows.kept_rows)
                rejected.write(rows.rejected_rows)
    if not rows.kept and not rows.rejected:
        click.echo(f"No row could be read, as the report says; {kept_file} and {rejected_file} are empty.")
        return
    click.echo(f"{rows.kept:,} rows, {rows.repaired:,} of them repaired: {kept_file}")
    if rows.masked:
        click.echo(f"Private values were replaced by placeholders in {rows.masked:,} rows.")
    if rows.cut_turns:
        click.echo(f"{rows.cut_turns:,} turns without an answer were cut off these rows.")
    click.echo(f"{rows.rejected:,} rows left out, with reasons: {rejected_file}")
    if pictures:
        click.echo(_pictures_stay(kept_file))


def _pictures_stay(written: Path | None) -> str:
    """Return what to do with a file whose rows still name pictures by their paths."""
    return (
        f"{written.name if written else 'What is written'} names pictures by their paths, and does not hold them: "
        "put it and the pictures, in the folders that it names, into one zip."
    )


@contextmanager
def _saying_what_failed(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise BotError(f"{path} cannot be written: {reason}.", "Nothing of what was there is changed.") from error


@click.command()
@_FILE
@click.option(
    "--to",
    "target",
    type=click.Choice(DIALECTS),
    required=True,
    help="The dialect to write.",
)
@_INPUT
@_OUTPUT
@_ENCODING
@_PREFERRED
@_PICTURES
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
    mapping = _mapping(input_key, output_key)
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
    from bot.datasets import Converter, DatasetChecker, warnings_text
    from bot.domain.backend_profile import DatasetLimits
    from bot.domain.datasets import Dialect
    from bot.runtime.atomic_files import atomic_file

    limits = DatasetLimits(takes_tools=target == "vertex")
    checker = DatasetChecker(
        file.name, limits, target=Dialect(target), mapping=mapping, pictures=_pictures(pictures)
    )
    for chunk in _chunks(file, "Checking", encoding):
        checker.feed(chunk)
    report = checker.finish()
    if report.dialect is None or not report.ok:
        finding = report.errors[0]
        where = f"{report.unit} {finding.lines[0]}: " if finding.lines else ""
        raise BotError(
            f"{file.name} cannot be converted as it is: {where}{finding.message}",
            f"{finding.advice} See all of it with: tunebot check {shlex.quote(str(file))}",
        )
    if report.asks_for_preferred and not preferred:
        raise BotError(
            f"{file.name} has a preferred answer and another one in each row; {target} holds one answer.",
            "Convert with --preferred to keep only the preferred ones, or --to preference or trl to keep both.",
        )
    if text := warnings_text(report):
        click.echo(text, err=True)
    if report.pictures:
        click.echo(_pictures_stay(out), err=True)
    converter = Converter(report.dialect, Dialect(target), mapping, report.sha256, name=file.name)
    if out is None:
        _convert_to(sys.stdout.buffer, converter, file, encoding)
        return report.examples
    with _saying_what_failed(out), atomic_file(out) as output:
        _convert_to(output, converter, file, encoding)
    return report.examples


def _convert_to(output: BinaryIO, converter: "Converter", file: Path, encoding: str) -> None:
    for chunk in _chunks(file, "Converting", encoding):
        output.write(converter.feed(chunk))
    output.write(converter.finish())
    output.flush()
