"""The reply that a job stands still."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings

from bot.domain.jobs import JobState
from handlers.blocks.jobs.card import build_card
from handlers.blocks.jobs.notices import build_stuck
from tests.support.block_checks import check_message
from tests.support.block_samples import GEMINI, NOW, VERTEX, a_job, jobs, profiles

STILL: dict[str, Any] = {"moved_at": NOW - timedelta(hours=2, minutes=5), "stuck_at": NOW}


def actions(message):
    return [
        each["action_id"] for block in message.blocks for each in block.get("elements", []) if "action_id" in each
    ]


def test_a_stuck_job_names_its_owner_the_time_and_what_to_do():
    message = build_stuck(a_job(completed_steps=7, **STILL), VERTEX, NOW)
    check_message(message, mentions={"U1"})
    text = (
        "<@U1> *next number* seems stuck: Vertex AI has shown no new step for 2 hours 5 minutes, after 7 steps.\n"
        "Google queues tunings behind others and may take hours. If nothing moves by tomorrow, cancel it and "
        "start again. I keep checking, and tell you when it ends."
    )
    assert message.text == text
    assert message.blocks[0] == {
        "type": "section",
        "block_id": "stuck",
        "text": {"type": "mrkdwn", "text": text, "verbatim": True},
    }
    assert message.blocks[1]["block_id"] == "stuck_actions"
    [button] = message.blocks[1]["elements"]
    assert (button["action_id"], button["value"], button["style"]) == ("job_cancel", "tb-1", "danger")
    assert button["confirm"]["title"]["text"] == "Cancel this tuning?"


def test_a_job_that_never_showed_a_step_is_not_said_to_have_stopped():
    assert "has shown no step for 2 hours" in build_stuck(a_job(**STILL), VERTEX, NOW).text
    waiting = build_stuck(a_job(state=JobState.QUEUED, **STILL), VERTEX, NOW)
    assert "has waited in the queue of Vertex AI for 2 hours 5 minutes." in waiting.text


def test_a_stuck_job_has_no_cancel_button_where_nothing_can_be_cancelled():
    message = build_stuck(a_job(GEMINI, **STILL), GEMINI, NOW)
    check_message(message, mentions={"U1"})
    assert actions(message) == []
    assert "this one cannot be cancelled" in message.text
    assert actions(build_stuck(a_job(cancelled_by="U2", **STILL), VERTEX, NOW)) == []


def test_the_card_of_a_stuck_job_says_so_until_it_moves_or_ends():
    stuck = build_card(a_job(**STILL), VERTEX, [], NOW)
    check_message(stuck, mentions={"U1"})
    assert "It seems stuck: nothing has moved since <!date^" in stuck.text
    assert "stuck" not in build_card(a_job(moved_at=NOW), VERTEX, [], NOW).text
    assert "stuck" not in build_card(a_job(state=JobState.FAILED, ended_at=NOW, **STILL), VERTEX, [], NOW).text


@given(job=jobs, profile=profiles)
@settings(deadline=None)
def test_any_stuck_job_is_a_message_that_slack_takes(job, profile):
    check_message(build_stuck(job, profile, NOW), mentions={"U1", job.owner, job.cancelled_by})
