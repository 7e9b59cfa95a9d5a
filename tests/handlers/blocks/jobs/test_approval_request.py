"""What approvers see of a start, before and after they decide."""

from dataclasses import replace

import pytest

from bot.domain.approval import Approval
from bot.domain.jobs import JobState, TuningJob
from bot.domain.place import Place, Requester
from handlers.blocks.jobs.approval_request import build_approval_request, build_decline_view, read_decline_view
from handlers.blocks.jobs.card import build_card
from handlers.blocks.message import Message
from tests.support.block_checks import check_message
from tests.support.block_samples import NOW, VERTEX, a_job

ASKED = Approval("It may cost about $60.00: that is over <50>.", NOW, ("U2",))
DECIDED = replace(ASKED, decided_by="U2", decided_at=NOW)


def request(job: TuningJob) -> Message:
    message = build_approval_request(job)
    check_message(message, mentions={"U1", "U2"})
    return message


def test_an_open_request_says_who_asks_the_price_and_why_and_has_two_buttons() -> None:
    message = request(a_job(state=JobState.AWAITING_APPROVAL, approval=ASKED))
    assert "<@U1> asks to tune *next number*: 15 rows" in message.text
    assert "It may cost about $60.00: that is over &lt;50&gt;." in message.text
    assert "Its price is unknown." in message.text
    assert [one["action_id"] for one in message.blocks[-1]["elements"]] == ["job_approve", "job_decline"]


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (a_job(state=JobState.RUNNING, approval=DECIDED), "Approved by <@U2>."),
        (
            a_job(state=JobState.CANCELLED, approval=replace(DECIDED, declined="Too <!here> dear.")),
            "<@U2> declined it: Too &lt;!here&gt; dear.",
        ),
        (a_job(state=JobState.CANCELLED, approval=ASKED), "Nobody approved it in time."),
        (a_job(state=JobState.CANCELLED, approval=ASKED, cancelled_by="U1"), "Cancelled by <@U1>."),
    ],
)
def test_a_decided_request_says_what_became_of_it_and_has_no_button(job: TuningJob, words: str) -> None:
    message = request(replace(job, operation="" if job.state is JobState.CANCELLED else job.operation))
    assert words in message.text
    assert len(message.blocks) == 1


def test_a_card_without_a_named_approver_says_that_one_who_reads_it_can_decide() -> None:
    job = a_job(state=JobState.AWAITING_APPROVAL, approval=replace(ASKED, targets=()))
    assert "No approver is named: one who reads this can decide here." in build_card(job, VERTEX, [], NOW).text


def test_the_form_to_decline_asks_for_the_reason() -> None:
    job = a_job(state=JobState.AWAITING_APPROVAL, approval=ASKED)
    view = build_decline_view(job, Requester("U2", Place("T1", "C1")))
    assert job.key in view["private_metadata"]
    typed = {"state": {"values": {"reason": {"reason": {"value": "Too dear."}}}}}
    assert (read_decline_view(typed), read_decline_view({})) == ("Too dear.", "")
