"""Places go to persons in turn, and none is lost when somebody stops waiting."""

import asyncio

import pytest

from bot.runtime.fair_turns import FairTurns
from tests.support.waiting import wait_until


class Queue:
    """Persons who wait for a turn; each turn ends when the test says so."""

    def __init__(self, places: int) -> None:
        self.turns = FairTurns(places)
        self.started: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def join(self, name: str) -> None:
        """Wait in the queue of the person whose letter the name begins with."""
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._work(name))
        await wait_until(lambda: name in self.started or self.turns.waiting)

    async def _work(self, name: str) -> None:
        async with self.turns.turn(name[0]):
            self.started.append(name)
            await self.ends[name].wait()

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await self.tasks[name]

    async def order(self) -> list[str]:
        """End each turn as soon as it has begun, and return in which order they began."""
        for event in self.ends.values():
            event.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        return self.started


async def test_a_person_with_many_files_delays_another_by_one_file_only() -> None:
    queue = Queue(places=1)
    for name in ("a1", "a2", "a3", "a4", "b1", "c1"):
        await queue.join(name)
    assert await queue.order() == ["a1", "a2", "b1", "c1", "a3", "a4"]


async def test_no_more_turns_than_places_run_at_once() -> None:
    queue = Queue(places=2)
    for name in ("a1", "a2", "b1"):
        await queue.join(name)
    assert queue.started == ["a1", "a2"]
    assert queue.turns.waiting == 1
    await queue.end("a2")
    await wait_until(lambda: queue.started == ["a1", "a2", "b1"])
    await queue.order()


async def test_a_turn_that_fails_gives_its_place_back() -> None:
    turns = FairTurns(1)
    with pytest.raises(ZeroDivisionError):
        async with turns.turn("a"):
            raise ZeroDivisionError
    async with turns.turn("b"):
        assert not turns.waiting


async def test_one_who_stops_waiting_takes_no_place() -> None:
    queue = Queue(places=1)
    for name in ("a1", "b1", "b2", "c1"):
        await queue.join(name)
    queue.tasks["b1"].cancel()
    assert await queue.order() == ["a1", "b2", "c1"]
    async with queue.turns.turn("d"):
        assert not queue.turns.waiting


async def test_one_who_stops_at_the_moment_of_getting_a_place_hands_it_on() -> None:
    queue = Queue(places=1)
    async with queue.turns.turn("a"):
        await queue.join("b1")
        await queue.join("c1")
    # The place was given to b1 just now, and its task has not run since then.
    queue.tasks["b1"].cancel()
    assert await queue.order() == ["c1"]
    assert queue.tasks["b1"].cancelled()
