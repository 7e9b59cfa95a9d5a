"""The whole machine's clock is set wrong under the running process, not just the bot's own.

See `tests/support/fake_time.py`.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot.sandbox.slack import Message
from tests.scenarios.test_socket_mode import answers, health
from tests.support.bot_harness import BotHarness, OpenBot
from tests.support.fake_time import faketime_environment, faketime_library, set_offset
from tests.support.http_server import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """The file that says by how much the clock is wrong."""
    file = tmp_path / "clock"
    file.write_text("+0s")
    return file


@pytest.fixture
async def bot(open_bot: OpenBot, clock: Path) -> AsyncIterator[BotHarness]:
    """A bot in Socket Mode that goes by that clock."""
    library = faketime_library()
    if library is None:
        pytest.skip("faketime is not installed; Debian has it as a package of that name")
    environment = {
        **faketime_environment(library, clock),
        "FAKETIME_NO_CACHE": "1",  # A card that is written within a second of the step has the new time.
        "TUNEBOT_POLL_SECONDS": "0.2",
        # Two hours that pass at once without a step would be reported as such, and rightly so.
        "TUNEBOT_STUCK_MINUTES": "600",
        "PORT": str(free_port()),
    }
    async with open_bot(job_seconds=None, environment=environment) as bot:
        yield bot


def checked(card: Message) -> int:
    """When the job was looked at last, as the card says."""
    return int(card.text.partition("Last checked <!date^")[2].partition("^")[0])


@asynccontextmanager
async def watched(bot: BotHarness) -> AsyncIterator[list[str]]:
    """Asks for the health twice a second inside the block, and lists what it says while it is not well."""
    reds: list[str] = []
    over = asyncio.Event()

    async def watch() -> None:
        while not over.is_set():
            status, text = await health(bot)
            reds.extend([] if status == 200 else [text])
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), 0.5)

    watching = asyncio.create_task(watch())
    try:
        yield reds
    finally:
        over.set()
        await watching


async def test_a_clock_set_two_hours_forward_and_four_back_holds_nothing_up(bot: BotHarness, clock: Path) -> None:
    card, job = await bot.started("through time")
    job.advance()
    await bot.shows(card, "step 1.")
    async with watched(bot) as reds:
        for hours in (2, -2):
            set_offset(clock, hours * 3600)
            await answers(bot)
            job.advance()
            await bot.shows(card, f"step {job.steps}.")
            await wait_until(
                lambda: checked(card) - time.time() == pytest.approx(3600 * hours, abs=120),  # noqa: B023
                "a card by the wrong clock",
            )
        job.finish()
        await bot.message("through time", "is ready", thread=card.ts)
        await bot.shows(card, "done")
        set_offset(clock, 0)
        later, job = await bot.started("after time")
        job.advance()
        await bot.shows(later, "step 1.")
        await answers(bot)
    assert len(bot.messages("through time", "is ready")) == 1
    assert len(bot.messages("Tuning through time (")) == 1
    assert (await health(bot))[0] == 200
    assert len(reds) <= 4, f"the line to Slack may be laid anew, and at once: {reds}"
