"""The reply that tells the owner."""

from dataclasses import replace

import pytest

from bot.domain.jobs import DataStats, Failure, JobState
from handlers.blocks.jobs.notices import build_ended
from tests.support.block_checks import check_message
from tests.support.block_samples import NOW, VERTEX, a_job, done


def ended(job):
    message = build_ended(job, VERTEX)
    check_message(message, mentions={"U1", "U2"})
    return message


def test_success_says_what_to_do_next():
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


def test_success_admits_dropped_rows():
    assert (
        "Google left out 3 of 15 rows: empty."
        in ended(done(data_stats=DataStats(dropped=3, dropped_reasons=("empty",)))).text
    )


def test_success_admits_that_a_cancellation_came_too_late():
    assert "It ended before Google could cancel it.\nAsk it:" in ended(done(cancelled_by="U2")).text


def test_success_without_an_endpoint_offers_no_questions():
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
            "<@U1> *next number* failed on Vertex AI.\nGoogle gave no reason.\nYou can start again with `/tune`.",
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
            "<@U1> *next number* is lost: Vertex AI no longer knows the job.\n"
            "Look for it in Google's console.\nYou can start again with `/tune`.",
        ),
    ],
)
def test_every_other_end_says_why_and_what_to_do(changes, text):
    message = ended(a_job(ended_at=NOW, **changes))
    assert message.text == text
    assert len(message.blocks) == 1


def test_googles_reason_cannot_ping_anybody():
    job = a_job(state=JobState.FAILED, failure=Failure(3, "bad row <!channel>", "tell <@U9>"))
    assert "&lt;!channel&gt;" in ended(job).text


def test_a_job_that_goes_on_has_no_end():
    with pytest.raises(ValueError, match="has not ended"):
        build_ended(a_job(), VERTEX)


def test_a_model_with_quotes_in_its_name_can_be_copied_into_a_command():
    job = done()
    job = replace(job, spec=replace(job.spec, name='the "best" one'))
    assert r'`/ask model="the \"best\" one" your question`' in ended(job).text
