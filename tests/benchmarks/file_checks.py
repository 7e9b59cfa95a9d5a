"""How soon commands are acknowledged, and how much memory the bot takes, while it checks hostile and large files.

    .venv/bin/python -m tests.benchmarks.file_checks

Seven hostile files are checked at the same time, then twenty files of 100 MB, of five persons. Meanwhile
`/tune status` comes `--pace` times a second, beside the same commands to the same bot without any file. Memory is
the resident memory of the bot and of all its processes together, as `ps` shows it, so pages that processes share
count more than once. `CPU` are the CPU seconds of the bot's own process, `waited` those in which it was ready and
had no processor: where these are many, the machine was too busy to judge by the times. The peer is the same
checker in two threads of a bare event loop: how late the loop is then. The command fails where a goal is missed.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bot.datasets import DatasetChecker
from bot.domain.backend_profile import DatasetLimits
from tests.benchmarks.light_slack import LightSlack
from tests.benchmarks.processes import TUNEBOT, App, serving
from tests.benchmarks.stored_files import HOSTILE, stored_files

MOST_P99, MOST_MEGABYTES = 0.020, 400
CHECKING = "Checking the file"
PERSONS = 5
THREADS, TICK = 2, 0.005
_PIECE = 256 * 1024


@dataclass(frozen=True)
class Measured:
    """Times of acknowledgements in seconds, the peak of memory in MB, and the seconds that everything took.

    `cpu` are CPU seconds of the bot's own process, `waited` those in which it was ready and had no processor.
    """

    name: str
    times: Sequence[float]
    peak: float
    seconds: float
    cpu: float
    waited: float

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.times, n=100, method="inclusive")[percent - 1]


def resident(process: int) -> float:
    """The resident memory of a process in MB, 0 where it has ended."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024 / 1e6
    return 0.0


def with_children(process: int) -> list[int]:
    """The process and those that it started."""
    with suppress(OSError):
        tasks = Path(f"/proc/{process}/task").iterdir()
        return [process, *(int(child) for task in tasks for child in (task / "children").read_text().split())]
    return [process]


async def watch_memory(app: App, seen: list[float]) -> None:
    while True:
        seen.append(sum(map(resident, with_children(app.process))))
        await asyncio.sleep(0.05)


async def acknowledged(slack: LightSlack, pace: float, until: asyncio.Event) -> list[float]:
    """The times of commands that come at this pace, one after the other."""
    times: list[float] = []
    began = time.perf_counter()
    while not until.is_set():
        await asyncio.sleep(max(0.0, began + len(times) / pace - time.perf_counter()))
        times.append(await slack.command())
    return times


async def quiet(slack: LightSlack, app: App, pace: float, seconds: float) -> Measured:
    """Without any file."""
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, done.set)
    cpu, waited = app.cpu(), app.waited()
    times = await acknowledged(slack, pace, done)
    return Measured("no file", times, app.memory(), seconds, app.cpu() - cpu, app.waited() - waited)


async def checking(slack: LightSlack, app: App, name: str, files: Sequence[str], pace: float) -> Measured:
    """While all these files are checked at the same time."""
    seen: list[float] = []
    done = asyncio.Event()
    watching = asyncio.create_task(watch_memory(app, seen))
    commands = asyncio.create_task(acknowledged(slack, pace, done))
    cpu, waited, began = app.cpu(), app.waited(), time.perf_counter()
    for number, file in enumerate(files):
        await slack.command(f"start name=file-{number} file={file}", user=f"U{number % PERSONS}")
    while sum(title != CHECKING for title in slack.views.values()) < len(files):
        await slack.changed()
    seconds = time.perf_counter() - began
    done.set()
    times = await commands
    watching.cancel()
    slack.views.clear()
    return Measured(name, times, max(seen), seconds, app.cpu() - cpu, app.waited() - waited)


def check_in_thread(path: Path) -> None:
    checker = DatasetChecker(path.name, DatasetLimits())
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            checker.feed(piece)
    checker.finish()


async def in_threads(paths: Sequence[Path]) -> list[float]:
    """How late a bare event loop's timer is while threads of its process check the files."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(THREADS) as threads:
        works = [loop.run_in_executor(threads, check_in_thread, path) for path in paths]
        late: list[float] = []
        while not all(work.done() for work in works):
            began = time.perf_counter()
            await asyncio.sleep(TICK)
            late.append(time.perf_counter() - began - TICK)
        await asyncio.gather(*works)
    return late


async def measure(
    hostile: bool, large: int, megabytes: int, pace: float, quiet_seconds: float, directory: Path
) -> list[Measured]:
    """The bot without files, with hostile ones, with large ones."""
    async with (
        LightSlack() as slack,
        stored_files(directory, large=large, megabytes=megabytes, hostile=hostile) as (environment, files),
        serving(slack, "socket", TUNEBOT, environment, directory / "bot.log") as app,
    ):
        attacks = [file for file in files if file.rpartition("/")[2] in HOSTILE]
        found = [await quiet(slack, app, pace, quiet_seconds)]
        if attacks:
            found.append(await checking(slack, app, f"{len(attacks)} hostile files", attacks, pace))
        if large:
            others = [file for file in files if file not in attacks]
            found.append(await checking(slack, app, f"{large} files of {megabytes} MB", others, pace))
        return found


def peer(directory: Path) -> list[float]:
    """The hostile files in threads; the bomb and the millions of rows are left out, since they take minutes."""
    paths: list[Path] = []
    for name, build in HOSTILE.items():
        if name not in ("gzip-bomb.jsonl.gz", "tiny-bad-rows.jsonl"):
            path = directory / name
            path.write_bytes(build())
            paths.append(path)
    late = asyncio.run(in_threads(paths))
    for path in paths:
        path.unlink()
    return late


@click.command()
@click.option("--hostile/--no-hostile", default=True, show_default=True, help="Check the hostile files.")
@click.option("--large", default=20, show_default=True, help="How many large files.")
@click.option("--megabytes", default=100, show_default=True, help="The size of each.")
@click.option("--pace", default=50.0, show_default=True, help="Commands a second.")
@click.option("--quiet-seconds", default=10.0, show_default=True, help="How long to measure without any file.")
def main(hostile: bool, large: int, megabytes: int, pace: float, quiet_seconds: float) -> None:
    """Measure and print."""
    click.echo(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with TemporaryDirectory(prefix="tunebot-files-") as name:
        found = asyncio.run(measure(hostile, large, megabytes, pace, quiet_seconds, Path(name)))
        late = peer(Path(name)) if hostile else []
    click.echo(
        f"{'':<24}{'p50':>8}{'p95':>8}{'p99':>8}{'most':>8} ms{'peak':>8} MB{'seconds':>9}{'CPU':>7}{'waited':>8}"
    )
    for each in found:
        cells = "".join(f"{1000 * each.percentile(percent):8.2f}" for percent in (50, 95, 99))
        click.echo(
            f"{each.name:<24}{cells}{1000 * max(each.times):8.2f}   {each.peak:8.0f}   {each.seconds:9.1f}"
            f"{each.cpu:7.1f}{each.waited:8.1f}"
        )
    if late:
        p99 = statistics.quantiles(late, n=100, method="inclusive")[98]
        click.echo(f"the same checker in {THREADS} threads of a bare loop: p99 {1000 * p99:.1f} ms late")
    met = True
    for each in found[1:]:
        ratio = each.percentile(99) / found[0].percentile(99)
        met &= _goal(
            each.percentile(99) < MOST_P99,
            f"{each.name}: p99 {1000 * each.percentile(99):.1f} ms, {ratio:.1f} times that without files",
            "below 20 ms",
        )
        met &= _goal(each.peak < MOST_MEGABYTES, f"{each.name}: {each.peak:.0f} MB", f"below {MOST_MEGABYTES} MB")
    raise SystemExit(not met)


def _goal(met: bool, words: str, goal: str) -> bool:
    click.echo(f"{'met' if met else 'MISSED':<8}{words} (goal: {goal})")
    return met


if __name__ == "__main__":
    main()
