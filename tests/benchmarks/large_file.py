"""Memory of the real bot while a large file goes from Slack through the check and the conversion into the bucket.

    .venv/bin/python -m tests.benchmarks.large_file --megabytes 990

Slack and Cloud Storage are the stand-ins, in this process; the bot is a process of its own and only its peak of
resident memory counts. The bound is 150 MB, whatever the size of the file.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.stage import BUCKET, Stage

BOUND_MEGABYTES = 150
# A file of this size costs more than the bot starts without asking twice.
NO_SECOND_YES = {"TUNEBOT_CONFIRM_USD": "1000000"}
WORDS = ("the", "model", "reads", "a", "question", "and", "answers", "in", "plain", "words", "at", "once", "again")


@dataclass(frozen=True)
class Measured:
    """Sizes in MB of 10**6 bytes, times in seconds."""

    file: float
    check_seconds: float
    start_seconds: float
    idle_memory: float
    peak_memory: float
    rows: int


def chat_rows(megabytes: int) -> Iterator[bytes]:
    """Rows of about 600 bytes, no two alike, of this size together."""
    size, number = 0, 0
    while size < megabytes * 1_000_000:
        turn = " ".join(WORDS[(number * step) % len(WORDS)] for step in range(1, 50))
        row = {
            "messages": [
                {"role": "user", "content": f"Question {number}: {turn}?"},
                {"role": "assistant", "content": f"Answer {number}: {turn}."},
            ]
        }
        line = json.dumps(row).encode() + b"\n"
        size += len(line)
        number += 1
        yield line


def peak_memory(process: int) -> float:
    """The peak of resident memory so far, in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


async def measure(megabytes: int) -> Measured:
    content = b"".join(chat_rows(megabytes))
    rows = content.count(b"\n")
    with TemporaryDirectory(prefix="tunebot-large-") as directory:
        async with GoogleStandIn(job_seconds=0.5) as google, SlackStandIn() as slack:
            google.create_bucket(BUCKET)
            ada = slack.person("ada", "Ada")
            channel = slack.add_channel("tuning", ada)
            file = ada.upload(channel, "large.jsonl", content)
            async with Stage(slack, google, Path(directory), environment=NO_SECOND_YES) as stage:
                idle = peak_memory(stage.process_id)
                begun = time.perf_counter()
                await ada.slash_command(channel, "/tune", f"start name=large file={ada.permalink(file)}")
                report = await slack.workspace.wait_for_view(
                    ada.id, lambda view: not view.definition["title"]["text"].startswith("Checking"), within=900.0
                )
                if report.definition.get("submit") is None:
                    raise click.ClickException(f"the bot refuses the file: {report.definition['blocks'][0]}")
                checked = time.perf_counter()
                await ada.submit_view(report)
                await slack.workspace.wait_for_message(lambda card: "Last checked" in card.text, within=900.0)
                started = time.perf_counter()
                return Measured(
                    len(content) / 1e6,
                    checked - begun,
                    started - checked,
                    idle,
                    peak_memory(stage.process_id),
                    rows,
                )


@click.command()
@click.option("--megabytes", default=990, show_default=True, help="Vertex AI takes at most 1,000.")
def main(megabytes: int) -> None:
    """Measure once and print."""
    found = asyncio.run(measure(megabytes))
    click.echo(f"file            {found.file:8.0f} MB, {found.rows:,} rows")
    click.echo(f"check           {found.check_seconds:8.1f} s, {found.file / found.check_seconds:.0f} MB/s")
    click.echo(f"convert, upload {found.start_seconds:8.1f} s, {found.file / found.start_seconds:.0f} MB/s")
    click.echo(f"memory idle     {found.idle_memory:8.0f} MB")
    click.echo(f"memory peak     {found.peak_memory:8.0f} MB, bound {BOUND_MEGABYTES} MB")
    raise SystemExit(found.peak_memory > BOUND_MEGABYTES)


if __name__ == "__main__":
    main()
