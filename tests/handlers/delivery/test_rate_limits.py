"""The bot stays within Slack's limits, however many messages are due. Time runs ten times as fast."""

import asyncio
import gc
import itertools
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from aiolimiter import AsyncLimiter
from sqlite_utils import Database as Connection

from bot.domain.backoff import Backoff
from bot.domain.jobs import JobState
from bot.domain.place import Place
from bot.ports.job_store import Change
from bot.sandbox.slack import SlackStandIn, SlackWorkspace
from handlers.blocks.replies import build_reply
from handlers.delivery.rate_limits import Method, RateLimits
from handlers.transport.manifest import manifest
from storage.outbox_notices import add_notices
from tests.support.clock import run_in_jumping_time, seconds_pass
from tests.support.slack_harness import CARD, SlackHarness, open_slack_harness
from tests.support.waiting import wait_until

pytestmark = pytest.mark.long

FASTER = 10.0


def hurried() -> tuple[SlackStandIn, RateLimits]:
    """A Slack with its limits on, and the bot's pace, both by a clock that runs ten times as fast."""
    began = time.time()
    workspace = SlackWorkspace(now=lambda: began + (time.time() - began) * FASTER)
    slack = SlackStandIn(workspace, manifest=manifest())
    slack.limits.enabled = True
    return slack, RateLimits(post_seconds=1 / FASTER, edit_seconds=60 / FASTER)


def refusals(at: SlackHarness) -> list[str]:
    return [call.method for call in at.slack.workspace.calls if call.status == 429]


async def test_two_hundred_jobs_that_move_at_once_hit_no_limit_and_ends_go_first(tmp_path: Path) -> None:
    slack, limits = hurried()
    async with open_slack_harness(tmp_path, slack=slack, limits=limits, seconds=10.0) as at:
        rooms = [at.channel, *(slack.add_channel(f"room{number}", at.ada) for number in range(9))]
        names = [f"job{number:03}" for number in range(200)]
        for number, name in enumerate(names):
            await at.add(name, channel=rooms[number % 10])
        at.sender.start()
        await at.all_sent()
        assert len(at.messages()) == 200

        await at.sender.stop(1.0)
        ended = names[150:170]
        for name in names:
            await at.move(name, 7)
        for name in ended:
            await at.end(name, JobState.FAILED)
        posted, edited = len(at.calls("chat.postMessage")), len(at.calls("chat.update"))
        at.restart()
        at.sender.start()
        await at.all_sent()

        assert refusals(at) == []
        replies, edits = at.calls("chat.postMessage")[posted:], at.calls("chat.update")[edited:]
        assert len(replies) == 20
        keys = {(await at.job(name)).card: name for name in names}
        order = [keys[call.args["ts"]] for call in edits]
        assert sorted(order) == names, "each card once, though those that ended had two things to tell"
        # A card of another job may slip in while the channels of those that ended are busy with their replies.
        assert set(ended) <= set(order[:25])
        routine = [name for name in order if name not in ended]
        assert all(
            number - 10 <= routine.index(name) <= number + 10 for number, name in enumerate(sorted(routine))
        )
        assert max(reply.received_at for reply in replies) < edits[40].received_at
        minute = [call.received_at for call in edits]
        assert max(sum(start <= each < start + 60 for each in minute) for start in minute) > 40, "not dawdling"


async def test_cards_that_never_rest_take_fair_turns(tmp_path: Path) -> None:
    slack, limits = hurried()
    async with open_slack_harness(tmp_path, slack=slack, limits=limits, seconds=10.0) as at:
        names = [f"job{number:02}" for number in range(20)]
        for number, name in enumerate(names):
            await at.add(name, channel=slack.add_channel(f"room{number}", at.ada))
        at.sender.start()
        await at.all_sent()
        earlier = len(at.calls("chat.update"))
        steps = itertools.count(1)

        def edits() -> Counter[str]:
            return Counter(str(call.args["ts"]) for call in at.calls("chat.update")[earlier:])

        async def all_move_and_each_was_edited_thrice() -> bool:
            step = next(steps)
            for name in names:
                await at.move(name, step)
            at.sender.wake()
            return len(edits()) == 20 and min(edits().values()) >= 3

        await wait_until(all_move_and_each_was_edited_thrice)
        assert refusals(at) == []
        # One more for those whose first step came before the others had one.
        assert max(edits().values()) - min(edits().values()) <= 2


async def test_people_are_answered_before_cards_and_both_together_keep_the_pace(tmp_path: Path) -> None:
    slack, limits = hurried()
    async with open_slack_harness(tmp_path, slack=slack, limits=limits, seconds=10.0) as at:
        place = Place(slack.workspace.team_id, at.channel.id)
        for number in range(60):
            await at.add(f"job{number:02}")
        at.sender.start()
        await at.until(lambda: len(at.messages()) == 3)
        async with asyncio.TaskGroup() as people:
            for number in range(10):
                people.create_task(at.poster.post(place, build_reply(f"answer {number}")))
        assert len(at.messages("Tuning")) < 30, "no card went between the answers"
        assert len(at.messages("answer")) == 10
        await at.all_sent()
        assert refusals(at) == []
        order = [message.text.startswith("answer") for message in at.messages()]
        first = order.index(True)
        assert order[first : first + 11].count(True) == 10


async def test_a_card_waits_after_an_ephemeral_message(tmp_path: Path) -> None:
    slack, limits = hurried()
    async with open_slack_harness(tmp_path, slack=slack, limits=limits) as at:
        at.sender.start()
        for number in range(10):
            await at.poster.post_ephemeral(Place("T", at.channel.id), at.ada.id, build_reply("only you"))
            await at.add(f"job{number}")
            at.sender.wake()
            await at.all_sent()
            await wait_until(lambda: not limits.capacity().paused_channels, "the channel's turn")
        assert refusals(at) == []


async def test_retry_after_holds_for_the_whole_method_and_for_nothing_else(tmp_path: Path) -> None:
    async with open_slack_harness(tmp_path, backoff=Backoff(first=0.01)) as at:
        other = at.slack.add_channel("other", at.ada)
        await at.add("edited", card="")
        at.sender.start()
        await at.all_sent()
        at.slack.faults.rate_limit("chat.postMessage", retry_after=1)
        await at.add("asked")
        at.sender.wake()
        await at.until(lambda: any(call.status == 429 for call in at.slack.workspace.calls))
        await at.add("elsewhere", channel=other)
        await at.move("edited", 5)
        at.sender.wake()
        await at.until(lambda: len(at.messages()) == 3 and at.calls("chat.update"))
        posts = at.calls("chat.postMessage")
        assert [post.status for post in posts] == [200, 429, 200, 200], "no call in between"
        refused, (edit,) = posts[1], at.calls("chat.update")
        assert posts[2].received_at - refused.received_at >= 0.9
        assert refused.received_at < edit.received_at < posts[2].received_at


async def test_a_person_gets_the_answer_after_the_pause_that_slack_asked_for(tmp_path: Path) -> None:
    async with open_slack_harness(tmp_path) as at:
        at.slack.faults.rate_limit("chat.postMessage", retry_after=1)
        place = Place(at.slack.workspace.team_id, at.channel.id)
        async with asyncio.TaskGroup() as people:
            people.create_task(at.poster.post(place, build_reply("one")))
            people.create_task(at.poster.post(place, build_reply("two")))
        assert len(at.messages()) == 2
        refused, *posted = at.calls("chat.postMessage")
        assert len(posted) == 2
        assert min(post.received_at for post in posted) - refused.received_at >= 0.9


async def test_a_slow_answer_does_not_let_the_next_post_come_too_soon(tmp_path: Path) -> None:
    slack, limits = hurried()
    async with open_slack_harness(tmp_path, slack=slack, limits=limits) as at:
        for number in range(4):
            await at.add(f"job{number}")
        slack.faults.delay("chat.postMessage", seconds=0.9 / FASTER, times=2)
        at.sender.start()
        await at.all_sent()
        assert refusals(at) == []


async def test_a_person_who_is_being_answered_slowly_is_not_overtaken(tmp_path: Path) -> None:
    slack, limits = hurried()
    async with open_slack_harness(tmp_path, slack=slack, limits=limits) as at:
        slack.faults.delay("chat.postMessage", seconds=6 / FASTER)
        place = Place(slack.workspace.team_id, at.channel.id)
        async with asyncio.TaskGroup() as people:
            people.create_task(at.poster.post(place, build_reply("answer")))
            await at.until(lambda: at.calls("chat.postMessage"))
            await at.add("card")
            at.sender.start()
        await at.all_sent()
        assert refusals(at) == []
        answer, card = at.messages()
        assert (answer.text, card.text[:11]) == ("answer", "Tuning card")


def limiters() -> int:
    """How many limiters there are in this process."""
    return sum(isinstance(thing, AsyncLimiter) for thing in gc.get_objects())


def test_the_limiters_do_not_grow_with_the_channels() -> None:
    async def post_in_many_channels() -> int:
        limits, before = RateLimits(), limiters()
        for number in range(5_000):
            async with limits.posting(f"C{number}"):
                pass
            if not number % 50:
                await seconds_pass(2)
        async with limits.posting("C0"):
            return limiters() - before

    assert 0 < run_in_jumping_time(post_in_many_channels()) <= 200


def test_fifty_edits_a_minute_are_never_more_in_any_minute() -> None:
    async def edit_for_minutes() -> list[float]:
        limits = RateLimits()
        times: list[float] = []
        while not times or times[-1] - times[0] < 200:
            async with limits.editing():
                times.append(await seconds_pass())
        return times

    times = run_in_jumping_time(edit_for_minutes())
    assert max(sum(start <= each < start + 60 for each in times) for start in times) in (48, 49)


def test_capacity_is_what_may_be_sent_now() -> None:
    run_in_jumping_time(check_capacity())


async def check_capacity() -> None:
    limits = RateLimits()
    assert (limits.capacity().posts, limits.capacity().edits, limits.capacity().paused_channels) == (
        True,
        5,
        frozenset(),
    )
    async with limits.posting("C1"):
        assert limits.capacity().paused_channels == {"C1"}
    assert limits.capacity().paused_channels == {"C1"}
    for _ in range(3):
        async with limits.editing():
            pass
    assert limits.capacity().edits == 2
    limits.pause(Method.POST, 2)
    limits.pause(Method.EDIT, 2)
    assert (limits.capacity().posts, limits.capacity().edits) == (False, 0)
    await seconds_pass(3)
    assert limits.capacity().posts
    assert limits.capacity().paused_channels == frozenset()


async def test_two_thousand_that_wait_do_not_slow_the_choice(tmp_path: Path) -> None:
    async with open_slack_harness(tmp_path) as at:
        await at.add("template", CARD)
        template = await at.job("template")

        def fill(db: Connection) -> None:
            row = next(db.query("SELECT * FROM jobs"))
            for number in range(2_000):
                name = f"k{number}"
                db.table("jobs").insert({**row, "key": name, "name": name, "folded_name": name})
                add_notices(db, replace(template, key=name), [CARD])

        async def work_of_one_choice() -> int:
            """How many instructions of SQLite's virtual machine it takes, in hundreds."""
            steps = itertools.count()

            def count() -> int:
                next(steps)
                return 0

            await at.database.run(lambda db: db.conn.set_progress_handler(count, 100))
            (notice,) = await at.stores.outbox.due(template.created_at, limit=10, a_channel=1)
            await at.database.run(lambda db: db.conn.set_progress_handler(None, 0))
            assert notice.job == "template"
            return next(steps)

        alone = await work_of_one_choice()
        await at.database.write(fill)
        assert await work_of_one_choice() <= alone + 2
        await at.jobs.change("k1999", lambda job: Change(replace(job, state=JobState.FAILED), notices=[CARD]))
        (notice,) = await at.stores.outbox.due(template.created_at, limit=10, a_channel=1)
        assert notice.job == "k1999"
