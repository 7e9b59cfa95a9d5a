"""The command `check`: the report on a training file, what tuning on it may cost, and its repair."""

import os
import sys
from dataclasses import fields as fields_of
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from bot.cli.env_file_option import env_file_option
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
from bot.errors import BotError

if TYPE_CHECKING:
    from bot.datasets import DatasetReport, Repairer
    from bot.domain.backend_profile import BackendProfile
    from bot.domain.spending import TuningEstimate

# The names of PROFILES in bot/backends, which `--help` must not wait for.
BACKENDS: Final = ("vertex", "gemini", "palm")


@click.command()
@env_file_option
@FILE
@click.option(
    "--for",
    "backend",
    type=click.Choice(BACKENDS),
    default=BACKENDS[0],
    show_default=True,
    help="The system whose limits count.",
)
@INPUT
@OUTPUT
@ENCODING
@click.option("--base", default="", help="The base model whose price counts; without it the system's first one.")
@click.option("--epochs", type=click.IntRange(1), help="The passes over the rows; without it Google chooses.")
@click.option(
    "--hold-out",
    "held_out_percent",
    type=click.FloatRange(0, 50),
    default=0.0,
    help="The per cent of the rows that are held out for validation, which cost nothing to train.",
)
@PREFERRED
@PICTURES
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
    mapping = mapping_of(input_key, output_key)
    checker = DatasetChecker(
        click.format_filename(file.name),
        profile.limits,
        target=profile.dialect,
        mapping=mapping,
        pictures=local_pictures(pictures),
    )
    for chunk in chunks(file, "Checking", encoding):
        checker.feed(chunk)
    report = checker.finish()
    trained = report.examples - report.held_out(held_out_percent / 100)
    ready = report.ok and (preferred or not report.asks_for_preferred)
    if as_json:
        click.echo(_report_json(report, trained, epochs, profile, base or profile.base_models[0]))
    else:
        given = {"--for": backend} if backend != BACKENDS[0] else {}
        command = check_command(file, input_key, output_key, encoding, pictures, given)
        if preferred:
            command += " --preferred"
        click.echo(report_text(report, command, preferred_only=preferred, repairs=directory is not None))
    if ready and not as_json:
        click.echo(_estimate(report, trained, epochs, profile, base or profile.base_models[0]))
    if directory is not None:
        repairer = Repairer(click.format_filename(file.name), profile.limits, profile.dialect, mapping, mask=mask)
        _write_repaired(directory, file, repairer, encoding, pictures=report.pictures > 0)
    sys.exit(0 if ready else 1)


def _report_json(
    report: "DatasetReport", trained_examples: int, epochs: int | None, profile: "BackendProfile", base_model: str
) -> bytes:
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
    return msgspec.json.format(msgspec.json.encode(fields))


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
    from bot.datasets import counted
    from bot.runtime.atomic_files import atomic_file

    kept_file = directory / f"{file.stem}.repaired.jsonl"
    rejected_file = directory / f"{file.stem}.rejected.jsonl"
    for output in (kept_file, rejected_file):
        # Also true of a symbolic link whose target does not exist.
        if os.path.lexists(output):
            raise BotError(f"{output} exists already.", "Move it, or name another folder.")
    with saying_what_failed(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with atomic_file(kept_file) as kept, atomic_file(rejected_file) as rejected:
            for chunk in chunks(file, "Repairing", encoding):
                for rows in repairer.feed(chunk):
                    kept.write(rows.kept_rows)
                    rejected.write(rows.rejected_rows)
            for rows in repairer.finish():
                kept.write(rows.kept_rows)
                rejected.write(rows.rejected_rows)
    if not rows.kept and not rows.rejected:
        click.echo(f"No row could be read, as the report says; {kept_file} and {rejected_file} are empty.")
        return
    click.echo(f"{counted(rows.kept, 'row')}, {rows.repaired:,} of them repaired: {kept_file}")
    if rows.masked:
        click.echo(f"Private values were replaced by placeholders in {counted(rows.masked, 'row')}.")
    if rows.cut_turns:
        click.echo(f"Cut off these rows: {counted(rows.cut_turns, 'turn')} without a question or an answer.")
    click.echo(f"{counted(rows.rejected, 'row')} left out, with reasons: {rejected_file}")
    if pictures:
        click.echo(pictures_stay(kept_file))
