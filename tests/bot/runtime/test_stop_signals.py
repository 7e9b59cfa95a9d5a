"""A service is open until the process gets a signal to stop, and is closed then."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.runtime.stop_signals import run_until_stopped, where
from tests.support.waiting import DEADLINE_SECONDS


class Service:
    """A service that notes what happened to it; `opening` is what its start waits for."""

    def __init__(self, opening: asyncio.Event | None = None) -> None:
        self.opening = opening
        self.begun = asyncio.Event()
        self.steps: list[str] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        self.begun.set()
        try:
            if self.opening is not None:
                await self.opening.wait()
            self.steps.append("open")
            yield
        finally:
            self.steps.append("closed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_closes_the_service(number: signal.Signals) -> None:
    service = Service()
    running = asyncio.create_task(run_until_stopped(service.serving()))
    await service.begun.wait()
    os.kill(os.getpid(), number)
    await running
    assert service.steps == ["open", "closed"]


async def test_a_second_signal_ends_the_process_from_the_moment_at_which_the_log_says_that_it_stops() -> None:
    """Who reads the line may send the second signal at once: it must not be lost."""
    at_line: list[object] = []

    class Reader(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "stopping" in record.getMessage():
                at_line.extend(map(signal.getsignal, (signal.SIGTERM, signal.SIGINT)))

    log, reader = logging.getLogger("bot.runtime.stop_signals"), Reader()
    before = log.level
    log.addHandler(reader)
    log.setLevel(logging.INFO)
    try:
        service = Service()
        running = asyncio.create_task(run_until_stopped(service.serving()))
        await service.begun.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await running
    finally:
        log.removeHandler(reader)
        log.setLevel(before)
    assert at_line == [signal.SIG_DFL, signal.SIG_DFL]


async def test_a_signal_ends_an_incomplete_start() -> None:
    service = Service(opening=asyncio.Event())
    running = asyncio.create_task(run_until_stopped(service.serving()))
    await service.begun.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert service.steps == ["closed"]


async def test_what_a_start_raises_comes_out() -> None:
    @asynccontextmanager
    async def failing() -> AsyncIterator[None]:
        raise ValueError("it cannot start")
        yield

    with pytest.raises(ValueError, match="it cannot start"):
        await run_until_stopped(failing())


# A service whose end takes too long: it waits for what never comes, or holds up the event loop.
SLOW_END = """
import asyncio, logging, os, signal, sys, time
from contextlib import asynccontextmanager
from bot.runtime import stop_signals

stop_signals.LONGEST_STOP_SECONDS = 0.3
logging.basicConfig(level="INFO")

async def never_ends():
    if sys.argv[1] == "loop":
        time.sleep(600)
    await asyncio.Event().wait()

@asynccontextmanager
async def service():
    os.kill(os.getpid(), signal.SIGTERM)
    yield
    await never_ends()

asyncio.run(stop_signals.run_until_stopped(service()))
"""


@pytest.mark.parametrize(
    ("holds_up", "said"), [("task", "service still waits in"), ("loop", "event loop stands in")]
)
async def test_a_stop_that_takes_too_long_ends_by_itself_and_says_where_it_hangs(holds_up: str, said: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SLOW_END, holds_up, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(DEADLINE_SECONDS):
        _, log = await process.communicate()
    assert process.returncode == 1
    assert b"the stop took too long, exiting now" in log
    line = next(line for line in log.decode().splitlines() if said in line)
    assert "never_ends" in line


async def test_where_a_task_waits_is_said_by_its_functions_also_inside_of_generators() -> None:
    never = asyncio.Event()

    @asynccontextmanager
    async def slow_to_close() -> AsyncIterator[None]:
        yield
        await never.wait()

    async def stop() -> None:
        async with slow_to_close():
            pass

    task = asyncio.create_task(stop())
    await asyncio.sleep(0)
    steps = [step.partition(":")[0].rpartition(".")[2] for step in where(task).split(" > ")]
    assert steps == ["stop", "__aexit__", "slow_to_close", "wait"]
    task.cancel()
