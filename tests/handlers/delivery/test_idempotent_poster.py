"""A post whose answer never came is looked for in Slack before anything is posted again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.chat import ModelRef
from bot.domain.jobs import JobState
from bot.domain.place import Place
from bot.errors import Unconfirmed
from bot.ports.job_store import Change
from bot.ports.notifier import NoticeKind, PostAttempt
from bot.runtime.background_tasks import BackgroundTasks
from handlers.delivery.idempotent_poster import SETTLES_IN, IdempotentPoster
from handlers.delivery.late_posts import LatePosts
from handlers.delivery.post_finder import NOTICE_EVENT, PostFinder
from tests.support.clock import FixedClock
from tests.support.slack_harness import CARD, ENDED, SlackHarness, open_slack_harness
from tests.support.waiting import holds


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[SlackHarness]:
    async with open_slack_harness(tmp_path) as made:
        yield made


@pytest.mark.parametrize("kind", [CARD, ENDED])
async def test_an_answer_that_was_lost_is_found_again_and_not_posted_twice(
    at: SlackHarness, kind: NoticeKind
) -> None:
    await at.add("lost")
    if kind is ENDED:
        at.sender.start()
        await at.all_sent()
        await at.end("lost")
    at.slack.faults.lose_answer("chat.postMessage")
    if kind is CARD:
        at.sender.start()
    await at.all_sent()
    assert len(at.messages()) == (1 if kind is CARD else 2)
    posts = at.calls("chat.postMessage")
    assert len(posts) == len(at.messages())
    assert (await at.job("lost")).card == at.messages()[0].ts


async def test_a_card_that_was_found_again_is_brought_up_to_date(at: SlackHarness) -> None:
    await at.add("stale")
    at.slack.faults.lose_answer("chat.postMessage")
    await at.sender.send_due()
    await at.sender.settle()
    await at.end("stale", JobState.FAILED)
    at.sender.start()
    await at.all_sent()
    card, reply = at.messages()
    assert "failed" in card.text
    assert reply.thread_ts == card.ts


async def test_nothing_is_posted_again_while_slack_does_not_show_whether_it_has_it(at: SlackHarness) -> None:
    await at.add("unsure")
    at.slack.faults.lose_answer("chat.postMessage")
    at.slack.faults.fail("conversations.history", times=None, error="internal_error")
    at.sender.start()
    await at.until(lambda: len(at.calls("conversations.history")) == 3)
    assert len(at.messages()) == 1
    assert (await at.job("unsure")).card == ""
    at.slack.faults.clear()
    await at.all_sent()
    assert len(at.messages()) == 1
    assert (await at.job("unsure")).card == at.messages()[0].ts


async def test_a_post_that_never_arrived_is_posted_once_that_is_certain(at: SlackHarness) -> None:
    await at.add("reset")
    at.slack.faults.reset("chat.postMessage")
    at.sender.start()
    await at.all_sent()
    assert len(at.messages()) == 1
    assert len(at.calls("chat.postMessage")) == 2
    assert at.calls("conversations.history")


async def test_a_post_that_slack_still_works_on_is_waited_for(tmp_path: Path) -> None:
    # The client hangs up after 0.1 s; Slack carries the post out after 0.25 s, when the look-up finds nothing yet.
    async with open_slack_harness(tmp_path, seconds=0.1) as at:
        await at.add("late")
        at.slack.faults.delay("chat.postMessage", seconds=0.25)
        at.sender.start()
        await at.all_sent()
        await holds(lambda: len(at.messages()) == 1, 0.3, "one card")


@pytest.mark.parametrize("error", ["internal_error", "fatal_error"])
async def test_slacks_own_errors_that_leave_it_open_are_looked_into(at: SlackHarness, error: str) -> None:
    await at.add("open")
    at.slack.faults.fail("chat.postMessage", error=error)
    at.sender.start()
    await at.all_sent()
    assert at.calls("conversations.history")
    assert len(at.messages()) == 1


async def test_a_plain_refusal_needs_no_looking_up(at: SlackHarness) -> None:
    await at.add("paused")
    at.slack.faults.rate_limit("chat.postMessage", retry_after=1)
    at.sender.start()
    await at.all_sent()
    assert not at.calls("conversations.history")
    assert len(at.messages()) == 1


async def test_a_post_begun_before_the_clock_was_set_back_is_told_once_without_waiting_for_that_time(
    at: SlackHarness,
) -> None:
    at.slack.faults.reset("chat.postMessage")
    await at.add("numbers")
    await at.sender.send_due()
    await at.sender.settle()
    ahead = "UPDATE outbox SET begun_at = begun_at + 600000000, due_at = due_at + 600000000"
    await at.database.write(lambda db: db.execute(ahead))
    at.restart()
    at.sender.start()
    await at.all_sent()
    assert len(at.messages("numbers")) == 1


async def test_a_post_is_certain_to_be_missing_only_after_time_that_no_clock_shows(at: SlackHarness) -> None:
    clock = FixedClock()
    finder = PostFinder(at.connection.client)
    late = LatePosts(at.connection.poster, finder, BackgroundTasks())
    poster = IdempotentPoster(at.connection.poster, finder, clock, late)
    attempt = PostAttempt(Place(at.slack.workspace.team_id, at.channel.id), clock.now())
    metadata = {"event_type": NOTICE_EVENT, "event_payload": {"job": "late"}}
    for jump in (timedelta(hours=1), timedelta(hours=-2)):
        clock.set_forward(jump)
        with pytest.raises(Unconfirmed):
            await poster.find(metadata, attempt)
    clock.advance(SETTLES_IN)
    assert await poster.find(metadata, attempt) is None


async def test_another_process_finds_what_the_last_one_had_begun(at: SlackHarness) -> None:
    await at.add("handed over")
    at.slack.faults.lose_answer("chat.postMessage")
    await at.sender.send_due()
    await at.sender.settle()
    await at.sender.stop(1.0)
    at.restart()
    at.sender.start()
    await at.all_sent()
    assert len(at.messages()) == 1


async def test_a_post_that_was_cut_off_while_under_way_is_found_by_the_next_process(at: SlackHarness) -> None:
    await at.add("cut off")
    at.slack.faults.delay("chat.postMessage", seconds=0.15)
    at.sender.start()
    await at.until(lambda: at.calls("chat.postMessage"))
    await at.sender.stop(0.0)
    at.restart()
    at.sender.start()
    await at.all_sent()
    await holds(lambda: len(at.messages()) == 1, 0.3, "one card")


async def test_the_look_up_reads_every_page(at: SlackHarness) -> None:
    await at.add("deep")
    at.slack.faults.lose_answer("chat.postMessage")
    await at.sender.send_due()
    await at.sender.settle()
    for number in range(450):
        at.ada.post(at.channel, f"small talk {number}")
    at.sender.start()
    await at.all_sent()
    assert len(at.calls("conversations.history")) == 3
    assert len(at.messages()) == 1


async def test_a_reply_in_a_thread_is_looked_for_in_the_thread(at: SlackHarness) -> None:
    question = at.ada.post(at.channel, "please tune this")
    await at.add("threaded", thread=question.ts)
    at.slack.faults.lose_answer("chat.postMessage")
    at.sender.start()
    await at.all_sent()
    (card,) = at.messages()
    assert card.thread_ts == question.ts
    assert at.calls("conversations.replies")


async def test_two_jobs_that_lose_their_answers_are_not_taken_for_each_other(at: SlackHarness) -> None:
    at.slack.faults.lose_answer("chat.postMessage", times=2)
    await at.add("twin one")
    await at.add("twin two")
    at.sender.start()
    await at.all_sent()
    one, two = at.messages("twin one"), at.messages("twin two")
    assert (len(one), len(two)) == (1, 1)
    assert (await at.job("twin one")).card == one[0].ts
    assert (await at.job("twin two")).card == two[0].ts


async def test_what_went_to_the_owner_directly_is_looked_for_there(at: SlackHarness) -> None:
    outside = at.slack.add_channel("elsewhere", at.ada, with_bot=False)
    await at.add("direct", channel=outside)
    direct = at.slack.workspace.direct_message(at.slack.app.bot_user_id, at.ada.id)
    # The first post is refused by the channel; the answer to the second one, to Ada herself, is lost.
    at.slack.faults.delay("chat.postMessage", seconds=0)
    at.slack.faults.lose_answer("chat.postMessage")
    at.sender.start()
    await at.all_sent()
    (card,) = at.messages("direct")
    assert card.channel == direct.id
    job = await at.job("direct")
    assert (job.place, job.card) == (Place(job.place.team, direct.id), card.ts)


@pytest.mark.parametrize("deleted", [True, False])
async def test_what_another_channel_is_told_of_its_model_moves_no_card_there(
    at: SlackHarness, deleted: bool
) -> None:
    other = at.slack.add_channel("elsewhere", at.ada, with_bot=True)
    await at.add("chosen")
    await at.end("chosen")
    at.sender.start()
    await at.all_sent()
    before = await at.job("chosen")
    model = ModelRef(before.backend, before.endpoint, "chosen")
    await at.stores.chats.bind(Place(before.place.team, other.id), model, at.ada.id)
    at.slack.faults.lose_answer("chat.postMessage")
    told = [NoticeKind.MODEL_DELETED] if deleted else []
    closed = () if deleted else (other.id,)
    await at.jobs.change("chosen", lambda job: Change(job, notices=told, closed=closed))
    await at.all_sent()
    assert [message.channel for message in at.messages("chosen")].count(other.id) == 1
    after = await at.job("chosen")
    assert (after.place, after.card) == (before.place, before.card)


async def test_the_scopes_of_the_manifest_are_enough_to_look_it_up_in_every_kind_of_channel(
    at: SlackHarness,
) -> None:
    for private in (False, True):
        room = at.slack.add_channel(f"room-{private}", at.ada, private=private)
        await at.add(f"job {private}", channel=room)
    at.slack.faults.lose_answer("chat.postMessage", times=2)
    at.sender.start()
    await at.all_sent()
    assert len(at.messages()) == 2


async def test_a_search_in_a_channel_that_is_not_found_for_a_moment_is_no_reason_to_post_again(
    at: SlackHarness,
) -> None:
    await at.add("hidden")
    at.slack.faults.lose_answer("chat.postMessage")
    at.slack.faults.fail("conversations.history", times=3, error="channel_not_found")
    at.sender.start()
    await at.all_sent()
    (card,) = at.messages("hidden")
    assert len(at.calls("chat.postMessage")) == 1
    assert (await at.job("hidden")).card == card.ts


async def test_a_broken_edit_is_simply_repeated(at: SlackHarness) -> None:
    await at.add("edited")
    at.sender.start()
    await at.all_sent()
    at.slack.faults.lose_answer("chat.update")
    at.slack.faults.reset("chat.update")
    await at.move("edited", 2)
    await at.all_sent()
    assert len(at.messages()) == 1
    assert not at.calls("conversations.history")


async def test_a_card_that_somebody_deleted_is_posted_anew(at: SlackHarness) -> None:
    await at.add("deleted")
    at.sender.start()
    await at.all_sent()
    (card,) = at.messages()
    await at.client.chat_delete(channel=card.channel, ts=card.ts)
    at.slack.faults.lose_answer("chat.postMessage")
    await at.move("deleted", 1)
    await at.refused_twice()
    await at.time_passes(minutes=2)
    await at.all_sent()
    (again,) = at.messages()
    assert again.ts != card.ts
    assert (await at.job("deleted")).card == again.ts
