"""How soon the first words of an answer are in Slack, and what fifty answers at once do to each other.

    .venv/bin/python -m tests.benchmarks.streaming --questions 40 --at-once 50

The real bot runs between the stand-ins. The first words are timed from the moment at which Google sent its first
piece. Then so many people are answered at once, in threads of their own, while `/tune status` is typed again and
again: each conversation must get its first words and grow, and each command must be acknowledged. The floor is
the same command of the same bot before the first question. The goal holds from the moment at which all of them
have words until the first one is whole; what the rush of so many questions in one moment costs before it is
printed beside it. The stand-ins run in the process that measures, and what they need is in all times. Only where
that process stood still itself, by its own clock, is this time taken from the acknowledgement that it delayed; the
longest such time is printed. The command fails where a goal is missed.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bot.sandbox.google import GoogleStandIn, Limits
from bot.sandbox.slack import Message, SlackStandIn
from bot.sandbox.stage import BUCKET, Stage
from handlers.transport.manifest import manifest
from tests.support.bot_harness import BotHarness

MOST_FIRST, MOST_ACKNOWLEDGED, MOST_STARVED = 0.150, 0.020, 5.0
WITHIN, PIECES, PIECE_SECONDS, PACE, TICK = 120.0, 48, 0.25, 0.02, 0.001
WORDS = " ".join(f"word{number}" for number in range(PIECES))


@dataclass
class OwnStalls:
    """When the loop of this process stood still, and until when."""

    found: list[tuple[float, float]] = field(default_factory=list)

    async def watch(self) -> None:
        due = time.perf_counter() + TICK
        while True:
            await asyncio.sleep(TICK)
            now = time.perf_counter()
            if now - due > TICK:
                self.found.append((due, now))
            due = now + TICK

    def between(self, began: float, ended: float) -> float:
        """The seconds of this time in which this process stood still."""
        return sum(max(0.0, min(ended, end) - max(began, start)) for start, end in self.found)


@dataclass
class Measured:
    """Seconds: from the model's first piece to the first words, to acknowledgements, and to each first word.

    `rush` are the acknowledgements before each conversation has words, `acknowledged` those after that.
    """

    first: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    rush: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    longest_stall: float = 0.0
    begun: list[float] = field(default_factory=list)
    growths: list[int] = field(default_factory=list)
    whole: int = 0


async def first_words(bot: BotHarness, number: int) -> list[float]:
    """Ask one question after the other."""
    times = []
    for _ in range(number):
        pause = bot.google.faults.pause_stream(after=1)
        bot.google.faults.delay(0.3, path=":streamGenerateContent")
        thread = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot question")).ts
        await bot.message("word0", thread=thread, within=WITHIN)
        times.append(time.perf_counter() - pause.first_pieces[0])
        pause.go_on()
        await bot.message("Answered by", thread=thread, within=WITHIN)
    return times


async def acknowledged(bot: BotHarness) -> float:
    """Type `/tune status`; the seconds until Slack heard that it arrived."""
    asked = time.perf_counter()
    await bot.ada.slash_command(bot.channel, "/tune", "status")
    return time.perf_counter() - asked


async def at_once(bot: BotHarness, number: int, measured: Measured) -> None:
    """Let so many people ask at the same time, and type commands meanwhile."""
    persons = [bot.slack.person(f"asker{each}") for each in range(number)]
    room = bot.slack.add_channel("many", bot.ada, *persons)
    await bot.ada.slash_command(room, "/tune", "use counter")
    pause = bot.google.faults.pause_stream(seconds=PIECE_SECONDS, times=None)
    began = time.perf_counter()
    threads = [person.post(room, person.typed("@Tunebot question")).ts for person in persons]
    shown: dict[str, list[int]] = {thread: [] for thread in threads}

    def answers() -> dict[str, Message]:
        said = [each for each in bot.slack.workspace.messages() if each.channel == room.id and each.bot_id]
        return {each.thread_ts: each for each in said if each.thread_ts in shown}

    stalls = OwnStalls()
    watching = asyncio.create_task(stalls.watch())
    while time.perf_counter() - began < WITHIN:
        asked = time.perf_counter()
        seconds = await acknowledged(bot)
        await asyncio.sleep(2 * TICK)  # A stall is known once it is over.
        times = measured.rush if len(measured.begun) < number else measured.acknowledged
        if not measured.whole:
            times.append(seconds - stalls.between(asked, asked + seconds))
        seen = answers()
        for thread, message in seen.items():
            if len(message.text) > (shown[thread] or [0])[-1]:
                if not shown[thread]:
                    measured.begun.append(time.perf_counter() - began)
                shown[thread].append(len(message.text))
        measured.whole = sum("Answered by" in str(message.blocks) for message in seen.values())
        if measured.whole == number:
            break
        await asyncio.sleep(PACE)
    watching.cancel()
    measured.longest_stall = max((end - start for start, end in stalls.found), default=0.0)
    bot.google.faults.remove(pause)
    measured.growths = [len(lengths) for lengths in shown.values()]


async def measure(questions: int, number: int, directory: Path) -> Measured:
    measured = Measured()
    async with (
        GoogleStandIn(job_seconds=None, seed=1, limits=Limits(concurrent_vertex_jobs=10)) as google,
        SlackStandIn(manifest=manifest()) as slack,
    ):
        google.create_bucket(BUCKET)
        ada = slack.person("ada", "Ada Lovelace")
        slack.workspace.users[ada.id].is_admin = True
        environment = {"TUNEBOT_QUESTIONS_PER_MINUTE": "0"}
        async with Stage(slack, google, directory, environment=environment) as stage:
            bot = BotHarness(slack, google, stage, ada, slack.add_channel("tuning", ada))
            await bot.answering("counter")
            measured.idle = [await acknowledged(bot) for _ in range(100)]
            google.answers.say(WORDS, times=None)
            measured.first = await first_words(bot, questions)
            await at_once(bot, number, measured)
    return measured


def show(title: str, found: float, goal: float, unit: str = "ms") -> bool:
    """Print one row; whether its goal is met."""
    times = 1_000 if unit == "ms" else 1
    met = found <= goal
    click.echo(
        f"{'met' if met else 'MISSED':<8}{title:<52}{found * times:9.1f} {unit} (goal: {goal * times:g} {unit})"
    )
    return met


def percentile(times: Sequence[float], percent: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


@click.command()
@click.option("--questions", default=40, show_default=True, help="How many questions one after the other.")
@click.option("--at-once", "number", default=50, show_default=True, help="How many at the same time.")
def main(questions: int, number: int) -> None:
    """Measure and print."""
    click.echo(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with TemporaryDirectory(prefix="tunebot-streaming-") as directory:
        found = asyncio.run(measure(questions, number, Path(directory)))
    click.echo(
        f"{found.whole} of {number} answers whole; each grew {min(found.growths)} to {max(found.growths)} times"
    )
    click.echo(f"/tune status acknowledged before, 99th percentile: {percentile(found.idle, 99) * 1_000:.1f} ms")
    click.echo(
        f"and while {number} questions came in one moment, median and longest: "
        f"{statistics.median(found.rush) * 1_000:.1f} and {max(found.rush) * 1_000:.1f} ms"
    )
    click.echo(
        f"and with {number} streaming, median: {statistics.median(found.acknowledged) * 1_000:.1f} ms; this "
        f"process stood still for up to {found.longest_stall * 1_000:.0f} ms"
    )
    met = [
        show("first words after the model's own, median", percentile(found.first, 50), MOST_FIRST),
        show(f"last first word of {number} at once", max(found.begun), MOST_STARVED, "s"),
        show("/tune status acknowledged meanwhile, 99th percentile", percentile(found.acknowledged, 99),
             MOST_ACKNOWLEDGED),
    ]  # fmt: skip
    raise SystemExit(not (all(met) and found.whole == number and len(found.begun) == number))


if __name__ == "__main__":
    main()
