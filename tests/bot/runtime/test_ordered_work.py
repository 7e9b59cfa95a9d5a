"""Works on one thing run in their order; works on others do not wait for them."""

import asyncio

from bot.runtime.ordered_work import OrderedWork


async def test_works_on_one_thing_run_one_after_the_other_and_others_do_not_wait() -> None:
    order, said = OrderedWork(), list[str]()
    gate = asyncio.Event()

    async def work(thing: str, name: str) -> None:
        with order.join(thing) as turn:
            await turn.wait()
            said.append(f"{name} begins")
            if thing == "thread":
                await gate.wait()
            said.append(f"{name} ends")

    tasks = [asyncio.create_task(work("thread", name)) for name in ("one", "two", "three")]
    await asyncio.sleep(0)
    await work("other", "four")
    assert said == ["one begins", "four begins", "four ends"]
    assert order.busy("thread")
    assert not order.busy("other")
    gate.set()
    await asyncio.gather(*tasks)
    assert said[3:] == ["one ends", "two begins", "two ends", "three begins", "three ends"]
    assert not order.busy("thread")


async def test_a_work_that_fails_or_is_cancelled_lets_the_next_one_go_on() -> None:
    order = OrderedWork()
    first = order.join("thread")
    waiting = order.join("thread")
    third = order.join("thread")
    with first:
        task = asyncio.create_task(waiting.wait())
        await asyncio.sleep(0)
        task.cancel()
    with waiting:
        pass
    await third.wait()
    with third:
        assert order.busy("thread")
    assert not order.busy("thread")
