"""A message is told once, in order, where it belongs: over real sockets, while Slack fails in every way."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.domain.approval import Approval
from bot.domain.jobs import JobState, TuningJob
from bot.ports.job_store import Change
from bot.ports.notifier import NoticeKind
from handlers.delivery.post_finder import NOTICE_EVENT
from tests.support.slack_harness import ENDED, SlackHarness, open_slack_harness
from tests.support.waiting import DEADLINE_SECONDS, holds, wait_until


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[SlackHarness]:
    async with open_slack_harness(tmp_path) as made:
        yield made


async def test_the_card_is_posted_then_edited_and_the_end_is_told_under_it(at: SlackHarness) -> None:
    await at.add("walk")
    at.sender.start()
    await at.all_sent()
    await at.move("walk", 3)
    await at.all_sent()
    await at.end("walk")
    await at.all_sent()
    card, reply = at.messages()
    assert card.edits == 2
    assert "walk" in card.text
    assert reply.thread_ts == card.ts
    assert "is ready" in reply.text
    assert (await at.job("walk")).card == card.ts


async def test_the_session_of_who_asked_is_suspended_until_an_approver_decides(at: SlackHarness) -> None:
    direct = at.ada.open_dm()
    await at.add("asked", NoticeKind.CARD, channel=direct)
    approval = Approval("It may cost much.", datetime.now(UTC))

    def wait_for_approval(job: TuningJob) -> Change:
        after = replace(job, state=JobState.AWAITING_APPROVAL, approval=approval)
        return Change(after, notices=[NoticeKind.CARD])

    def let_it_wait(job: TuningJob) -> Change:
        after = replace(job, state=JobState.WAITING, approval=replace(approval, decided_by="U0BOB"))
        return Change(after, notices=[NoticeKind.CARD, NoticeKind.APPROVED])

    at.sender.start()
    for step, status in ((wait_for_approval, "suspended"), (let_it_wait, "active")):
        await at.jobs.change("asked", step)
        await at.all_sent()
        assert at.slack.workspace.agent_sessions[direct.id, ""].status == status


@pytest.mark.parametrize("how", ["ours", "shared", "unknown"])
async def test_approvers_are_told_nothing_of_a_start_where_another_company_may_read(
    at: SlackHarness, how: str
) -> None:
    asked_in = at.slack.add_channel("approvals", at.ada)
    asked_in.is_ext_shared = how == "shared"
    if how == "unknown":
        at.slack.faults.fail("conversations.info", times=None, error="internal_error")
    await at.add("salaries", NoticeKind.CARD)
    approval = Approval("It may cost much.", datetime.now(UTC), (asked_in.id,))

    def asked(job: TuningJob, state: JobState = JobState.AWAITING_APPROVAL) -> Change:
        return Change(replace(job, state=state, approval=approval), notices=[NoticeKind.APPROVAL])

    at.sender.start()
    await at.jobs.change("salaries", asked)
    await at.all_sent()
    (message,) = [each for each in at.messages() if each.channel == asked_in.id]
    seen = f"{message.text} {message.blocks}"
    assert ("salaries" in seen) is (how == "ours")
    assert (at.ada.id in seen) is (how == "ours")
    assert ("job_approve" in seen) is (how == "ours")
    assert "waits for the yes" in seen or how == "ours"
    await at.jobs.change("salaries", lambda job: asked(job, JobState.WAITING))
    await at.all_sent()
    (message,) = [each for each in at.messages() if each.channel == asked_in.id]
    assert message.edits == 1
    assert ("salaries" in f"{message.text} {message.blocks}") is (how == "ours")


async def test_approvers_are_asked_once_slack_says_who_reads_their_channel(
    at: SlackHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.transport.slack_people._FAILURE_KEPT_SECONDS", 0.0)
    asked_in = at.slack.add_channel("approvals", at.ada)
    at.slack.faults.fail("conversations.info", times=2, error="internal_error")
    await at.add("salaries", NoticeKind.CARD)
    approval = Approval("It may cost much.", datetime.now(UTC), (asked_in.id,))
    at.sender.start()
    await at.jobs.change(
        "salaries",
        lambda job: Change(
            replace(job, state=JobState.AWAITING_APPROVAL, approval=approval), notices=[NoticeKind.APPROVAL]
        ),
    )
    await at.all_sent()
    (message,) = [each for each in at.messages() if each.channel == asked_in.id]
    assert "job_approve" in str(message.blocks)


async def test_a_post_carries_the_metadata_by_which_it_is_found_again(at: SlackHarness) -> None:
    await at.add("marked")
    at.sender.start()
    await at.all_sent()
    (card,) = at.messages()
    assert card.metadata is not None
    assert card.metadata["event_type"] == NOTICE_EVENT
    payload: dict[str, Any] = card.metadata["event_payload"]
    assert (payload["job"], payload["kind"]) == ("marked", "card")


async def test_a_card_whose_blocks_slack_refuses_is_posted_and_edited_as_plain_text(
    at: SlackHarness, caplog: pytest.LogCaptureFixture
) -> None:
    await at.add("plain")
    at.slack.faults.fail("chat.postMessage", times=2, error="invalid_blocks")
    at.sender.start()
    await at.all_sent()
    (card,) = at.messages("plain")
    assert not card.blocks
    at.slack.faults.fail("chat.update", error="msg_too_long")
    await at.move("plain", 3)
    await at.all_sent()
    assert (card.edits, bool(card.blocks)) == (1, False)
    assert "sending its text alone" in caplog.text


async def test_a_text_that_slack_never_takes_ends_after_an_hour_of_few_tries(
    at: SlackHarness, caplog: pytest.LogCaptureFixture
) -> None:
    await at.add("never")
    at.slack.faults.fail("chat.postMessage", times=None, error="msg_too_long")
    at.sender.start()
    await at.refused_twice()
    await at.time_passes(hours=1)
    await at.all_sent()
    assert "gave up a notice of never" in caplog.text
    rows = await at.database.run(lambda db: list(db.query("SELECT state, reason FROM outbox")))
    assert rows == [{"state": "undeliverable", "reason": "Slack refuses the message: msg_too_long."}]


# What passes, and what is final


@pytest.mark.parametrize(
    "error",
    [
        *("rate_limited", "org_login_required", "accesslimited", "message_limit_exceeded", "ekm_access_denied"),
        *("channel_not_found", "is_archived", "message_not_found", "a_code_of_next_year"),
    ],
)
async def test_a_refusal_that_passes_moves_no_card_and_loses_no_news(at: SlackHarness, error: str) -> None:
    await at.add("stays")
    at.sender.start()
    await at.all_sent()
    at.slack.faults.fail("chat.update", times=3, error=error)
    at.slack.faults.fail("chat.postMessage", times=2, error=error)
    await at.end("stays")
    await at.all_sent()
    card, reply = at.messages()
    assert ({card.channel, reply.channel}, reply.thread_ts) == ({at.channel.id}, card.ts)
    assert "done" in card.text
    assert (await at.job("stays")).card == card.ts


@pytest.mark.parametrize("is_refused", [True, False])
async def test_the_end_of_a_job_whose_card_somebody_deleted_is_posted_in_its_channel(
    at: SlackHarness, is_refused: bool
) -> None:
    """Slack posts it there by itself, or says that the thread is gone."""
    await at.add("deleted")
    at.sender.start()
    await at.all_sent()
    (card,) = at.messages("deleted")
    await at.client.chat_delete(channel=card.channel, ts=card.ts)
    if is_refused:
        at.slack.faults.fail("chat.postMessage", times=3, error="thread_not_found")
    await at.end("deleted")
    if is_refused:
        await at.refused_twice(ENDED)
        await at.time_passes(minutes=2)
    await at.until(lambda: at.messages("deleted", "is ready"))
    (ended,) = at.messages("deleted", "is ready")
    assert (ended.channel, ended.thread_ts) == (at.channel.id, None)


async def test_a_first_card_waits_for_a_channel_that_slack_does_not_find_for_a_moment(at: SlackHarness) -> None:
    await at.add("first")
    at.slack.faults.fail("chat.postMessage", times=3, error="channel_not_found")
    at.sender.start()
    await at.all_sent()
    (card,) = at.messages("first")
    assert card.channel == at.channel.id


async def test_the_card_that_stayed_in_a_closed_channel_is_put_right_when_the_channel_opens_again(
    at: SlackHarness,
) -> None:
    await at.add("moved")
    at.sender.start()
    await at.all_sent()
    (old,) = at.messages("moved")
    at.channel.is_archived = True
    await at.move("moved", 1)
    await at.refused_twice()
    await at.time_passes(minutes=2)
    await at.all_sent()
    old, new = at.messages("moved")
    direct = at.slack.workspace.direct_message(at.slack.app.bot_user_id, at.ada.id)
    assert (new.channel, (await at.job("moved")).card) == (direct.id, new.ts)
    await at.end("moved")
    await at.all_sent()
    assert "done" not in old.text
    at.channel.is_archived = False
    await at.until(lambda: "done" in old.text)
    assert len(at.messages("moved")) == 3, "two cards and one reply"
    job = await at.job("moved")
    assert (job.place.channel, job.card) == (direct.id, new.ts)

    async def settled() -> bool:
        states = await at.database.run(lambda db: list(db.query("SELECT DISTINCT state FROM outbox")))
        return states == [{"state": "sent"}]

    await wait_until(settled)


async def test_an_old_card_in_an_open_channel_follows_the_job_until_its_end(at: SlackHarness) -> None:
    await at.add("follows")
    at.sender.start()
    await at.all_sent()
    at.slack.faults.fail("chat.update", times=None, error="channel_not_found", channel=at.channel.id)
    at.slack.faults.fail("chat.postMessage", times=None, error="channel_not_found", channel=at.channel.id)
    await at.move("follows", 1)
    await at.refused_twice()
    await at.time_passes(minutes=2)
    await at.all_sent()
    old, new = at.messages("follows")
    assert old.channel != new.channel
    at.slack.faults.clear()
    await at.move("follows", 7)
    await at.until(lambda: "7" in str(old.blocks))
    await at.end("follows")
    await at.until(lambda: "done" in old.text)


async def test_an_old_card_of_a_channel_that_stays_closed_is_given_up_after_two_days(
    at: SlackHarness, caplog: pytest.LogCaptureFixture
) -> None:
    await at.add("closed")
    at.sender.start()
    await at.all_sent()
    at.channel.is_archived = True
    await at.move("closed", 1)
    await at.refused_twice()
    await at.time_passes(minutes=2)
    await at.all_sent()
    await at.refused_twice()
    await at.time_passes(days=2)
    await wait_until(lambda: "gave up a notice of closed" in caplog.text)


@pytest.mark.parametrize("error", ["token_revoked", "invalid_auth", "missing_scope", "account_inactive"])
async def test_an_app_that_is_shut_out_loses_nothing_until_it_is_let_in_again(
    at: SlackHarness, error: str
) -> None:
    await at.add("shut out")
    at.slack.faults.fail("chat.postMessage", times=None, error=error)
    await at.sender.send_due()
    await at.sender.settle()
    assert len(at.calls("chat.postMessage")) == 1
    assert await at.pending() == 1
    at.slack.faults.clear()
    await at.database.write(lambda db: db.execute("UPDATE outbox SET due_at = 0"))  # half a minute later
    at.sender.start()
    await at.all_sent()
    assert len(at.messages()) == 1


async def test_a_card_that_cannot_be_drawn_stops_no_other(at: SlackHarness) -> None:
    await at.add("broken")
    await at.jobs.change("broken", lambda job: Change(replace(job, spec=replace(job.spec, backend="gone"))))
    await at.add("sound")
    at.sender.start()
    await at.until(lambda: at.messages("sound"))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await at.sender.settle()
    assert await at.pending() == 1
    assert not at.messages("broken")


async def test_the_card_of_a_job_whose_backend_is_offered_no_more_tells_its_end(at: SlackHarness) -> None:
    await at.add("earlier")
    await at.jobs.change("earlier", lambda job: Change(replace(job, spec=replace(job.spec, backend="gemini"))))
    at.sender.start()
    await at.all_sent()
    await at.end("earlier")
    await at.all_sent()
    card, reply = at.messages()
    assert "earlier" in card.text
    assert (reply.thread_ts, "is ready" in reply.text) == (card.ts, True)


async def test_a_refused_chart_turns_into_words_and_the_notice_is_told(at: SlackHarness) -> None:
    at.slack.workspace.charts_enabled = False
    await at.add("chart")
    at.sender.start()
    await at.all_sent()
    assert len(at.messages("chart")) == 1


# Slack is away


async def a_call_more(at: SlackHarness) -> None:
    """Wait until the sender has called Slack once more."""
    before = len(at.slack.workspace.calls)
    await at.until(lambda: len(at.slack.workspace.calls) > before)


@pytest.mark.long
async def test_slack_goes_away_and_comes_back_everything_arrives_once_in_order_and_only_the_newest(
    at: SlackHarness,
) -> None:
    for name in ("posted", "ends"):
        await at.add(name)
    at.sender.start()
    await at.all_sent()
    edits_before = {message.text.splitlines()[0]: message.edits for message in at.messages()}
    at.slack.faults.outage()
    await at.add("born in the dark")
    for step in range(1, 41):
        await at.move("posted", step)
        await at.move("born in the dark", step)
        at.sender.wake()
        if not step % 10:
            await a_call_more(at)
    await at.end("ends")
    await at.end("born in the dark", JobState.FAILED)
    tries = len(at.slack.workspace.calls)
    await holds(lambda: len(at.slack.workspace.calls) - tries <= 60, 1.0, "few calls while Slack is away")
    at.slack.faults.clear()
    await at.all_sent()
    assert len(at.messages()) == 5
    assert len(edits_before) == 2
    for name in ("ends", "born in the dark"):
        job = await at.job(name)
        card, reply = at.messages(name)
        assert (card.ts, reply.thread_ts) == (job.card, job.card)
        assert card.ts < reply.ts
    (posted,) = at.messages("posted")
    assert posted.edits == 1, "forty steps, one card"
    assert "40" in str(posted.blocks)


async def test_slack_cannot_even_be_connected_to(tmp_path: Path) -> None:
    async with open_slack_harness(tmp_path) as at:
        await at.slack.__aexit__(None, None, None)
        await at.add("nobody there")
        at.sender.start()
        await holds(lambda: at.calls("chat.postMessage") == [], 0.5, "no call")
        async with at.slack:
            await at.all_sent()
            assert len(at.messages()) == 1
            assert not at.calls("conversations.history"), "nothing was sent, so nothing need be looked for"
            await at.sender.stop(1.0)
        await at.slack.__aenter__()


async def test_one_channel_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    async with open_slack_harness(tmp_path, seconds=60.0) as at:
        await at.add("hanging")
        at.slack.faults.hang("chat.postMessage", times=1)
        at.sender.start()
        await at.until(lambda: at.calls("chat.postMessage"))
        for number in range(5):
            room = at.slack.add_channel(f"room{number}", at.ada)
            await at.add(f"job{number}", channel=room)
        at.sender.wake()
        await at.until(lambda: len(at.messages()) == 5)
        assert not at.calls("conversations.history"), "the first call still hangs, so nothing was looked for"
        await at.sender.stop(0.0)
        at.restart()
        at.sender.start()
        await at.all_sent()
        assert len(at.messages()) == 6
