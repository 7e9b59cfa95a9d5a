"""Tasks are held until they end, their faults are logged, and there is one end for all."""

import asyncio

import pytest

from bot.runtime.background_tasks import BackgroundTasks


async def test_what_escapes_a_task_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def break_down() -> None:
        raise ValueError("broken")

    tasks = BackgroundTasks()
    tasks.spawn(break_down(), "answer")
    await tasks.drain(1.0)
    assert "answer failed" in caplog.text
    assert "ValueError: broken" in caplog.text
    assert len(tasks) == 0


async def test_drain_waits_for_what_runs() -> None:
    done = []
    goes_on = asyncio.Event()

    async def work() -> None:
        await goes_on.wait()
        done.append(True)

    tasks = BackgroundTasks()
    tasks.spawn(work(), "work")
    assert len(tasks) == 1
    draining = asyncio.create_task(tasks.drain(5.0))
    await asyncio.sleep(0)
    assert not draining.done()
    goes_on.set()
    await draining
    assert done == [True]


async def test_drain_cancels_what_does_not_end_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    ended = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    tasks = BackgroundTasks()
    tasks.spawn(hang(), "hanging")
    await tasks.drain(0.05)
    assert ended == [True]
    assert "cancelled hanging" in caplog.text
    assert "hanging failed" not in caplog.text


async def test_nothing_new_is_taken_after_the_end(caplog: pytest.LogCaptureFixture) -> None:
    begun = []

    async def work() -> None:
        begun.append(True)

    tasks = BackgroundTasks()
    await tasks.drain(1.0)
    tasks.spawn(work(), "late")
    await asyncio.sleep(0)
    assert begun == []
    assert "refused late" in caplog.text


async def test_what_is_queued_begins_in_order_and_only_so_many_at_once() -> None:
    begun: list[int] = []
    goes_on = asyncio.Event()

    async def work(number: int) -> None:
        begun.append(number)
        await goes_on.wait()

    tasks = BackgroundTasks(at_once=2)
    for number in range(5):
        tasks.queue(work(number), "list")
    tasks.spawn(work(99), "form")
    assert len(tasks) == 6
    await asyncio.sleep(0)
    assert begun == [0, 1, 99]
    goes_on.set()
    await tasks.drain(5.0)
    assert begun == [0, 1, 99, 2, 3, 4]
    assert len(tasks) == 0


async def test_one_that_fails_leaves_its_place_to_the_next() -> None:
    done = []

    async def fail() -> None:
        raise ValueError("broken")

    async def work() -> None:
        done.append(True)

    tasks = BackgroundTasks(at_once=1)
    tasks.queue(fail(), "first")
    tasks.queue(work(), "second")
    await tasks.drain(5.0)
    assert done == [True]


async def test_drain_drops_what_never_had_its_turn_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    begun = []

    async def hang() -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        begun.append(True)

    tasks = BackgroundTasks(at_once=1)
    tasks.queue(hang(), "hanging")
    tasks.queue(work(), "waiting")
    await tasks.drain(0.05)
    await asyncio.sleep(0)
    assert begun == []
    assert "cancelled hanging" in caplog.text
    assert "dropped waiting" in caplog.text
    assert len(tasks) == 0
