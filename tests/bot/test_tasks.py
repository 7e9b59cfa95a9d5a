"""Tasks are held until they end, their faults are logged, and there is one end for all."""

import asyncio

import pytest

from bot.tasks import Tasks


async def test_what_escapes_a_task_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def break_down() -> None:
        raise ValueError("broken")

    tasks = Tasks()
    tasks.spawn(break_down(), "answer")
    await tasks.drain(1.0)
    assert "answer failed" in caplog.text
    assert "ValueError: broken" in caplog.text
    assert len(tasks) == 0


async def test_drain_waits_for_what_runs() -> None:
    done = []

    async def work() -> None:
        await asyncio.sleep(0.05)
        done.append(True)

    tasks = Tasks()
    tasks.spawn(work(), "work")
    assert len(tasks) == 1
    await tasks.drain(5.0)
    assert done == [True]


async def test_drain_cancels_what_does_not_end_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    ended = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    tasks = Tasks()
    tasks.spawn(hang(), "hanging")
    await tasks.drain(0.05)
    assert ended == [True]
    assert "cancelled hanging" in caplog.text
    assert "hanging failed" not in caplog.text


async def test_nothing_new_is_taken_after_the_end(caplog: pytest.LogCaptureFixture) -> None:
    begun = []

    async def work() -> None:
        begun.append(True)

    tasks = Tasks()
    await tasks.drain(1.0)
    tasks.spawn(work(), "late")
    await asyncio.sleep(0)
    assert begun == []
    assert "refused late" in caplog.text
