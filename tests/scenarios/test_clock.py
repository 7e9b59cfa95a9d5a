"""The whole machine's clock is set wrong under the running process, not just the bot's own.

APScheduler, slack-sdk and other libraries read the system's clock by themselves. libfaketime sets it wrong for one
process, by what a file says, and leaves the monotonic clock alone, which nobody can set.
"""

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.sandbox.slack import Message
from tests.scenarios.conftest import Open, World, free_port
from tests.scenarios.test_socket_mode import answers, health

pytestmark = pytest.mark.long

# A job that seems old is looked at once a minute; the rest is for a busy machine.
LONGEST_PACE = 60.0 + 30.0


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """The file that says by how much the clock is wrong."""
    file = tmp_path / "clock"
    file.write_text("+0s")
    return file


@pytest.fixture
async def world(world_of: Open, clock: Path) -> AsyncIterator[World]:
    """A bot in Socket Mode that goes by that clock."""
    environment = {
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "TUNEBOT_POLL_SECONDS": "0.2",
        # Two hours that pass at once without a step would be told as such, and rightly so.
        "TUNEBOT_STUCK_MINUTES": "600",
        "PORT": str(free_port()),
    }
    async with world_of(job_seconds=None, environment=environment) as world:
        yield world


def library() -> str:
    """libfaketime, for programs with threads, by its own command's word."""
    command = shutil.which("faketime")
    if command is None:
        pytest.skip("faketime is not installed; Debian has it as a package of that name")
    asked = [command, "-m", "-f", "+0s", "printenv", "LD_PRELOAD"]
    return subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout.strip()


def put(clock: Path, offset: str) -> None:
    """At one stroke: an empty file, read halfway, says that the clock is right."""
    new = clock.with_suffix(".new")
    new.write_text(offset)
    new.replace(clock)


def checked(card: Message) -> int:
    """When the job was looked at last, as the card says."""
    return int(card.text.partition("Last checked <!date^")[2].partition("^")[0])


@asynccontextmanager
async def watched(world: World) -> AsyncIterator[list[str]]:
    """Asks for the health twice a second inside the block, and lists what it says while it is not well."""
    reds: list[str] = []

    async def watch() -> None:
        while True:
            status, text = await health(world)
            reds.extend([] if status == 200 else [text])
            await asyncio.sleep(0.5)

    watching = asyncio.create_task(watch())
    try:
        yield reds
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def test_a_clock_set_two_hours_forward_and_four_back_holds_nothing_up(world: World, clock: Path) -> None:
    card, job = await world.started("through time")
    job.advance()
    await world.shows(card, "step 1.")
    async with watched(world) as reds:
        for hours, within in ((2, LONGEST_PACE), (-2, 30.0)):
            put(clock, f"{hours:+}h")
            await asyncio.sleep(2.5)
            await answers(world)
            job.advance()
            await world.shows(card, f"step {job.steps}.", within=within)
            wrong = checked(card) - time.time()
            assert wrong == pytest.approx(3600 * hours, abs=120), "the clock was not wrong at all"
        job.finish()
        await world.message("through time", "is ready", thread=card.ts, within=30.0)
        await world.shows(card, "done")
        put(clock, "+0s")
        await asyncio.sleep(5.0)
        await answers(world)
    assert len(world.messages("through time", "is ready")) == 1
    assert len(world.messages("Tuning through time (")) == 1
    assert (await health(world))[0] == 200
    assert len(reds) <= 4, f"the line to Slack may be laid anew, and at once: {reds}"
