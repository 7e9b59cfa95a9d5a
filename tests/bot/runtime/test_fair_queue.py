"""Works wait in turns by person, and no place is ever lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.runtime.fair_queue import FairQueue, QueueFull


class Works:
    """Works of people in one queue; `began` lists who began, in order."""

    def __init__(self, queue: FairQueue) -> None:
        self.queue = queue
        self.began: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def add(self, person: str, name: str) -> None:
        """Add a work and let it enter the queue."""
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._run(person, name))
        await self.settle()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self.tasks[name]
        await self.settle()

    async def settle(self) -> None:
        """Let every task run until it waits."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def _run(self, person: str, name: str) -> None:
        async with self.queue.turn(person):
            self.began.append(name)
            await self._ends[name].wait()


@asynccontextmanager
async def works(at_once: int, most_each: int = 10, most_waiting: int = 100) -> AsyncIterator[Works]:
    made = Works(FairQueue(at_once, most_each, most_waiting))
    yield made
    for task in made.tasks.values():
        task.cancel()
    await asyncio.gather(*made.tasks.values(), return_exceptions=True)


async def test_people_are_served_in_turns_however_many_works_one_of_them_has() -> None:
    async with works(1) as queued:
        for name in ("a1", "a2", "a3", "a4"):
            await queued.add("ada", name)
        await queued.add("ben", "b1")
        await queued.add("cy", "c1")
        await queued.add("ben", "b2")
        for name in ("a1", "a2", "b1", "c1", "a3", "b2"):
            await queued.end(name)
        assert queued.began == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_one_person_never_holds_every_place() -> None:
    async with works(3, most_each=2) as queued:
        for name in ("a1", "a2", "a3", "a4"):
            await queued.add("ada", name)
        assert queued.began == ["a1", "a2"]
        await queued.add("ben", "b1")
        assert queued.began == ["a1", "a2", "b1"], "a place was free for another person"
        await queued.end("b1")
        assert len(queued.began) == 3, "Ada has as many places as one person may have"
        await queued.end("a1")
        assert queued.began[3:] == ["a3"]


async def test_work_that_finds_the_queue_full_is_refused_at_once() -> None:
    async with works(1, most_waiting=1) as queued:
        await queued.add("ada", "a1")
        await queued.add("ada", "a2")
        with pytest.raises(QueueFull):
            async with queued.queue.turn("ben"):
                pytest.fail("there is no place")
        await queued.end("a1")
        assert queued.began == ["a1", "a2"]


@pytest.mark.parametrize("cancelled", ["a1", "a2", "a3"])
async def test_cancelled_work_gives_its_place_to_the_next_one(cancelled: str) -> None:
    async with works(1) as queued:
        for name in ("a1", "a2", "a3", "a4"):
            await queued.add("ada", name)
        queued.tasks[cancelled].cancel()
        await queued.settle()
        for name in ("a1", "a2", "a3", "a4"):
            if name != cancelled:
                await queued.end(name)
        assert sorted({*queued.began, cancelled}) == ["a1", "a2", "a3", "a4"]
        assert queued.queue.waiting == 0
        assert not queued.queue.must_wait("ada"), "no place was lost"


async def test_work_that_is_called_and_cancelled_at_the_same_moment_loses_no_place() -> None:
    async with works(1) as queued:
        await queued.add("ada", "a1")
        await queued.add("ada", "a2")
        await queued.add("ben", "b1")
        queued.tasks["a1"].cancel()
        await asyncio.sleep(0)  # a1 ends and calls a2, whose task has not run yet
        queued.tasks["a2"].cancel()
        await queued.settle()
        assert queued.began == ["a1", "b1"]
        await queued.end("b1")
        assert not queued.queue.must_wait("ada")


async def test_nothing_is_kept_of_people_who_left() -> None:
    async with works(2) as queued:
        for number in range(50):
            await queued.add(f"person {number}", str(number))
            await queued.end(str(number))
        assert queued.queue.waiting == 0
        assert not queued.queue.must_wait("person 1")
