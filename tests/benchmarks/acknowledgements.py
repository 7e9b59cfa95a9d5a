"""How soon a real `/tune status` is acknowledged, beside a Bolt app that does nothing, in the same run.

    .venv/bin/python -m tests.benchmarks.acknowledgements

Tunebot polls 1,000 running jobs at Google's stand-in meanwhile, reads them from its database and answers every
command. Slack is a light one in this process, Google and each app are processes of their own. Acknowledgement
times are of commands that come one by one at `--pace`; commands a second are counted over `--seconds` with so many
outstanding, each one replaced as soon as it is acknowledged. The command fails where a goal is missed.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.benchmarks.light_slack import Driver, HttpDriver, LightSlack
from tests.benchmarks.many_jobs import google_with
from tests.benchmarks.processes import TUNEBOT, App, serving

OUTSTANDING = (1, 8, 64)
WARM_UP = 50
LEAST_TIMES_DEFAULT, MOST_TIMES_FASTEST, MOST_P99, LEAST_SHARE = 8.0, 2.0, 0.020, 0.5


@dataclass(frozen=True)
class Measured:
    """Times in seconds; `rates` are commands acknowledged a second, by how many were outstanding."""

    name: str
    times: Sequence[float]
    rates: dict[int, float]
    answers: float = 0.0

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.times, n=100, method="inclusive")[percent - 1]


async def paced(driver: Driver, pace: float, seconds: float) -> list[float]:
    """The times of commands that come `pace` a second, one after the other."""
    times: list[float] = []
    began = time.perf_counter()
    while (wait := began + len(times) / pace - time.perf_counter()) < seconds and len(times) < pace * seconds:
        await asyncio.sleep(max(0.0, wait))
        times.append(await driver.command())
    return times


async def rate(driver: Driver, outstanding: int, seconds: float) -> float:
    """Commands acknowledged a second."""
    until = time.perf_counter() + seconds

    async def one_after_the_other() -> int:
        done = 0
        while time.perf_counter() < until:
            await driver.command()
            done += 1
        return done

    began = time.perf_counter()
    done = sum(await asyncio.gather(*(one_after_the_other() for _ in range(outstanding))))
    return done / (time.perf_counter() - began)


async def settled(slack: LightSlack, app: App) -> None:
    """Wait until the app has answered what it was asked; a bare app never does."""
    before = -1
    while slack.calls["answer"] != before:
        before = slack.calls["answer"]
        await asyncio.sleep(0.5)


async def measure(
    slack: LightSlack, way_in: str, name: str, command: tuple[str, ...], environment: dict[str, str], log: Path,
    pace: float, seconds: float,
) -> Measured:  # fmt: skip
    async with serving(slack, way_in, command, environment, log) as app:
        driver: Driver = slack if way_in == "socket" else HttpDriver(slack, app.port)
        for _ in range(WARM_UP):
            await driver.command()
        await settled(slack, app)
        times = await paced(driver, pace, 3 * seconds)
        rates: dict[int, float] = {}
        answers = 0.0
        for outstanding in OUTSTANDING:
            before, began = slack.calls["answer"], time.perf_counter()
            rates[outstanding] = await rate(driver, outstanding, seconds)
            await settled(slack, app)
            answers = (slack.calls["answer"] - before) / (time.perf_counter() - began)
        if isinstance(driver, HttpDriver):
            driver.close()
        return Measured(name, times, rates, answers)


async def compare(way_in: str, jobs: int, pace: float, seconds: float, directory: Path) -> list[Measured]:
    """Bolt's default, Bolt's fastest, Tunebot."""
    found: list[Measured] = []
    async with LightSlack() as slack:
        log = directory / f"{way_in}.log"
        for configuration in ("default", "fastest"):
            command = ("-m", "tests.benchmarks.bare_app", way_in, configuration)
            found.append(await measure(slack, way_in, f"bare, {configuration}", command, {}, log, pace, seconds))
        own = directory / way_in
        own.mkdir()
        async with google_with(jobs, "vertex", own) as environment:
            found.append(await measure(slack, way_in, "Tunebot", TUNEBOT, environment, log, pace, seconds))
    return found


def show(way_in: str, found: Sequence[Measured]) -> bool:
    """Print the table; whether every goal is met."""
    default, fastest, ours = found
    click.echo(f"\n{way_in:<14}{'p50':>8}{'p95':>8}{'p99':>8}{'most':>8} ms" + "".join(
        f"{f'{number} out':>9}" for number in OUTSTANDING
    ) + " commands/s")  # fmt: skip
    for each in found:
        cells = "".join(f"{1000 * each.percentile(percent):8.2f}" for percent in (50, 95, 99))
        rates = "".join(f"{each.rates[number]:9.0f}" for number in OUTSTANDING)
        click.echo(f"{each.name:<14}{cells}{1000 * max(each.times):8.2f}   {rates}")
    p50, most = ours.percentile(50), OUTSTANDING[-1]
    goals = [
        (f"p50 against Bolt's default: {default.percentile(50) / p50:.1f} times as fast",
         default.percentile(50) / p50 >= LEAST_TIMES_DEFAULT, f"at least {LEAST_TIMES_DEFAULT:g}"),
        (f"p50 against Bolt's fastest: {p50 / fastest.percentile(50):.2f} times",
         p50 / fastest.percentile(50) <= MOST_TIMES_FASTEST, f"at most {MOST_TIMES_FASTEST:g}"),
        (f"p99: {1000 * ours.percentile(99):.1f} ms", ours.percentile(99) < MOST_P99, "below 20"),
        (f"commands a second at {most}: {ours.rates[most] / fastest.rates[most]:.2f} of Bolt's fastest",
         ours.rates[most] / fastest.rates[most] >= LEAST_SHARE, f"at least {LEAST_SHARE:g}"),
    ]  # fmt: skip
    for words, met, goal in goals:
        click.echo(f"{'met' if met else 'MISSED':<8}{words} (goal: {goal})")
    click.echo(f"        answers a second, all of them: {ours.answers:.0f}")
    return all(met for _, met, _ in goals)


@click.command()
@click.option("--jobs", default=1000, show_default=True, help="Running jobs that are polled meanwhile.")
@click.option("--pace", default=50.0, show_default=True, help="Commands a second where their times are measured.")
@click.option("--seconds", default=4.0, show_default=True, help="Of each count; times take thrice as long.")
@click.option("--way-in", type=click.Choice(["socket", "http"]), help="Only this one.")
def main(jobs: int, pace: float, seconds: float, way_in: str | None) -> None:
    """Measure and print."""
    met = True
    for each in [way_in] if way_in else ["socket", "http"]:
        with TemporaryDirectory(prefix="tunebot-acks-") as directory:
            met &= show(each, asyncio.run(compare(each, jobs, pace, seconds, Path(directory))))
    raise SystemExit(not met)


if __name__ == "__main__":
    main()
