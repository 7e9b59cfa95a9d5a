"""How the bot's work on its database grows from 100 to 10,000 ended jobs, and a year of questions and audit lines.

    .venv/bin/python -m tests.benchmarks.growth

Each figure is the ratio of the large database to the small one; 1 is flat. The command fails where one is above
its bound and takes longer than a person could feel. Memory is that of a process of its own that does all of it.
Opening grows with the file, because SQLite then checks it for damage. An index has a small entry for each job, by
which it is decided what one person sees of them.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from sqlite_utils import Database as Connection

from bot.domain.chat import ModelRef
from bot.domain.jobs import JobState
from bot.domain.place import Place, Requester, Sight
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.spending.price_table import read_price_table
from bot.tuning.owner_notices import RetirementWatch
from storage import Stores, open_stores
from storage.codecs import micros
from storage.job_rows import job_row
from tests.support.block_samples import done

SMALL, LARGE = 100, 10_000
TEAM = "T1"
PLACE = Place(TEAM, "C1")
# A hundred times the rows may cost this many times as much; the first query of a process has its own noise.
BOUND = 3.0
MEMORY_BOUND = 1.3
FELT_SECONDS = 0.010
OPEN_SECONDS = 2.0
TIMES = 30


async def fill(path: Path, jobs: int) -> None:
    """Write so many ended jobs, and fifty questions and audit lines for each."""
    now = datetime.now(UTC)
    sample = done()
    rows = [
        job_row(
            replace(
                sample,
                key=f"tb-{number:08}",
                spec=replace(sample.spec, name=f"job {number}"),
                created_at=now - timedelta(minutes=number),
                state=JobState.SUCCEEDED,
                endpoint=f"projects/p/locations/us/endpoints/{number}",
            )
        )
        for number in range(jobs)
    ]
    audit = (
        {
            "team": TEAM,
            "at": micros(now - timedelta(minutes=number)),
            "user": "U1",
            "action": "use",
            "subject": f"tb-{number:08}",
            "channel": "C1",
            "result": "",
        }
        for number in range(jobs * 50)
    )

    threads = [
        {
            "team": TEAM,
            "channel": "C1",
            "thread": f"{number}.1",
            "backend": "vertex",
            "endpoint": f"projects/p/locations/us/endpoints/{number}",
            "name": f"job {number}",
            "created_at": micros(now - timedelta(minutes=number)),
        }
        for number in range(jobs)
    ]
    turns = (
        {
            "team": TEAM,
            "conversation": number + 1,
            "role": "model" if turn % 2 else "user",
            "text": "What comes after ninety-nine?",
            "created_at": micros(now - timedelta(minutes=number)),
            "user": f"U{turn % 50}",
        }
        for number in range(jobs)
        for turn in range(50)
    )
    spend = (
        {
            "month": f"2026-{month:02}-01",
            "team": TEAM,
            "channel": f"C{channel}",
            "user": f"U{channel}",
            "base_model": "gemini-3.5-flash",
            "questions": 9,
            "unknown": 0,
            "input_tokens": 900,
            "output_tokens": 900,
            "usd": "0.1",
        }
        for month in range(1, 13)
        for channel in range(jobs // 100)
    )

    def write(connection: Connection) -> None:
        connection.table("jobs").insert_all(rows)
        connection.table("audit").insert_all(audit)
        connection.table("conversations").insert_all(threads)
        connection.table("turns").insert_all(turns)
        connection.table("question_spend").insert_all(spend)

    async with open_stores(path, SYSTEM_CLOCK) as stores:
        await stores.database.write(write)


def work(stores: Stores, jobs: int) -> dict[str, Callable[[], Awaitable[object]]]:
    """What people and the bot ask the database for."""
    now = datetime.now(UTC)
    # The month's figures grow with the month's jobs, so that is a month with as many in both.
    month = now - timedelta(minutes=SMALL), now
    stranger = Sight("U0STRANGER", frozenset({"C0OTHER"}))
    thread, someone = replace(PLACE, thread=f"{jobs // 2}.1"), Requester("U2", PLACE)
    watch = RetirementWatch(stores.jobs, read_price_table(), SYSTEM_CLOCK, lambda: None)
    model = ModelRef("vertex", f"projects/p/locations/us/endpoints/{jobs // 2}", "a")
    return {
        "/tune list": lambda: stores.jobs.jobs(TEAM, limit=50),
        "list, sees 0": lambda: stores.jobs.jobs(TEAM, limit=50, sight=stranger),
        "count, seen": lambda: stores.jobs.count_jobs(TEAM, sight=stranger),
        "count": lambda: stores.jobs.count_jobs(TEAM),
        "name": lambda: stores.jobs.with_name(TEAM, f"job {jobs // 2}"),
        "use": lambda: stores.chats.bind(PLACE, model, "U1"),
        "open jobs": lambda: stores.jobs.open_jobs(),
        "resources": lambda: stores.jobs.with_resources([model.endpoint]),
        "status": lambda: stores.jobs.jobs(TEAM, limit=50, under_way=True),
        "channels": lambda: stores.jobs.channels(TEAM),
        "spend": lambda: stores.jobs.started(TEAM, *month),
        "thread": lambda: stores.chats.conversation(thread, 10_000),
        "delivery": lambda: stores.audit_log.first_time("key"),
        "audit line": lambda: stores.audit_log.record(someone, "use", model.endpoint),
        "/tune audit": lambda: stores.audit_log.lines(TEAM, 20),
        "expire": lambda: stores.erasure.expire(now - timedelta(days=365), now - timedelta(days=90)),
        "old files": lambda: stores.erasure.any_ended(now - timedelta(days=365)),
        "retirement": watch.run,
    }


async def seconds(path: Path, jobs: int) -> dict[str, float]:
    """The median seconds of each piece of work, and of opening the database."""
    found: dict[str, list[float]] = {"open": []}
    for _ in range(5):
        began = time.perf_counter()
        async with open_stores(path, SYSTEM_CLOCK) as stores:
            found["open"].append(time.perf_counter() - began)
            for name, ask in work(stores, jobs).items():
                await ask()
                for _ in range(TIMES):
                    began = time.perf_counter()
                    await ask()
                    found.setdefault(name, []).append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in found.items()}


def memory(path: Path, jobs: int) -> float:
    """The most memory, in MB, of a process of its own that does all of it once."""
    command = [sys.executable, "-m", "tests.benchmarks.growth", "--once", str(path), "--jobs", str(jobs)]
    done_once = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done_once.stdout)


async def once(path: Path, jobs: int) -> None:
    async with open_stores(path, SYSTEM_CLOCK) as stores:
        for ask in work(stores, jobs).values():
            await ask()


@click.command()
@click.option("--once", "path", type=click.Path(path_type=Path), hidden=True)
@click.option("--jobs", default=LARGE, hidden=True)
def growth(path: Path | None, jobs: int) -> None:
    """Print the ratios, and end with 1 where one is above its bound."""
    if path is not None:
        asyncio.run(once(path, jobs))
        # The peak of getrusage would be that of the process that started this one, where that was larger.
        peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
        click.echo(int(peak.split()[1]) / 1024)
        return
    with TemporaryDirectory(prefix="tunebot-growth-") as directory:
        small, large = Path(directory, "small.db"), Path(directory, "large.db")
        asyncio.run(fill(small, SMALL))
        asyncio.run(fill(large, LARGE))
        before, after = asyncio.run(seconds(small, SMALL)), asyncio.run(seconds(large, LARGE))
        ratios = {name: after[name] / before[name] for name in before}
        held = (memory(small, SMALL), memory(large, LARGE))
    click.echo(f"{'':12}{SMALL:>10} jobs{LARGE:>12,} jobs    ratio")
    for name, ratio in ratios.items():
        click.echo(f"{name:12}{before[name] * 1000:>12.2f} ms{after[name] * 1000:>12.2f} ms{ratio:>9.2f}")
    click.echo(f"{'memory':12}{held[0]:>12.0f} MB{held[1]:>12.0f} MB{held[1] / held[0]:>9.2f}")
    above = [
        name for name, ratio in ratios.items() if ratio > BOUND and after[name] > FELT_SECONDS and name != "open"
    ]
    if after["open"] > OPEN_SECONDS:
        above.append("open")
    if held[1] / held[0] > MEMORY_BOUND:
        above.append("memory")
    if above:
        raise click.ClickException(f"not flat: {', '.join(above)}")


if __name__ == "__main__":
    growth()
