"""A question is answered once by the real process: killed at the worst moments, stopped, and handed over twice."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from bot.sandbox.slack import Message, WebCall
from bot.sandbox.slack.deliveries import encoded
from bot.sandbox.slack.records import Delivery
from tests.scenarios.conftest import Open, World, until
from tests.scenarios.test_security import sent, stamped

pytestmark = pytest.mark.long

QUICK = {"TUNEBOT_POLL_SECONDS": "0.1"}


@pytest.fixture
async def world(world_of: Open) -> AsyncIterator[World]:
    """A bot of the test's own, to be killed, with a model that answers in the channel."""
    async with world_of(job_seconds=None, environment=QUICK) as world:
        await prepare(world)
        yield world


async def prepare(world: World) -> None:
    card = await world.tuned("counter")
    await world.message("is ready", thread=card.ts)


async def by_command(world: World) -> None:
    await world.ada.slash_command(world.channel, "/ask", "seven")


async def by_form(world: World) -> None:
    await world.ada.click(await world.card("counter"), "job_ask")
    await submit_form(world)


async def submit_form(world: World) -> None:
    await world.ada.submit_view(await world.view("Ask the model"), {"question": "seven"})


async def by_mention(world: World) -> None:
    world.ada.post(world.channel, world.ada.typed("@Tunebot seven"))


async def directly(world: World) -> None:
    world.ada.post(world.ada.open_dm(), "model=counter seven")


Way = Callable[[World], Awaitable[None]]
WAYS = [by_command, by_form, by_mention, directly]


def rows(world: World, query: str) -> list[tuple[object, ...]]:
    """What the bot's database holds, read from outside."""
    with sqlite3.connect(f"file:{world.stage.directory / 'tunebot.db'}?mode=ro", uri=True) as database:
        return database.execute(query).fetchall()


def posts(world: World) -> list[WebCall]:
    return [call for call in world.slack.workspace.calls if call.method == "chat.postMessage"]


async def answered_once(world: World, *, asked: int) -> Message:
    """The answer, once everything is quiet; Google was asked so often for it."""
    answer = await world.message("eight", within=30.0)
    await until(lambda: rows(world, "select count(*) from questions") == [(0,)] or None, "all settled", 20.0)
    await asyncio.sleep(1.0)
    assert len(world.messages("eight")) == 1
    assert len(world.asked()) == asked
    return answer


async def goes_on(world: World, answer: Message) -> None:
    """The thread under it knows what was said."""
    before = len(world.asked()[-1].body["contents"])
    world.ada.post(world.slack.workspace.channels[answer.channel], "3", thread_ts=answer.thread_ts or answer.ts)
    await world.message("4\nAnswered by", thread=answer.thread_ts or answer.ts)
    assert len(world.asked()[-1].body["contents"]) == before + 2


@pytest.mark.parametrize("way", WAYS)
async def test_killed_while_google_thinks(world: World, way: Way) -> None:
    await google_thinks(world, way)
    await world.stage.kill()
    await world.stage.start()
    await goes_on(world, await answered_once(world, asked=2))


async def test_stopped_while_google_thinks(world: World) -> None:
    await google_thinks(world, by_command)
    assert await world.stage.stop() == 0
    await world.stage.start()
    await goes_on(world, await answered_once(world, asked=2))


async def test_cut_off_in_a_thread_it_is_asked_again_with_the_earlier_turns(world: World) -> None:
    await by_command(world)
    root = await answered_once(world, asked=1)

    async def reply(world: World) -> None:
        world.ada.post(world.channel, "ninety nine", thread_ts=root.ts)

    await google_thinks(world, reply)
    await world.stage.kill()
    await world.stage.start()
    await world.message("one hundred", thread=root.ts)
    first, again = world.asked()[1:]
    assert again.body == first.body
    await goes_on(world, root)


async def google_thinks(world: World, way: Way) -> None:
    """Ask, and wait until Google has the question and gives no answer."""
    fault = world.google.faults.hang(path=":generateContent")
    await way(world)
    await until(lambda: fault.hits or None, "the question at Google")


@pytest.mark.parametrize("way", [by_command, by_mention])
async def test_killed_between_the_stored_answer_and_the_post(world: World, way: Way) -> None:
    world.slack.faults.rate_limit("chat.postMessage", retry_after=60)
    await way(world)
    query = "select 1 from questions where reply is not null and begun_at is null"
    await until(lambda: (posts(world)[-1].status == 429 and rows(world, query)) or None, "a refused post")
    await world.stage.kill()
    await world.stage.start()
    await goes_on(world, await answered_once(world, asked=1))


@pytest.mark.parametrize("way", [by_command, by_mention])
async def test_killed_while_slack_has_the_post_and_its_answer_is_not_read(world: World, way: Way) -> None:
    earlier = len(posts(world))
    world.slack.faults.delay("chat.postMessage", seconds=1.0)
    await way(world)
    call = await until(lambda: next(iter(posts(world)[earlier:]), None), "a post")
    os.kill(world.stage.process_id, signal.SIGSTOP)
    assert not call.performed, "too late: the answer may have been read already"
    await until(lambda: call.ok or None, "Slack's answer")
    await world.stage.kill()
    await world.stage.start()
    await goes_on(world, await answered_once(world, asked=1))
    assert len(posts(world)) == earlier + 2, "the answer, and the one after it"


async def test_killed_while_slack_is_still_at_work_on_the_post(world: World) -> None:
    world.slack.faults.delay("chat.postMessage", seconds=3.0)
    earlier = len(posts(world))
    await by_command(world)
    await until(lambda: posts(world)[earlier:] or None, "the post")
    await world.stage.kill()
    await world.stage.start()
    await goes_on(world, await answered_once(world, asked=1))


async def test_slack_is_away_when_the_answer_is_there(world: World) -> None:
    fault = world.google.faults.delay(1.0, path=":generateContent")
    await by_command(world)
    await until(lambda: fault.hits or None, "the question at Google")
    world.slack.faults.outage()
    await asyncio.sleep(4.0)
    world.slack.faults.clear()
    await goes_on(world, await answered_once(world, asked=1))


async def test_killed_again_and_again_with_many_questions_each_is_answered_once(world: World) -> None:
    numbers = range(20, 26)
    for number in numbers:
        await world.ada.slash_command(world.channel, "/ask", f"model=counter {number}")
        if number % 2:
            await asyncio.sleep(0.1)
            await world.stage.kill()
            await world.stage.start()
    for number in numbers:
        await world.message("asked `counter`", f"> {number}", within=60.0)
    await until(lambda: rows(world, "select count(*) from questions") == [(0,)] or None, "all settled", 30.0)
    await asyncio.sleep(1.0)
    assert [len(world.messages("asked `counter`", f"> {number}")) for number in numbers] == [1] * len(numbers)


async def test_a_question_from_before_a_long_break_is_given_back_in_words(world: World) -> None:
    await google_thinks(world, by_command)
    await world.stage.kill()
    with sqlite3.connect(world.stage.directory / "tunebot.db") as database:
        database.execute("update questions set asked_at = asked_at - 16 * 60 * 1000000")
    database.close()
    await world.stage.start()
    told = await world.message("I was interrupted", "“seven”", "Ask it again")
    assert told.visible_to == world.ada.id
    assert len(world.asked()) == 1
    assert not world.messages("eight")


@pytest.mark.parametrize(
    ("way", "kind"), [(by_command, "/ask"), (by_form, "view_submission"), (by_mention, "message")]
)
async def test_slack_does_not_hear_that_it_arrived_before_it_is_on_paper(
    world: World, way: Way, kind: str
) -> None:
    if way is by_form:
        await world.ada.click(await world.card("counter"), "job_ask")
        await world.view("Ask the model")
    earlier = len(world.slack.workspace.deliveries)
    database = sqlite3.connect(world.stage.directory / "tunebot.db", isolation_level=None)
    database.execute("begin immediate")  # nobody else can write now
    asking = asyncio.ensure_future(submit_form(world) if way is by_form else way(world))

    def delivered() -> Delivery | None:
        new = world.slack.workspace.deliveries[earlier:]
        return next((each for each in new if each.event_type == kind), None)

    delivery = await until(delivered, "the delivery")
    await asyncio.sleep(0.7)
    assert not delivery.acked
    database.execute("rollback")
    database.close()
    await until(lambda: delivery.acked or None, "the acknowledgement")
    await asking
    await answered_once(world, asked=1)


# Delivered twice


def last(world: World, envelope: str) -> Delivery:
    return next(each for each in reversed(world.slack.workspace.deliveries) if each.envelope_type == envelope)


@pytest.mark.parametrize(("way", "envelope"), [(by_command, "slash_commands"), (by_form, "interactive")])
async def test_a_replayed_request_is_answered_once(world_of: Open, way: Way, envelope: str) -> None:
    async with world_of("http", job_seconds=None, environment=QUICK) as world:
        await prepare(world)
        fault = world.google.faults.delay(1.0, path=":generateContent")
        await way(world)
        body, _ = encoded(last(world, envelope))
        headers = stamped(world, body)
        await until(lambda: fault.hits or None, "the question at Google")
        assert await sent(world, body, headers) == 200
        await answered_once(world, asked=1)
        assert await sent(world, body, headers) == 200
        await world.stage.kill()
        await world.stage.start()
        assert await sent(world, body, headers) == 200
        await answered_once(world, asked=1)


async def test_what_slack_hands_over_twice_by_socket_is_answered_once(world: World) -> None:
    world.slack.faults.duplicate_deliveries()
    await by_command(world)
    await answered_once(world, asked=1)
