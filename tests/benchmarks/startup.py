"""How long the real bot takes from its command to the moment at which Slack reaches it.

    .venv/bin/python -m tests.benchmarks.startup

Beside the bot: Python alone with the same libraries imported, which no start can beat. The command fails where
the median start is not below its bound.
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.benchmarks.light_slack import LightSlack
from tests.benchmarks.many_jobs import google_with
from tests.benchmarks.processes import TUNEBOT, serving

BOUND_SECONDS = 2.0


async def imports() -> float:
    """The seconds of a process that only imports the bot."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import bot.app")
    await process.wait()
    return time.perf_counter() - began


async def starts(way_in: str, jobs: int, times: int) -> list[float]:
    """The seconds of each start with so many jobs running."""
    found: list[float] = []
    with TemporaryDirectory(prefix="tunebot-startup-") as name:
        directory = Path(name)
        async with LightSlack() as slack, google_with(jobs, "vertex", directory) as environment:
            for _ in range(times):
                async with serving(slack, way_in, TUNEBOT, environment, directory / "bot.log") as app:
                    found.append(app.seconds)
    return found


def show(name: str, times: list[float]) -> float:
    middle = statistics.median(times)
    click.echo(f"{name:<28}{min(times):8.2f}{middle:8.2f}{max(times):8.2f}")
    return middle


@click.command()
@click.option("--times", default=5, show_default=True)
def main(times: int) -> None:
    """Measure and print."""
    click.echo(f"{'seconds':<28}{'least':>8}{'median':>8}{'most':>8}")

    async def imported() -> list[float]:
        return [await imports() for _ in range(times)]

    show("imports alone", asyncio.run(imported()))
    medians = [
        show(f"{way_in}, {jobs:,} jobs", asyncio.run(starts(way_in, jobs, times)))
        for way_in in ("socket", "http")
        for jobs in (0, 10_000)
    ]
    met = max(medians) < BOUND_SECONDS
    click.echo(f"{'met' if met else 'MISSED'} (goal: below {BOUND_SECONDS:g})")
    raise SystemExit(not met)


if __name__ == "__main__":
    main()
