"""How soon starts, cancellations and polls are done while hundreds of questions wait for a slow model.

    .venv/bin/python -m tests.benchmarks.slow_questions --questions 500 --answer-seconds 30

The real bot runs between the stand-ins. Each round starts two tunings, cancels one and lets Google finish the
other: a start lasts from the click until Google has the job, a cancellation from the click until Google has ended
the job, a poll from the end of the job at Google until its card says so. The floor is the same rounds of the same
bot before the first question. The command fails where the median of one of them passes its bound.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bot.sandbox.google import GoogleStandIn, Limits
from bot.sandbox.slack import Person, SlackStandIn
from bot.sandbox.stage import BUCKET, Stage
from handlers.transport.manifest import manifest
from tests.support.bot_harness import BotHarness
from tests.support.waiting import wait_until

# "As quick as before": twice as long, or a second longer where everything takes only a part of a second.
MOST_TIMES, MOST_SECONDS_LONGER = 2.0, 1.0
PERSONS, WITHIN = 25, 120.0


@dataclass(frozen=True)
class Round:
    """Seconds."""

    start: float
    cancel: float
    poll: float


async def timed_start(bot: BotHarness, name: str) -> float:
    await bot.type(f"start name={name} file={bot.share()}")
    report = await bot.view("Ready to start", within=WITHIN)
    began = time.perf_counter()
    await bot.ada.submit_view(report)
    await wait_until(lambda: any(job.display_name == name for job in bot.google.jobs.all), within=WITHIN)
    return time.perf_counter() - began


async def one_round(bot: BotHarness, name: str) -> Round:
    starts = [await timed_start(bot, f"{name}-{which}") for which in ("cancelled", "finished")]
    cancelled, finished = (bot.google.jobs.find(f"{name}-{which}") for which in ("cancelled", "finished"))
    card = await bot.message(f"Tuning {name}-cancelled (", within=WITHIN)
    await wait_until(lambda: "job_cancel" in str(card.blocks) or None, within=WITHIN)
    began = time.perf_counter()
    await bot.ada.click(card, "job_cancel")
    await wait_until(lambda: cancelled.phase == "cancelled", within=WITHIN)
    cancel = time.perf_counter() - began
    card = await bot.message(f"Tuning {name}-finished (", within=WITHIN)
    began = time.perf_counter()
    finished.finish()
    await bot.shows(card, "done, ", within=WITHIN)
    return Round(statistics.fmean(starts), cancel, time.perf_counter() - began)


async def rounds(bot: BotHarness, name: str, number: int) -> list[Round]:
    return [await one_round(bot, f"{name}-{each}") for each in range(number)]


async def measure(
    questions: int, answer_seconds: float, number: int, directory: Path
) -> tuple[list[Round], list[Round], int]:
    """The rounds before the questions and while they wait, and how many were at Google at the end."""
    async with (
        GoogleStandIn(job_seconds=None, seed=1, limits=Limits(concurrent_vertex_jobs=100)) as google,
        SlackStandIn(manifest=manifest()) as slack,
    ):
        google.create_bucket(BUCKET)
        persons = [slack.person(f"ada{each}", f"Ada {each}") for each in range(PERSONS)]
        asking = slack.add_channel("asking", *persons)
        async with Stage(slack, google, directory, environment={"TUNEBOT_TUNINGS_AT_ONCE": "0"}) as stage:
            teacher = BotHarness(slack, google, stage, persons[0], asking)
            await teacher.answering("counter")
            bot = BotHarness(slack, google, stage, persons[0], slack.add_channel("tuning", persons[0]))
            await one_round(bot, "warm")
            before = await rounds(bot, "before", number)
            google.faults.delay(answer_seconds, path=r":(streamG|g)enerateContent$", times=None)

            async def ask(person: Person, each: int) -> None:
                await person.slash_command(asking, "/ask", f"question {each}")

            await asyncio.gather(*(ask(persons[each % PERSONS], each) for each in range(questions)))
            await wait_until(lambda: len(teacher.asked()) or None, "a question at Google", WITHIN)
            after = await rounds(bot, "while", number)
            return before, after, len(teacher.asked())


def show(title: str, before: Sequence[float], after: Sequence[float]) -> bool:
    """Print one row; whether its goal is met."""
    floor, found = statistics.median(before), statistics.median(after)
    met = found <= max(MOST_TIMES * floor, floor + MOST_SECONDS_LONGER)
    click.echo(
        f"{'met' if met else 'MISSED':<8}{title:<14}{floor:8.2f} s before{found:8.2f} s while questions wait, "
        f"{found / floor:.1f} times (goal: at most {MOST_TIMES:g} times or {MOST_SECONDS_LONGER:g} s longer)"
    )
    return met


@click.command()
@click.option("--questions", default=500, show_default=True, help="How many are asked at once.")
@click.option("--answer-seconds", default=30.0, show_default=True, help="How long the model takes for each.")
@click.option("--rounds", "number", default=3, show_default=True, help="Rounds before, and rounds meanwhile.")
def main(questions: int, answer_seconds: float, number: int) -> None:
    """Measure and print."""
    click.echo(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with TemporaryDirectory(prefix="tunebot-questions-") as directory:
        before, after, asked = asyncio.run(measure(questions, answer_seconds, number, Path(directory)))
    click.echo(f"{questions} questions, {asked} of them at Google when the last round ended")
    met = [
        show("start", [each.start for each in before], [each.start for each in after]),
        show("cancellation", [each.cancel for each in before], [each.cancel for each in after]),
        show("poll", [each.poll for each in before], [each.poll for each in after]),
    ]
    raise SystemExit(not all(met))


if __name__ == "__main__":
    main()
