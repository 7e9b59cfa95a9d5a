"""What a round of polling costs the real bot: CPU, requests to Google, and memory, by the number of running jobs.

    .venv/bin/python -m tests.benchmarks.polling

The jobs are young, so that every round looks at all of them. The first round is left out: it writes down what the
bot had not seen. What the bot uses without any job is taken off its CPU. Memory is the whole process's. The
command fails where memory passes its bound.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.benchmarks.light_slack import LightSlack
from tests.benchmarks.many_jobs import BASES, google_with
from tests.benchmarks.processes import TUNEBOT, App, serving

BOUND_MEGABYTES = 150
PACE = "TUNEBOT_POLL_SECONDS"
_ROUNDS = "tunebot_polling_round_duration_seconds_count"
_SECONDS = "tunebot_polling_round_duration_seconds_sum"
_REQUESTS = "tunebot_polling_round_requests_sum"


@dataclass(frozen=True)
class Measured:
    """Of one round: seconds, CPU seconds, requests; and the process's memory in MB."""

    jobs: int
    seconds: float
    cpu: float
    requests: float
    memory: float
    peak: float


async def rounds(app: App, number: int) -> dict[str, float]:
    """What the bot tells of itself once so many rounds have ended."""
    while (said := await app.metrics())[_ROUNDS] < number:  # noqa: ASYNC110 - another process wakes nobody
        await asyncio.sleep(0.1)
    return said


async def measure(
    slack: LightSlack, jobs: int, backend: str, number: int, directory: Path, idle: float
) -> Measured:
    pace = max(1.0, jobs / 2000)
    async with (
        google_with(jobs, backend, directory) as environment,
        serving(slack, "socket", TUNEBOT, {**environment, PACE: str(pace)}, directory / "bot.log") as app,
    ):
        before = await rounds(app, 1)
        used, loop = app.cpu(), asyncio.get_running_loop()
        began = loop.time()
        after = await rounds(app, 1 + number)
        cpu = app.cpu() - used - idle * (loop.time() - began)
        done = after[_ROUNDS] - before[_ROUNDS]
        return Measured(
            jobs,
            (after[_SECONDS] - before[_SECONDS]) / done,
            max(0.0, cpu) / done,
            (after[_REQUESTS] - before[_REQUESTS]) / done,
            app.memory(),
            app.memory("VmHWM"),
        )


async def compare(backend: str, numbers: list[int], number: int) -> list[Measured]:
    """One row a number of jobs."""
    found: list[Measured] = []
    async with LightSlack() as slack:
        with TemporaryDirectory(prefix="tunebot-idle-") as directory:
            nothing = await measure(slack, 0, backend, 5, Path(directory), 0.0)
        for jobs in numbers:
            with TemporaryDirectory(prefix="tunebot-polling-") as directory:
                found.append(await measure(slack, jobs, backend, number, Path(directory), nothing.cpu))
    return found


@click.command()
@click.option("--backend", type=click.Choice(list(BASES)), default="vertex", show_default=True)
@click.option("--jobs", default="10,100,1000,10000", show_default=True)
@click.option("--rounds", "number", default=3, show_default=True, help="Rounds to measure.")
def main(backend: str, jobs: str, number: int) -> None:
    """Measure and print."""
    found = asyncio.run(compare(backend, [int(each) for each in jobs.split(",")], number))
    titles = f"{'jobs':>8}{'round s':>10}{'CPU s':>8}{'CPU us/job':>12}{'requests':>10}{'MB':>6}{'peak':>6}"
    click.echo(f"{backend:<8}{titles}")
    for each in found:
        click.echo(
            f"{'':<8}{each.jobs:>8,}{each.seconds:>10.2f}{each.cpu:>8.3f}{1e6 * each.cpu / each.jobs:>12.0f}"
            f"{each.requests:>10.1f}{each.memory:>6.0f}{each.peak:>6.0f}"
        )
    most = max(each.peak for each in found)
    verdict = "met" if most < BOUND_MEGABYTES else "MISSED"
    click.echo(f"{verdict:<8}memory {most:.0f} MB (goal: below {BOUND_MEGABYTES})")
    raise SystemExit(most >= BOUND_MEGABYTES)


if __name__ == "__main__":
    main()
