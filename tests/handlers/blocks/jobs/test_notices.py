"""The replies under a job card that mention the job's owner."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import DataStats, Failure, JobState, TuningJob
from bot.spending.retirement import Retirement
from handlers.blocks.jobs.card import build_card
from handlers.blocks.jobs.notices import build_ended, build_missing, build_retires, build_stuck
from handlers.blocks.message import Message
from tests.support.block_checks import check_message
from tests.support.block_samples import GEMINI, NOW, VERTEX, a_job, done, jobs, profiles


def ended(job: TuningJob) -> Message:
    message = build_ended(job, VERTEX)
    check_message(message, mentions={"U1", "U2"})
    return message


def test_success_says_what_to_do_next() -> None:
    message = ended(done())
    text = (
        "<@U1> *next number* is ready: tuned on 15 rows from next_number.jsonl, after 4 minutes.\n"
        'Ask it: `/ask model="next number" your question`'
    )
    assert message.text == text
    assert list(message.blocks) == [
        {
            "type": "section",
            "block_id": "ended",
            "text": {"type": "mrkdwn", "text": text, "verbatim": True},
        },
        {
            "type": "actions",
            "block_id": "ended_actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "job_ask",
                    "text": {"type": "plain_text", "text": "Ask it"},
                    "value": "tb-1",
                    "style": "primary",
                },
                {
                    "type": "button",
                    "action_id": "job_use",
                    "text": {"type": "plain_text", "text": "Use in this channel"},
                    "value": "tb-1",
                },
            ],
        },
    ]


def test_success_admits_dropped_rows() -> None:
    assert (
        "Google left out 3 of 15 rows: empty."
        in ended(done(data_stats=DataStats(dropped=3, dropped_reasons=("empty",)))).text
    )


def test_success_admits_that_a_cancellation_came_too_late() -> None:
    assert "It ended before Google could cancel it.\nAsk it:" in ended(done(cancelled_by="U2")).text


def test_success_without_an_endpoint_offers_no_questions() -> None:
    message = ended(done(endpoint=""))
    assert "gave it no address to send questions to" in message.text
    assert len(message.blocks) == 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"state": JobState.FAILED, "failure": Failure(8, "Quota exceeded", "Try again tomorrow")},
            "<@U1> *next number* failed on Vertex AI.\nGoogle's reason: Quota exceeded.\n"
            "What to do: Try again tomorrow.",
        ),
        (
            {"state": JobState.FAILED},
            "<@U1> *next number* failed on Vertex AI.\nGoogle gave no reason.\n"
            "What to do: Try it again. If it fails again, an administrator can open the job in the "
            "Google Cloud console.\n"
            "You can start again with `/tune`.",
        ),
        (
            {"state": JobState.CANCELLED, "cancelled_by": "U2"},
            "<@U1> *next number* was cancelled by <@U2>.\nYou can start again with `/tune`.",
        ),
        (
            {"state": JobState.CANCELLED},
            "<@U1> *next number* was cancelled at Google, not by me.\nYou can start again with `/tune`.",
        ),
        (
            {"state": JobState.LOST},
            "<@U1> *next number* is lost: Vertex AI no longer knows the tuning.\n"
            "Look for it in Google's console.\n"
            'Its name stays taken until it is deleted: `/tune delete "next number"`',
        ),
    ],
)
def test_every_other_end_says_why_and_what_to_do(changes: dict[str, Any], text: str) -> None:
    message = ended(a_job(ended_at=NOW, **changes))
    assert message.text == text
    assert len(message.blocks) == 1


def test_googles_reason_cannot_ping_anybody() -> None:
    job = a_job(state=JobState.FAILED, failure=Failure(3, "bad row <!channel>", "tell <@U9>"))
    assert "&lt;!channel&gt;" in ended(job).text


def test_a_job_that_goes_on_has_no_end() -> None:
    with pytest.raises(ValueError, match="has not ended"):
        build_ended(a_job(), VERTEX)


def test_a_model_with_quotes_in_its_name_can_be_copied_into_a_command() -> None:
    job = done()
    job = replace(job, spec=replace(job.spec, name='the "best" one'))
    assert r'`/ask model="the \"best\" one" your question`' in ended(job).text


STILL: dict[str, Any] = {"moved_at": NOW - timedelta(hours=2, minutes=5), "stuck_at": NOW}


def actions(message: Message) -> list[str]:
    return [
        each["action_id"] for block in message.blocks for each in block.get("elements", []) if "action_id" in each
    ]


def test_a_stuck_job_names_its_owner_the_time_and_what_to_do() -> None:
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


def test_a_job_that_never_showed_a_step_is_not_said_to_have_stopped() -> None:
    assert "has shown no step for 2 hours" in build_stuck(a_job(**STILL), VERTEX, NOW).text
    waiting = build_stuck(a_job(state=JobState.QUEUED, **STILL), VERTEX, NOW)
    assert "has waited in the queue of Vertex AI for 2 hours 5 minutes." in waiting.text


def test_a_stuck_job_has_no_cancel_button_where_nothing_can_be_cancelled() -> None:
    message = build_stuck(a_job(GEMINI, **STILL), GEMINI, NOW)
    check_message(message, mentions={"U1"})
    assert actions(message) == []
    assert "this one cannot be cancelled" in message.text
    assert actions(build_stuck(a_job(cancelled_by="U2", **STILL), VERTEX, NOW)) == []


def test_the_card_of_a_stuck_job_says_so_until_it_moves_or_ends() -> None:
    stuck = build_card(a_job(**STILL), VERTEX, [], NOW)
    check_message(stuck, mentions={"U1"})
    assert "It seems stuck: nothing has moved since <!date^" in stuck.text
    assert "stuck" not in build_card(a_job(moved_at=NOW), VERTEX, [], NOW).text
    assert "stuck" not in build_card(a_job(state=JobState.FAILED, ended_at=NOW, **STILL), VERTEX, [], NOW).text


@given(job=jobs, profile=profiles)
def test_any_stuck_job_is_a_message_that_slack_takes(job: TuningJob, profile: BackendProfile) -> None:
    check_message(build_stuck(job, profile, NOW), mentions={"U1", job.owner, job.cancelled_by})


def test_a_start_in_doubt_says_where_to_look_and_how_to_give_it_up() -> None:
    job = a_job(state=JobState.SUBMITTING, problem="In the console, look for the label tb-1.", stuck_at=NOW)
    message = build_stuck(job, VERTEX, NOW)
    assert message.text.startswith("<@U1> *next number* is in doubt: I do not know whether Vertex AI started it")
    assert "look for the label tb-1" in message.text
    assert [button["action_id"] for button in message.blocks[1]["elements"]] == ["job_cancel", "job_delete"]


RETIREMENT = Retirement("gemini-3.5-flash", date(2027, 5, 19), True, date(2027, 4, 19), date(2026, 11, 27))


def test_the_owner_reads_when_the_base_retires_and_can_tune_on_a_successor() -> None:
    message = build_retires(done(), RETIREMENT, "gemini-3.5-flash-lite", datetime(2027, 3, 20, tzinfo=UTC))
    check_message(message, mentions={"U1"})
    assert message.text == (
        "<@U1> Google retires the base model of *next number* in 60 days; then *next number* no longer answers. "
        "gemini-3.5-flash retires on 19 May 2027 or later, and tuning on it closes on 19 April 2027 (by a table "
        "of 27 November 2026). You can tune the same file on `gemini-3.5-flash-lite`: the button opens the form, "
        "filled in."
    )
    [button] = message.blocks[-1]["elements"]
    assert (button["action_id"], button["value"]) == ("job_successor", "tb-1")


def test_a_model_that_google_can_be_asked_to_move_has_a_button_for_it() -> None:
    message = build_retires(done(), RETIREMENT, "gemini-3.5-flash-lite", NOW, moves=True)
    check_message(message, mentions={"U1"})
    assert "have Google move the model there" in message.text
    assert [each["action_id"] for each in message.blocks[-1]["elements"]] == ["job_successor", "job_move"]


@pytest.mark.parametrize("passing", [False, True])
def test_a_move_that_google_refused_can_be_replaced_by_a_tuning(passing: bool) -> None:
    refused = Failure(0, "Google did not move the model.", "Nothing was started.", passing=passing)
    job = done(state=JobState.FAILED, failure=refused, endpoint="", tuned_model="")
    job = replace(job, spec=replace(job.spec, moved_from="projects/1/locations/l/models/7@1"))
    message = build_ended(job, VERTEX)
    check_message(message, mentions={"U1"})
    [button] = message.blocks[-1]["elements"]
    assert button["action_id"] == ("job_again" if passing else "job_tune_again")
    assert f'{button["action_id"]}"' in json.dumps(build_card(job, VERTEX, (), NOW).blocks)


def test_without_a_successor_there_is_no_button() -> None:
    message = build_retires(done(), RETIREMENT, "", datetime(2027, 5, 19, tzinfo=UTC))
    check_message(message, mentions={"U1"})
    assert "retires the base model of *next number* now" in message.text
    assert [block["type"] for block in message.blocks] == ["section"]


def test_the_card_has_the_button_after_the_owner_was_told() -> None:
    def actions_of(job: TuningJob, profile: BackendProfile = VERTEX) -> set[str]:
        blocks = build_card(job, profile, (), NOW).blocks
        elements = [each for block in blocks for each in block.get("elements", ())]
        return {each["action_id"] for each in elements if "action_id" in each}

    assert "job_successor" in actions_of(done(retirement_told=120))
    assert "job_successor" not in actions_of(done())
    assert "job_successor" not in actions_of(done(retirement_told=120, deleted_by="U1"))
    assert "job_move" not in actions_of(done(retirement_told=120))
    assert "job_move" in actions_of(done(retirement_told=120), replace(VERTEX, moves_tuned_models=True))


@pytest.mark.parametrize("successor", ["", "gemini-3.5-flash"])
def test_a_missing_model_is_told_to_its_owner_with_a_way_to_tune_again(successor: str) -> None:
    message = build_missing(done(), successor)
    check_message(message, mentions={"U1"})
    assert "Google answered 404 to a question to *next number*: it does not find the model." in message.text
    assert len(message.blocks) == (2 if successor else 1)
