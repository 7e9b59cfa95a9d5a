import sqlite3
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from bot.domain.approval import Approval
from bot.domain.chat import ModelRef
from bot.domain.jobs import JobState, Snapshot
from bot.domain.place import Place
from bot.ports.job_store import Change
from bot.ports.notifier import UNLIMITED, Delivered, Notice, NoticeKind, PostAttempt, SendCapacity
from bot.tuning.transitions import mark_deleted, tell_missing
from storage.conversations import SqliteChatStore
from storage.database import Database
from storage.jobs import SqliteJobStore
from storage.outbox import SqliteOutbox
from tests.support.builders import OTHER_TEAM, START, TEAM, job
from tests.support.clock import FixedClock

CARD, ENDED = NoticeKind.CARD, NoticeKind.ENDED


async def add_news(jobs: SqliteJobStore, key: str, *kinds: NoticeKind) -> None:
    await jobs.change(key, lambda found: Change(found, notices=kinds))


async def due_notices(outbox: SqliteOutbox) -> list[tuple[str, NoticeKind]]:
    return [(notice.job, notice.kind) for notice in await outbox.due(START)]


async def only(outbox: SqliteOutbox) -> Notice:
    (notice,) = await outbox.due(START)
    return notice


async def post_card(jobs: SqliteJobStore, key: str) -> None:
    await jobs.change(key, lambda found: Change(replace(found, card="1700.1")))


async def test_notices_are_due_oldest_first(jobs: SqliteJobStore, outbox: SqliteOutbox) -> None:
    for key in ("k2", "k1", "k3"):
        await jobs.submit(job(key), [CARD])
    assert await due_notices(outbox) == [("k2", CARD), ("k1", CARD), ("k3", CARD)]


async def test_newer_news_join_the_pending_notice_and_keep_its_turn(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    await jobs.submit(job("k1"), [CARD])
    await jobs.submit(job("k2"), [CARD])
    await add_news(jobs, "k1", CARD)
    await add_news(jobs, "k1", CARD, ENDED)
    first, second = await outbox.due(START)
    assert (first.job, first.version) == ("k1", 2)
    assert (second.job, second.version) == ("k2", 0)


async def test_sent_notice_is_never_due_again(jobs: SqliteJobStore, outbox: SqliteOutbox) -> None:
    await jobs.submit(job("k1"), [CARD])
    notice = await only(outbox)
    await outbox.sent(notice)
    await outbox.sent(notice)
    assert await due_notices(outbox) == []


async def test_news_that_joined_a_notice_while_it_was_sent_are_due_behind_all_others(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    await jobs.submit(job("k1", card="1.1"), [CARD])
    await jobs.submit(job("k2", card="2.2"), [CARD])
    read_before, _ = await outbox.due(START)
    await add_news(jobs, "k1", CARD)
    await outbox.sent(read_before)
    assert await due_notices(outbox) == [("k2", CARD), ("k1", CARD)]
    for notice in await outbox.due(START):
        await outbox.sent(notice)
    assert await due_notices(outbox) == []


async def test_news_after_a_sent_notice_are_a_notice_of_their_own(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    await jobs.submit(job("k1"), [CARD])
    first = await only(outbox)
    await outbox.sent(first)
    await add_news(jobs, "k1", CARD)
    second = await only(outbox)
    assert second.id != first.id
    await outbox.sent(first)
    assert await only(outbox) == second


async def test_end_waits_until_the_card_was_posted(jobs: SqliteJobStore, outbox: SqliteOutbox) -> None:
    await jobs.submit(job("k1"), [CARD])
    await add_news(jobs, "k1", ENDED)
    card = await only(outbox)
    assert card.kind is CARD
    await outbox.postpone(card, START + timedelta(minutes=1), "rate limited")
    assert await due_notices(outbox) == []
    await post_card(jobs, "k1")
    await outbox.sent(card)
    assert await due_notices(outbox) == [("k1", ENDED)]


async def test_end_does_not_wait_for_a_mere_update_of_a_posted_card(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    await jobs.submit(job("k1", card="1700.1"), [])
    await add_news(jobs, "k1", ENDED, CARD)
    assert await due_notices(outbox) == [("k1", ENDED), ("k1", CARD)]


async def test_end_is_let_through_once_the_card_was_given_up(jobs: SqliteJobStore, outbox: SqliteOutbox) -> None:
    await jobs.submit(job("k1"), [CARD, ENDED])
    await outbox.give_up(await only(outbox), "channel_not_found")
    assert await due_notices(outbox) == [("k1", ENDED)]


async def test_postponed_notice_comes_back_at_its_time_with_its_attempts_counted(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    await jobs.submit(job("k1"), [CARD])
    until = START + timedelta(seconds=30)
    await outbox.postpone(await only(outbox), until, "rate limited")
    await add_news(jobs, "k1", CARD)
    assert await outbox.due(until - timedelta(microseconds=1)) == []
    (notice,) = await outbox.due(until)
    assert (notice.attempts, notice.version) == (1, 1)


async def test_notice_postponed_before_the_clock_was_set_back_is_due(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    await jobs.submit(job("k1"), [CARD])
    await outbox.postpone(await only(outbox), START + timedelta(minutes=30), "rate limited")
    assert await due_notices(outbox) == [("k1", CARD)]


async def test_notice_given_up_is_kept_for_the_record_and_never_due_again(
    jobs: SqliteJobStore, outbox: SqliteOutbox, database: Database, clock: FixedClock
) -> None:
    await jobs.submit(job("k1"), [CARD])
    clock.advance(minutes=3)
    await outbox.give_up(await only(outbox), "channel_not_found")
    assert await outbox.due(START + timedelta(days=3650)) == []
    (row,) = await database.run(lambda connection: list(connection.query("SELECT * FROM outbox")))
    assert (row["state"], row["reason"]) == ("undeliverable", "channel_not_found")
    assert row["settled_at"] == int(clock.now().timestamp()) * 1_000_000 + clock.now().microsecond


async def test_news_that_joined_a_notice_given_up_are_still_due(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    await jobs.submit(job("k1"), [CARD])
    refused = await only(outbox)
    await add_news(jobs, "k1", CARD)
    await outbox.give_up(refused, "channel_not_found")
    assert (await only(outbox)).version == 1


async def test_outbox_does_not_grow_with_every_update_of_a_card(
    jobs: SqliteJobStore, outbox: SqliteOutbox, database: Database
) -> None:
    await jobs.submit(job("k1", card="1700.1"), [CARD])
    for _ in range(30):
        await outbox.sent(await only(outbox))
        await add_news(jobs, "k1", CARD)
    await add_news(jobs, "k1", ENDED)
    count = await database.run(lambda connection: connection.table("outbox").count)
    assert count == 3  # the last card that was sent, the one that is due, and the end


async def test_notices_of_a_change_that_fails_are_not_due(jobs: SqliteJobStore, outbox: SqliteOutbox) -> None:
    await jobs.submit(job("k1", card="1700.1"), [])
    no_epoch: int = None  # type: ignore[assignment]  # what a mistake in a backend could hand over
    broken = Change(job("k1", state=JobState.SUCCEEDED), [Snapshot(1, 1.0, no_epoch)], [ENDED])
    with pytest.raises(sqlite3.IntegrityError):
        await jobs.change("k1", lambda _: broken)
    assert await jobs.job("k1") == job("k1", card="1700.1")
    assert await due_notices(outbox) == []


async def test_begun_post_is_remembered_until_it_is_settled_or_refused(
    jobs: SqliteJobStore, outbox: SqliteOutbox, clock: FixedClock
) -> None:
    await jobs.submit(job("k1"), [CARD])
    place = Place(TEAM, "D1", "17.5")
    await outbox.record_attempt(await only(outbox), place)
    assert (await only(outbox)).unconfirmed == PostAttempt(place, clock.now())
    await add_news(jobs, "k1", CARD)
    await outbox.postpone(await only(outbox), START, "no answer")
    assert (await only(outbox)).unconfirmed == PostAttempt(place, clock.now())
    await outbox.postpone(await only(outbox), START, "ratelimited", refused=True)
    assert (await only(outbox)).unconfirmed is None


async def test_sent_writes_where_the_card_stands_and_lets_the_reply_go(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    await jobs.submit(job("k1"), [CARD, ENDED])
    direct = Place(TEAM, "D1")
    await outbox.sent(await only(outbox), Delivered(direct, "9.9"))
    found = await jobs.job("k1")
    assert found is not None
    assert (found.place, found.card) == (direct, "9.9")
    reply = await only(outbox)
    assert (reply.kind, reply.channel) == (ENDED, "D1")


async def test_card_that_was_found_again_is_still_due_as_an_edit(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    await jobs.submit(job("k1"), [CARD])
    await outbox.record_attempt(await only(outbox), Place(TEAM, "C0GENERAL"))
    await outbox.sent(await only(outbox), Delivered(Place(TEAM, "C0GENERAL"), "9.9", current=False))
    notice = await only(outbox)
    assert (notice.edits, notice.unconfirmed) == (True, None)


async def test_turns_are_replies_then_first_cards_then_last_cards_then_the_rest(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    await jobs.submit(job("routine", card="1.1"), [CARD])
    await jobs.submit(job("last", state=JobState.FAILED, card="2.2"), [CARD])
    await jobs.submit(job("first"), [CARD])
    await jobs.submit(job("over", state=JobState.FAILED), [CARD, ENDED])
    await add_news(jobs, "last", ENDED)
    assert await due_notices(outbox) == [
        ("over", CARD),
        ("last", ENDED),
        ("first", CARD),
        ("last", CARD),
        ("routine", CARD),
    ]


async def test_only_what_there_is_room_for_is_due(jobs: SqliteJobStore, outbox: SqliteOutbox) -> None:
    for number in range(3):
        for channel in ("C1", "C2"):
            place = Place(TEAM, channel)
            await jobs.submit(replace(job(f"post{number}{channel}"), place=place), [CARD])
            await jobs.submit(replace(job(f"edit{number}{channel}", card="1.1"), place=place), [CARD])

    async def due(capacity: SendCapacity = UNLIMITED, busy: tuple[str, ...] = (), limit: int = 9) -> list[str]:
        found = await outbox.due(START, capacity, busy=busy, limit=limit, a_channel=1)
        return [notice.job for notice in found]

    assert await due() == ["post0C1", "post0C2"]
    assert await due(limit=1) == ["post0C1"]
    assert await due(SendCapacity(paused_channels=frozenset({"C1"}))) == ["post0C2", "edit0C1"]
    assert await due(SendCapacity(posts=False)) == ["edit0C1", "edit0C2"]
    assert await due(SendCapacity(posts=False, edits=1)) == ["edit0C1"]
    assert await due(SendCapacity(edits=0, paused_channels=frozenset({"C1", "C2"}))) == []
    assert await due(busy=("C1",)) == ["post0C2"]


async def test_a_deletion_is_told_in_each_channel_of_the_workspace_that_chose_the_model(
    jobs: SqliteJobStore, outbox: SqliteOutbox, chats: SqliteChatStore
) -> None:
    model = ModelRef("vertex", "projects/1/endpoints/2", "k1")
    tuned = replace(job("k1", state=JobState.SUCCEEDED), endpoint=model.endpoint, card="1700.1")
    await jobs.submit(tuned, [])
    renamed, other = replace(model, name="its display name"), replace(model, endpoint="projects/1/endpoints/3")
    for team, channel, chosen in (
        (TEAM, "C1", model),
        (TEAM, "C2", renamed),
        (TEAM, "C3", other),
        (TEAM, "C4", model),
        (OTHER_TEAM, "C5", model),
    ):
        await chats.bind(Place(team, channel), chosen, "U0ADA")
    await chats.unbind(Place(TEAM, "C4"))
    await jobs.change("k1", partial(mark_deleted, user="U0BOB", now=START))
    due = await outbox.due(START)
    assert [notice.channel for notice in due if notice.kind is NoticeKind.MODEL_DELETED] == ["C1", "C2"]
    for notice in due:
        await outbox.sent(notice)
    assert await outbox.due(START) == []


async def test_that_google_does_not_find_a_model_is_told_once(jobs: SqliteJobStore, outbox: SqliteOutbox) -> None:
    await jobs.submit(replace(job("k1", state=JobState.SUCCEEDED), endpoint="e", card="1700.1"), [])
    await jobs.change("k1", tell_missing)
    await jobs.change("k1", tell_missing)
    assert await due_notices(outbox) == [("k1", NoticeKind.MISSING)]
    await outbox.sent(await only(outbox), Delivered(Place(TEAM, "C0GENERAL"), "1700.1"))
    await jobs.change("k1", tell_missing)
    assert await due_notices(outbox) == []


async def test_each_approver_has_one_message_of_a_job_which_is_updated(
    jobs: SqliteJobStore, outbox: SqliteOutbox
) -> None:
    approval = Approval("It may cost much.", START, ("C0ASK", "U0BOB"))
    asked = replace(job("k1", state=JobState.AWAITING_APPROVAL), approval=approval)
    await jobs.submit(asked, [NoticeKind.APPROVAL])
    to_channel, to_bob = await outbox.due(START)
    assert [(notice.target, notice.channel, notice.edits) for notice in (to_channel, to_bob)] == [
        ("C0ASK", "C0ASK", False),
        ("U0BOB", "U0BOB", False),
    ]
    await outbox.sent(to_channel, Delivered(Place(TEAM, "C0ASK"), "1.1"))
    # The job changes while Bob's message is on its way, and that message is found again after a crash.
    await add_news(jobs, "k1", NoticeKind.APPROVAL)
    await outbox.sent(to_bob, Delivered(Place(TEAM, "D0BOB"), "2.2"))
    updates = {notice.target: notice for notice in await outbox.due(START)}
    assert {name: (one.channel, one.old_card, one.edits) for name, one in updates.items()} == {
        "C0ASK": ("C0ASK", "1.1", True),
        "U0BOB": ("D0BOB", "2.2", True),
    }
    for notice in updates.values():
        await outbox.sent(notice, Delivered(Place(TEAM, notice.channel), notice.old_card))
    assert await outbox.due(START) == []
    found = await jobs.job("k1")
    assert found is not None
    assert (found.place.channel, found.card) == ("C0GENERAL", ""), "the job's own card is another message"

    await outbox.give_up(to_bob, "Bob left")
    await add_news(jobs, "k1", NoticeKind.APPROVAL)
    assert [notice.target for notice in await outbox.due(START)] == ["C0ASK", "U0BOB"]
