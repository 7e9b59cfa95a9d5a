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
from tests.scenarios.test_security import sent, stamped
from tests.support.bot_harness import BotHarness, OpenBot
from tests.support.waiting import holds, wait_until, wait_until_still

pytestmark = pytest.mark.long

QUICK = {"TUNEBOT_POLL_SECONDS": "0.1"}


@pytest.fixture
async def bot(open_bot: OpenBot) -> AsyncIterator[BotHarness]:
    """A bot of the test's own, to be killed, with a model that answers in the channel."""
    async with open_bot(job_seconds=None, environment=QUICK) as bot:
        await prepare(bot)
        yield bot


async def prepare(bot: BotHarness) -> None:
    card = await bot.answering("counter")
    await bot.message("is ready", thread=card.ts)


async def by_command(bot: BotHarness) -> None:
    await bot.ada.slash_command(bot.channel, "/ask", "seven")


async def privately(bot: BotHarness) -> None:
    await bot.ada.slash_command(bot.channel, "/ask", "private=yes seven")


async def by_form(bot: BotHarness) -> None:
    await bot.ada.click(await bot.card("counter"), "job_ask")
    await submit_form(bot)


async def submit_form(bot: BotHarness) -> None:
    await bot.ada.submit_view(await bot.view("Ask the model"), {"question": "seven"})


async def by_mention(bot: BotHarness) -> None:
    bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))


async def directly(bot: BotHarness) -> None:
    bot.ada.post(bot.ada.open_dm(), "model=counter seven")


Way = Callable[[BotHarness], Awaitable[None]]
WAYS = [by_command, by_form, by_mention, directly]


def rows(bot: BotHarness, query: str) -> list[tuple[object, ...]]:
    """What the bot's database holds, read from outside."""
    with sqlite3.connect(f"file:{bot.stage.directory / 'tunebot.db'}?mode=ro", uri=True) as database:
        return database.execute(query).fetchall()


def finishing(way: Way) -> str:
    """The method that brings the whole answer: in a thread it ends the stream."""
    return "chat.stopStream" if way is by_mention else "chat.postMessage"


def posts(bot: BotHarness, method: str = "chat.postMessage") -> list[WebCall]:
    return [call for call in bot.slack.workspace.calls if call.method == method]


async def answered_once(bot: BotHarness, *, asked: int) -> Message:
    """The answer, once everything is quiet; Google was asked so often for it."""
    answer = await bot.message("eight")
    await wait_until(lambda: rows(bot, "select count(*) from questions") == [(0,)], "all settled")
    await holds(lambda: len(bot.messages("eight")) == 1, 1.0, "one answer")
    assert len(bot.asked()) == asked
    return answer


async def goes_on(bot: BotHarness, answer: Message) -> None:
    """The thread under it knows what was said."""
    before = len(bot.asked()[-1].body["contents"])
    bot.ada.post(bot.slack.workspace.channels[answer.channel], "3", thread_ts=answer.thread_ts or answer.ts)
    thread = answer.thread_ts or answer.ts
    await wait_until(
        lambda: [each for each in bot.messages("Answered by", thread=thread) if each.text.startswith("4")],
        "the next answer",
    )
    assert len(bot.asked()[-1].body["contents"]) == before + 2


@pytest.mark.parametrize("way", WAYS)
async def test_killed_while_google_thinks(bot: BotHarness, way: Way) -> None:
    await google_thinks(bot, way)
    await bot.stage.kill()
    await bot.stage.start()
    await goes_on(bot, await answered_once(bot, asked=2))


async def test_killed_while_google_thinks_a_private_question_stays_private(bot: BotHarness) -> None:
    await google_thinks(bot, privately)
    await bot.stage.kill()
    await bot.stage.start()
    assert (await answered_once(bot, asked=2)).visible_to == bot.ada.id


async def test_stopped_while_google_thinks(bot: BotHarness) -> None:
    await google_thinks(bot, by_command)
    assert await bot.stage.stop() == 0
    await bot.stage.start()
    await goes_on(bot, await answered_once(bot, asked=2))


async def test_cut_off_in_a_thread_it_is_asked_again_with_the_earlier_turns(bot: BotHarness) -> None:
    await by_command(bot)
    root = await answered_once(bot, asked=1)

    async def reply(bot: BotHarness) -> None:
        bot.ada.post(bot.channel, "ninety nine", thread_ts=root.ts)

    await google_thinks(bot, reply)
    await bot.stage.kill()
    await bot.stage.start()
    await bot.message("one hundred", thread=root.ts)
    first, again = bot.asked()[1:]
    assert again.body == first.body
    await goes_on(bot, root)


async def google_thinks(bot: BotHarness, way: Way) -> None:
    """Ask, and wait until Google has the question and gives no answer."""
    asked = len(bot.asked())
    bot.google.faults.hang(path=r":(streamG|g)enerateContent")
    await way(bot)
    await wait_until(lambda: len(bot.asked()) > asked, "the question at Google")


@pytest.mark.parametrize("way", [by_command, by_mention])
async def test_killed_between_the_stored_answer_and_the_post(bot: BotHarness, way: Way) -> None:
    method = finishing(way)
    bot.slack.faults.rate_limit(method, retry_after=60)
    await way(bot)
    query = "select 1 from questions where reply is not null and begun_at is null"
    await wait_until(
        lambda: posts(bot, method) and posts(bot, method)[-1].status == 429 and rows(bot, query), "a refusal"
    )
    await bot.stage.kill()
    await bot.stage.start()
    await goes_on(bot, await answered_once(bot, asked=1))


@pytest.mark.parametrize("way", [by_command, by_mention])
async def test_killed_while_slack_has_the_post_and_its_answer_is_not_read(bot: BotHarness, way: Way) -> None:
    method, earlier = finishing(way), len(posts(bot))
    before = len(posts(bot, method))
    bot.slack.faults.delay(method, seconds=1.0)
    await way(bot)
    call = await wait_until(lambda: next(iter(posts(bot, method)[before:]), None), "a post")
    os.kill(bot.stage.process_id, signal.SIGSTOP)
    assert not call.performed, "too late: the answer may have been read already"
    await wait_until(lambda: call.ok, "Slack's answer")
    await bot.stage.kill()
    await bot.stage.start()
    await goes_on(bot, await answered_once(bot, asked=1))
    assert len(posts(bot)) == earlier + (way is by_command), "the rest is streamed"


async def test_killed_while_slack_is_still_at_work_on_the_post(bot: BotHarness) -> None:
    bot.slack.faults.delay("chat.postMessage", seconds=3.0)
    earlier = len(posts(bot))
    await by_command(bot)
    await wait_until(lambda: posts(bot)[earlier:], "the post")
    await bot.stage.kill()
    await bot.stage.start()
    await goes_on(bot, await answered_once(bot, asked=1))


async def test_slack_is_away_when_the_answer_is_there(bot: BotHarness) -> None:
    fault = bot.google.faults.delay(1.0, path=r":(streamG|g)enerateContent")
    await by_command(bot)
    await wait_until(lambda: fault.hits, "the question at Google")
    bot.slack.faults.outage()
    earlier = len(bot.slack.workspace.calls)
    await wait_until(lambda: len(bot.slack.workspace.calls) >= earlier + 3, "tries while Slack is away")
    bot.slack.faults.clear()
    await goes_on(bot, await answered_once(bot, asked=1))


async def test_killed_again_and_again_with_many_questions_each_is_answered_once(bot: BotHarness) -> None:
    numbers = range(20, 26)
    for number in numbers:
        await bot.ada.slash_command(bot.channel, "/ask", f"model=counter {number}")
        if number % 2:
            await wait_until(lambda: rows(bot, "select 1 from questions"), "a question's row")
            await bot.stage.kill()
            await bot.stage.start()
    for number in numbers:
        await bot.message("asked `counter`", f"> {number}")
    await wait_until(lambda: rows(bot, "select count(*) from questions") == [(0,)], "all settled")
    await wait_until_still(lambda: len(bot.slack.workspace.calls), 1.0)
    assert [len(bot.messages("asked `counter`", f"> {number}")) for number in numbers] == [1] * len(numbers)


async def test_a_question_from_before_a_long_break_is_given_back_in_words(bot: BotHarness) -> None:
    await google_thinks(bot, by_command)
    await bot.stage.kill()
    with sqlite3.connect(bot.stage.directory / "tunebot.db") as database:
        database.execute("update questions set asked_at = asked_at - 16 * 60 * 1000000")
    database.close()
    await bot.stage.start()
    notice = await bot.message("I was interrupted", "“seven”", "Ask it again")
    assert notice.visible_to == bot.ada.id
    assert len(bot.asked()) == 1
    assert not bot.messages("eight")


@pytest.mark.parametrize(
    ("way", "kind"), [(by_command, "/ask"), (by_form, "view_submission"), (by_mention, "message")]
)
async def test_slack_does_not_hear_that_it_arrived_before_it_is_stored(
    bot: BotHarness, way: Way, kind: str
) -> None:
    if way is by_form:
        await bot.ada.click(await bot.card("counter"), "job_ask")
        await bot.view("Ask the model")
    earlier = len(bot.slack.workspace.deliveries)
    database = sqlite3.connect(bot.stage.directory / "tunebot.db", isolation_level=None)
    database.execute("begin immediate")  # nobody else can write now
    asking = asyncio.ensure_future(submit_form(bot) if way is by_form else way(bot))

    def delivered() -> Delivery | None:
        new = bot.slack.workspace.deliveries[earlier:]
        return next((each for each in new if each.event_type == kind), None)

    delivery = await wait_until(delivered, "the delivery")
    await holds(lambda: not delivery.acked, 0.7, "no acknowledgement before the row")
    database.execute("rollback")
    database.close()
    await wait_until(lambda: delivery.acked, "the acknowledgement")
    await asking
    await answered_once(bot, asked=1)


# Delivered twice


def last(bot: BotHarness, envelope: str) -> Delivery:
    return next(each for each in reversed(bot.slack.workspace.deliveries) if each.envelope_type == envelope)


@pytest.mark.parametrize(("way", "envelope"), [(by_command, "slash_commands"), (by_form, "interactive")])
async def test_a_replayed_request_is_answered_once(open_bot: OpenBot, way: Way, envelope: str) -> None:
    async with open_bot("http", job_seconds=None, environment=QUICK) as bot:
        await prepare(bot)
        fault = bot.google.faults.delay(1.0, path=r":(streamG|g)enerateContent")
        await way(bot)
        body, _ = encoded(last(bot, envelope))
        headers = stamped(bot, body)
        await wait_until(lambda: fault.hits, "the question at Google")
        assert await sent(bot, body, headers) == 200
        await answered_once(bot, asked=1)
        assert await sent(bot, body, headers) == 200
        await bot.stage.kill()
        await bot.stage.start()
        assert await sent(bot, body, headers) == 200
        await answered_once(bot, asked=1)


async def test_what_slack_hands_over_twice_by_socket_is_answered_once(bot: BotHarness) -> None:
    bot.slack.faults.duplicate_deliveries()
    await by_command(bot)
    await answered_once(bot, asked=1)
