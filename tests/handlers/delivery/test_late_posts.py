"""What Slack carries out after it was posted again stands there once in the end: over real sockets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from tests.support.slack_harness import ENDED, SlackHarness, open_slack_harness
from tests.support.waiting import holds, wait_until

# The client stops waiting after this time. Slack carries the post out after the bot has looked for it twice.
HANGS_UP = 0.1
LATE = 1.5


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[SlackHarness]:
    async with open_slack_harness(tmp_path, seconds=HANGS_UP) as made:
        yield made


def _standing(at: SlackHarness) -> list[str]:
    return [message.ts for message in at.messages() if not message.deleted]


async def _posted_twice(at: SlackHarness) -> str:
    """Let Slack carry out a card late; return the `ts` of the second one, which is the job's."""
    await at.add("late")
    at.slack.faults.delay("chat.postMessage", seconds=LATE)
    at.sender.start()
    await at.all_sent()
    card = (await at.job("late")).card
    assert _standing(at) == [card]
    return card


async def test_a_post_that_slack_carries_out_after_it_was_posted_again_is_deleted(at: SlackHarness) -> None:
    card = await _posted_twice(at)
    await at.until(lambda: len(at.messages()) == 2)
    await wait_until(lambda: _standing(at) == [card], "one card")
    assert (await at.job("late")).card == card


async def test_a_late_post_to_which_somebody_replied_stays(at: SlackHarness) -> None:
    card = await _posted_twice(at)
    await at.until(lambda: len(at.messages()) == 2)
    late = next(message for message in at.messages() if message.ts != card)
    at.ada.post(at.channel, "why twice?", thread_ts=late.ts)
    await holds(lambda: len(_standing(at)) == 2, 3.0, "the late card")


async def test_a_late_post_stays_where_the_second_one_was_deleted(at: SlackHarness) -> None:
    card = await _posted_twice(at)
    await at.client.chat_delete(channel=at.channel.id, ts=card)
    await at.until(lambda: len(_standing(at)) == 1)
    await holds(lambda: len(_standing(at)) == 1, 3.0, "the late card")


async def test_other_posts_of_the_job_are_no_doubles(at: SlackHarness) -> None:
    card = await _posted_twice(at)
    await at.end("late", JobState.FAILED)
    await at.all_sent()
    await at.until(lambda: at.calls("chat.delete") and len(_standing(at)) == 2)
    (end,) = [message for message in at.messages() if message.ts in _standing(at) and message.ts != card]
    assert end.thread_ts == card
    assert end.metadata is not None
    assert end.metadata["event_payload"]["kind"] == ENDED
