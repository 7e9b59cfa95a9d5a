"""A service is open until the process gets a signal to stop, and is closed then."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.runtime.stop_signals import run_until_stopped, where


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
